"""`imagineid corpus people`: pictures of synthetic people for the image networks."""

import argparse
import os
from typing import Any

from imagineid_core.cli.progress import stage_bars


def add_people(what: Any) -> None:
    people = what.add_parser("people", help="pictured people: portraits, meshes, masks, captions")
    people.add_argument(
        "--out", required=True, metavar="DIR", help="a new folder, or one to finish"
    )
    people.add_argument("--people", type=int, default=5_000, help="identities (5000)")
    people.add_argument("--frames", type=int, default=3, help="pictures a person (3)")
    people.add_argument("--size", type=int, default=128, help="pixels (128)")
    people.add_argument("--seed", type=int, default=0)
    people.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all)")
    people.add_argument("--sheet", metavar="FILE", help="write a picture of the first people")
    people.set_defaults(run=run_people)


def run_people(options: argparse.Namespace) -> None:
    from imagineid_core.corpus.people import build_people_corpus, open_people_corpus
    from imagineid_core.corpus.people.sheet import people_sheet
    from imagineid_core.video.picture import save_picture

    with stage_bars() as bars:
        manifest = build_people_corpus(
            options.out,
            num_people=options.people,
            num_frames=options.frames,
            size=options.size,
            seed=options.seed,
            workers=options.workers,
            on_progress=lambda done, total: bars.steps("people", done, total),
        )
    if options.sheet:
        save_picture(people_sheet(open_people_corpus(options.out)), options.sheet)
    megabytes = manifest.num_bytes / 1e6
    num_people = sum(len(shard.items) for shard in manifest.shards.values())
    print(f"{num_people} people x {options.frames} frames, {megabytes:.0f} MB -> {options.out}")
