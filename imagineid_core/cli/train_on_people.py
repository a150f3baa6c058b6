"""`imagineid train matting` and `train reader`: small networks of pictures; each resumes itself.

Under `accelerate launch -m imagineid_core.cli train ...` all processes run the same command.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import stage_bars
from imagineid_core.cli.train_imagine import people_corpus

if TYPE_CHECKING:
    from imagineid_core.corpus.people import PeopleCorpus
    from imagineid_core.training.train_on_people import TrainedNetwork

PRESETS = ("smoke", "mini")


def add_matting(what: Any) -> None:
    matting = what.add_parser("matting", help="a small matting network, in MODNet's place")
    _add_options(matting, "matting")
    matting.set_defaults(run=run_matting)


def add_reader(what: Any) -> None:
    reader = what.add_parser(
        "reader",
        help="a small network that reads 68 landmarks off pictures of the open face",
        description="A face reader for evaluation: 68 landmarks, or that there is no face. It "
        "learns from synthetic people of the open face alone; what it says of photographs means "
        "nothing.",
    )
    _add_options(reader, "reader")
    reader.add_argument(
        "--model",
        metavar="DIR",
        help="a model whose autoencoder some portraits go through (the shipped one)",
    )
    reader.set_defaults(run=run_reader)


def run_matting(options: argparse.Namespace) -> None:
    from imagineid_core.training.matting_presets import PRESETS as MAKE
    from imagineid_core.training.train_matting import train_matting

    out = _out(options, "matting")
    with stage_bars() as bars:
        corpus = _corpus(options, out, bars)
    trained = train_matting(
        corpus,
        out,
        MAKE[options.preset](),
        seed=options.seed,
        command=_command(options, "matting"),
        cpu=options.cpu,
    )
    _tell(trained)


def run_reader(options: argparse.Namespace) -> None:
    from imagineid_core.assets import IMAGINE, check_suite
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
    from imagineid_core.training.reader_presets import PRESETS as MAKE
    from imagineid_core.training.train_reader import train_reader

    out, preset = _out(options, "reader"), MAKE[options.preset]()
    command = _command(options, "reader")
    vae = None
    if preset.generated_people:
        place = check_suite(IMAGINE) if options.model is None else Path(options.model)
        vae = load_stable_diffusion(place).vae
    if options.model is not None:
        command += f" --model {Path(options.model).name}"
    with stage_bars() as bars:
        corpus = _corpus(options, out, bars)
        trained = train_reader(
            corpus,
            out,
            preset,
            vae=vae,
            seed=options.seed,
            command=command,
            cpu=options.cpu,
            on_progress=bars.steps,
        )
    _tell(trained)


def _add_options(command: argparse.ArgumentParser, name: str) -> None:
    command.add_argument("--preset", choices=PRESETS, default="mini", help="size and length (mini)")
    command.add_argument(
        "--corpus",
        metavar="DIR",
        help="a people corpus (the one of 'imagine' is made in the output folder)",
    )
    command.add_argument("--out", metavar="DIR", help=f"weights and logs (out/{name}/PRESET)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--cpu", action="store_true", help="leave the GPU alone")


def _out(options: argparse.Namespace, name: str) -> Path:
    return Path(options.out or f"out/{name}/{options.preset}")


def _corpus(options: argparse.Namespace, out: Path, bars: Any) -> "PeopleCorpus":
    from imagineid_core.training.imagine_presets import PRESETS as IMAGINE

    return people_corpus(options, out, IMAGINE[options.preset](), bars)


def _command(options: argparse.Namespace, name: str) -> str:
    """What reproduces the weights, without the paths of this machine."""
    return f"imagineid train {name} --preset {options.preset} --seed {options.seed}"


def _tell(trained: "TrainedNetwork") -> None:
    from imagineid_core.training.processes import is_first_process

    if is_first_process():
        print(json.dumps(trained.metrics, indent=1))
        print(trained.path)
