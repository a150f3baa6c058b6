"""`imagineid train imagine`: the mini latent diffusion model; the same command resumes.

Under `accelerate launch -m imagineid_core.cli train ...` all processes run the same command.
"""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import stage_bars

if TYPE_CHECKING:
    from imagineid_core.corpus.people import PeopleCorpus
    from imagineid_core.training.imagine_presets import ImaginePreset

PRESETS = ("smoke", "mini", "mini_longer", "mini_heads")
_SHIPPED = "shipped"


def add_imagine(what: Any) -> None:
    imagine = what.add_parser("imagine", help="the mini latent diffusion model: VAE, text, UNet")
    imagine.add_argument("--preset", choices=PRESETS, default="mini", help="size and length (mini)")
    imagine.add_argument(
        "--corpus", metavar="DIR", help="a people corpus (one is made in the output folder)"
    )
    imagine.add_argument(
        "--vae",
        metavar="DIR",
        help="take the autoencoder of this model, or the 'shipped' one, instead of training it",
    )
    imagine.add_argument(
        "--unet",
        metavar="DIR",
        help="take all of this model, or the 'shipped' one; only its UNet learns on "
        "(mini_longer, mini_heads)",
    )
    imagine.add_argument(
        "--until", type=int, metavar="STEP", help="where the last stage ends (its whole length)"
    )
    imagine.add_argument("--out", metavar="DIR", help="model and logs (out/imagine/PRESET)")
    imagine.add_argument("--seed", type=int, default=0)
    imagine.add_argument("--cpu", action="store_true", help="leave the GPU alone")
    imagine.set_defaults(run=run_imagine)


def run_imagine(options: argparse.Namespace) -> None:
    from imagineid_core.training.imagine_presets import PRESETS as MAKE
    from imagineid_core.training.train_imagine import train_imagine

    out = Path(options.out or f"out/imagine/{options.preset}")
    preset = MAKE[options.preset]()
    with stage_bars() as bars:
        imaginer = train_imagine(
            people_corpus(options, out, preset, bars),
            out,
            preset,
            vae=shipped_or(options.vae),
            unet=shipped_or(options.unet),
            until=options.until,
            seed=options.seed,
            command=_command(options),
            cpu=options.cpu,
            on_progress=bars.steps,
        )
    print(json.dumps({stage: dict(values) for stage, values in imaginer.metrics.items()}, indent=1))
    print(imaginer.model)


def people_corpus(
    options: argparse.Namespace, out: Path, preset: "ImaginePreset", bars: Any
) -> "PeopleCorpus":
    """The one that was named, or our own; of several processes the first one makes it."""
    from imagineid_core.corpus.people import build_people_corpus, open_people_corpus
    from imagineid_core.training.optional import training_package

    if options.corpus:
        return open_people_corpus(options.corpus)
    processes = training_package("accelerate").PartialState(cpu=options.cpu)
    with processes.main_process_first():
        build_people_corpus(
            out / "corpus",
            num_people=preset.people,
            num_frames=preset.frames,
            size=preset.suite.size,
            seed=options.seed,
            workers=os.cpu_count() or 1,
            on_progress=lambda done, total: bars.steps("people", done, total),
        )
    return open_people_corpus(out / "corpus")


def shipped_or(named: str | None) -> str | Path | None:
    """The folder that an option names, or the shipped suite's."""
    from imagineid_core.assets import IMAGINE, check_suite

    return check_suite(IMAGINE) if named == _SHIPPED else named


def _command(options: argparse.Namespace) -> str:
    """What reproduces these weights, without the paths of this machine."""
    words = ["imagineid", "train", "imagine", "--preset", options.preset, "--seed", options.seed]
    for option in ("vae", "unet"):
        if named := getattr(options, option):
            words += [f"--{option}", Path(named).name]
    if options.until is not None:
        words += ["--until", options.until]
    return " ".join(map(str, words))
