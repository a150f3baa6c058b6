"""`imagineid train adapters`: TIA, SCA and MBA on a frozen model; the same command resumes.

Under `accelerate launch -m imagineid_core.cli train ...` all processes run the same command.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import stage_bars
from imagineid_core.cli.train_imagine import shipped_or
from imagineid_core.errors import InputError

if TYPE_CHECKING:
    from imagineid_core.training.adapter_sources import Voices

PRESETS = ("smoke", "mini", "mini_again", "paper")
VARIANTS = ("a", "b", "c", "d", "none")


def add_adapters(what: Any) -> None:
    adapters = what.add_parser("adapters", help="TIA, SCA and MBA on a frozen diffusion model")
    adapters.add_argument("--preset", choices=PRESETS, default="mini", help="size, length (mini)")
    adapters.add_argument(
        "--model", metavar="DIR", required=True, help="a diffusers folder, or what 'imagine' wrote"
    )
    adapters.add_argument("--corpus", metavar="DIR", required=True, help="a people corpus")
    adapters.add_argument("--pad", metavar="DIR", help="trained PAD; without it there is no TIA")
    adapters.add_argument("--talkers", metavar="DIR", help="a talker corpus, for TIA")
    adapters.add_argument(
        "--begin",
        metavar="DIR",
        help="adapters that learn on, 'shipped' or of a folder, instead of untrained ones",
    )
    adapters.add_argument("--out", metavar="DIR", help="weights and logs (out/adapters/PRESET)")
    adapters.add_argument("--vgg", metavar="FILE", help="a VGG state dict for MBA's loss")
    adapters.add_argument("--variant", choices=VARIANTS, help="of MBA (d, the paper's)")
    adapters.add_argument("--words", type=int, metavar="N", help="pseudo-words of TIA (8)")
    adapters.add_argument("--seed", type=int, default=0)
    adapters.add_argument("--cpu", action="store_true", help="leave the GPU alone")
    adapters.set_defaults(run=run_adapters)


def run_adapters(options: argparse.Namespace) -> None:
    import dataclasses

    from imagineid_core.corpus.people import open_people_corpus
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
    from imagineid_core.training.adapter_presets import PRESETS as MAKE
    from imagineid_core.training.processes import is_first_process
    from imagineid_core.training.train_adapters import train_adapters

    out = Path(options.out or f"out/adapters/{options.preset}")
    chosen = {"variant": options.variant, "num_words": options.words}
    changed: dict[str, Any] = {key: value for key, value in chosen.items() if value is not None}
    voices = voices_from(options)
    corpus = open_people_corpus(options.corpus)
    with stage_bars() as bars:
        trained = train_adapters(
            load_stable_diffusion(options.model),
            corpus,
            out,
            dataclasses.replace(MAKE[options.preset](), **changed),
            voices=voices,
            begin=shipped_or(options.begin),
            vgg=options.vgg,
            seed=options.seed,
            command=_command(options),
            cpu=options.cpu,
            on_progress=bars.steps,
        )
    if is_first_process():
        told = {stage: dict(values) for stage, values in trained.metrics.items()}
        print(json.dumps(told, indent=1))
        print("\n".join(map(str, trained.files)))


def voices_from(options: argparse.Namespace) -> "Voices | None":
    from imagineid_core.corpus.talker import open_talker_corpus
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.training.adapter_sources import Voices

    if (options.pad is None) != (options.talkers is None):
        raise InputError(
            "of --pad and --talkers one is given without the other, but the words of TIA are "
            "learned from what PAD hears in talkers. Give both, or neither for no TIA."
        )
    if options.pad is None:
        return None
    return Voices(pad=load_pad(options.pad), corpus=open_talker_corpus(options.talkers))


def _command(options: argparse.Namespace) -> str:
    """What reproduces these weights, without the paths of this machine."""
    words = ["imagineid", "train", "adapters", "--preset", options.preset, "--seed", options.seed]
    for name in ("variant", "words"):
        if getattr(options, name) is not None:
            words += [f"--{name}", getattr(options, name)]
    if options.begin is not None:
        words += ["--begin", Path(options.begin).name]
    return " ".join(map(str, words))
