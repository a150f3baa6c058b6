"""`imagineid train`: learn the networks; every run is resumed by the same command.

Under `accelerate launch -m imagineid_core.cli train ...` all processes run the same command.
"""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import stage_bars

if TYPE_CHECKING:
    from imagineid_core.corpus.clip import Corpus

PRESETS = ("smoke", "mini", "paper")
_OWN_CORPUS = {"smoke": (12, 6), "mini": (300, 20), "paper": (300, 20)}  # speakers, clips


def add_commands(commands: Any) -> None:
    train = commands.add_parser("train", help="train the networks")
    what = train.add_subparsers(required=True, metavar="WHAT")
    listen = what.add_parser("listen", help="the lip reader, PAD's three stages, head motion")
    listen.add_argument("--preset", choices=PRESETS, default="mini", help="size and length (mini)")
    listen.add_argument(
        "--corpus", metavar="DIR", help="a talker corpus (one is made in the output folder)"
    )
    listen.add_argument("--out", metavar="DIR", help="weights and logs (out/train/PRESET)")
    listen.add_argument("--seed", type=int, default=0)
    listen.add_argument("--expert", metavar="FILE", help="an exported lip reader, for ours")
    listen.add_argument("--cpu", action="store_true", help="leave the GPU alone")
    listen.set_defaults(run=run_listen)


def run_listen(options: argparse.Namespace) -> None:
    from imagineid_core.training.presets import PRESETS as MAKE
    from imagineid_core.training.train_listen import train_listen

    out = Path(options.out or f"out/train/{options.preset}")
    with stage_bars() as bars:
        corpus = _corpus(options, out, bars)
        listener = train_listen(
            corpus,
            out,
            MAKE[options.preset](),
            expert=options.expert,
            seed=options.seed,
            command=_command(options),
            cpu=options.cpu,
            on_progress=bars.steps,
        )
    print(json.dumps({stage: dict(values) for stage, values in listener.metrics.items()}, indent=1))
    print("\n".join(map(str, listener.files)))


def _corpus(options: argparse.Namespace, out: Path, bars: Any) -> "Corpus":
    """The one that was named, or our own; of several processes the first one makes it."""
    from imagineid_core.corpus.talker import build_talker_corpus, open_talker_corpus
    from imagineid_core.training.optional import training_package

    if options.corpus:
        return open_talker_corpus(options.corpus)
    speakers, clips = _OWN_CORPUS[options.preset]
    processes = training_package("accelerate").PartialState(cpu=options.cpu)
    with processes.main_process_first():
        build_talker_corpus(
            out / "corpus",
            num_speakers=speakers,
            clips_per_speaker=clips,
            seed=options.seed,
            workers=os.cpu_count() or 1,
            on_progress=lambda done, total: bars.steps("speakers", done, total),
        )
    return open_talker_corpus(out / "corpus")


def _command(options: argparse.Namespace) -> str:
    """What reproduces these weights, without the paths of this machine."""
    words = ["imagineid", "train", "listen", "--preset", options.preset, "--seed", options.seed]
    return " ".join(map(str, words))
