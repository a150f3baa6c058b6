"""`imagineid train`: learn the networks; every run is resumed by the same command.

Under `accelerate launch` or `torchrun` all processes run the same command; the first one tells.
"""

import argparse
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import StageBars, stage_bars
from imagineid_core.cli.train_adapters import add_adapters
from imagineid_core.cli.train_imagine import add_imagine
from imagineid_core.cli.train_on_people import add_matting, add_reader

if TYPE_CHECKING:
    from imagineid_core.corpus.clip import Corpus

PRESETS = ("smoke", "mini", "paper")
_EPILOG = """
Several processes, on CPUs or GPUs, each with its share of every batch:

  accelerate launch --multi_gpu --num_processes 2 -m imagineid_core.cli train listen --preset smoke
  torchrun --nproc_per_node 2 -m imagineid_core.cli train listen --preset smoke

On a machine without GPUs accelerate needs --multi_gpu as well: without it, it starts one process,
whatever the number, and the training is told so and goes on with one.
"""
_LOG = logging.getLogger(__name__)
_OWN_CORPUS = {"smoke": (12, 6), "mini": (300, 20), "paper": (300, 20)}  # speakers, clips


def add_commands(commands: Any) -> None:
    train = commands.add_parser("train", help="train the networks")
    what = train.add_subparsers(required=True, metavar="WHAT")
    listen = what.add_parser(
        "listen",
        help="the lip reader, PAD's three stages, head motion",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listen.add_argument("--preset", choices=PRESETS, default="mini", help="size and length (mini)")
    listen.add_argument(
        "--corpus", metavar="DIR", help="a talker corpus (one is made in the output folder)"
    )
    listen.add_argument("--out", metavar="DIR", help="weights and logs (out/train/PRESET)")
    listen.add_argument("--seed", type=int, default=0)
    listen.add_argument("--expert", metavar="FILE", help="an exported lip reader, for ours")
    listen.add_argument("--cpu", action="store_true", help="leave the GPU alone")
    listen.set_defaults(run=run_listen)
    add_imagine(what)
    add_adapters(what)
    add_matting(what)
    add_reader(what)


def run_listen(options: argparse.Namespace) -> None:
    from imagineid_core.training.presets import PRESETS as MAKE
    from imagineid_core.training.processes import is_first_process
    from imagineid_core.training.train_listen import train_listen

    out = Path(options.out or f"out/train/{options.preset}")
    processes = _joined(options)
    with stage_bars(hidden=not is_first_process()) as bars:
        corpus = _corpus(options, out, processes, bars)
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
    if is_first_process():
        told = {stage: dict(values) for stage, values in listener.metrics.items()}
        print(json.dumps(told, indent=1))
        print("\n".join(map(str, listener.files)))


def _joined(options: argparse.Namespace) -> Any:
    """Accelerate's link between all processes that were launched; sets --cpu where nothing else is.

    Accelerate joins processes on a CPU only if it is told to stay there.
    """
    from imagineid_core.training import processes
    from imagineid_core.training.optional import training_package

    if processes.was_meant_for_more():
        _LOG.warning(
            "accelerate launch was asked for several processes but started one, as it does on a "
            "machine without GPUs; training goes on with one. For several add --multi_gpu: %s ...",
            processes.LAUNCH,
        )
    if processes.num_launched() > 1 and processes.is_cpu_machine():
        options.cpu = True
    joined = training_package("accelerate").PartialState(cpu=options.cpu)
    processes.check_joined(joined.num_processes)
    return joined


def _corpus(options: argparse.Namespace, out: Path, processes: Any, bars: StageBars) -> "Corpus":
    """The one that was named, or our own; of several processes the first one makes it."""
    from imagineid_core.corpus.talker import build_talker_corpus, open_talker_corpus
    from imagineid_core.training.processes import is_first_process

    if options.corpus:
        return open_talker_corpus(options.corpus)
    speakers, clips = _OWN_CORPUS[options.preset]
    with processes.main_process_first():
        if is_first_process():
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
    if options.expert:
        words += ["--expert", Path(options.expert).name]
    return " ".join(map(str, words))
