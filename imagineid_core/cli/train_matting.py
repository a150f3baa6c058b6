"""`imagineid train matting`: the small matting network; the same command resumes.

Under `accelerate launch -m imagineid_core.cli train ...` all processes run the same command.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from imagineid_core.cli.progress import stage_bars
from imagineid_core.cli.train_imagine import people_corpus

PRESETS = ("smoke", "mini")


def add_matting(what: Any) -> None:
    matting = what.add_parser("matting", help="a small matting network, in MODNet's place")
    matting.add_argument("--preset", choices=PRESETS, default="mini", help="size and length (mini)")
    matting.add_argument(
        "--corpus",
        metavar="DIR",
        help="a people corpus (the one of 'imagine' is made in the output folder)",
    )
    matting.add_argument("--out", metavar="DIR", help="weights and logs (out/matting/PRESET)")
    matting.add_argument("--seed", type=int, default=0)
    matting.add_argument("--cpu", action="store_true", help="leave the GPU alone")
    matting.set_defaults(run=run_matting)


def run_matting(options: argparse.Namespace) -> None:
    from imagineid_core.training.imagine_presets import PRESETS as IMAGINE
    from imagineid_core.training.matting_presets import PRESETS as MAKE
    from imagineid_core.training.processes import is_first_process
    from imagineid_core.training.train_matting import train_matting

    out = Path(options.out or f"out/matting/{options.preset}")
    with stage_bars() as bars:
        corpus = people_corpus(options, out, IMAGINE[options.preset](), bars)
    trained = train_matting(
        corpus,
        out,
        MAKE[options.preset](),
        seed=options.seed,
        command=f"imagineid train matting --preset {options.preset} --seed {options.seed}",
        cpu=options.cpu,
    )
    if is_first_process():
        print(json.dumps(trained.metrics, indent=1))
        print(trained.path)
