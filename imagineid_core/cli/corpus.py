"""`imagineid corpus`: people and voices to learn from, made here."""

import argparse
import os
from typing import Any

from imagineid_core.cli.corpus_people import add_people
from imagineid_core.cli.progress import stage_bars


def add_commands(commands: Any) -> None:
    corpus = commands.add_parser("corpus", help="make what networks learn from")
    what = corpus.add_subparsers(required=True, metavar="WHAT")
    talker = what.add_parser("talker", help="synthetic talking people (needs espeak-ng)")
    talker.add_argument(
        "--out", required=True, metavar="DIR", help="a new folder, or one to finish"
    )
    talker.add_argument("--speakers", type=int, default=300, help="voices (300)")
    talker.add_argument("--clips", type=int, default=20, help="clips a voice (20)")
    talker.add_argument("--seed", type=int, default=0)
    talker.add_argument(
        "--split",
        help="only the speakers of train, validation or test; the rest can follow later (all)",
    )
    talker.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all)")
    talker.set_defaults(run=run_talker)
    add_people(what)


def run_talker(options: argparse.Namespace) -> None:
    from imagineid_core.corpus.talker import build_talker_corpus
    from imagineid_core.corpus.talker.sentences import SPLITS

    with stage_bars() as bars:
        manifest = build_talker_corpus(
            options.out,
            num_speakers=options.speakers,
            clips_per_speaker=options.clips,
            seed=options.seed,
            split=options.split,
            workers=options.workers,
            on_progress=lambda done, total: bars.steps("speakers", done, total),
        )
    only = "" if set(manifest.splits) == set(SPLITS) else f" of {' and '.join(manifest.splits)}"
    print(f"{len(manifest.shards)} speakers{only} x {options.clips} clips -> {options.out}")
