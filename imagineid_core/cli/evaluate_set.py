"""`imagineid evaluate set` and `evaluate tables`: many films, and the papers' tables."""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.evaluate_video import (
    add_comparison,
    add_networks,
    comparison_of,
    networks_of,
)
from imagineid_core.cli.outputs import refuse_files, refuse_overwriting
from imagineid_core.cli.progress import StageBars, stage_bars
from imagineid_core.cli.seed import seed_number
from imagineid_core.errors import InputError

if TYPE_CHECKING:
    from imagineid_core.corpus.clip import Corpus
    from imagineid_core.evaluation.video.extractors import ExtractorSources

PROTOCOLS = ("mead", "hdtf", "self", "cross")
_PAGE, _JSON = "tables.html", "tables.json"
_SET_PAGE, _SUITE_RESULTS = "set.html", "evaluation-mead"


def add_set(what: Any) -> None:
    clips = what.add_parser("set", help="many films by a paper's protocol; goes on where it was")
    clips.add_argument(
        "folder",
        metavar="DIR",
        help="clips: manifest.json, or video/NAME.mp4 with reference/NAME.mp4, landmarks/NAME.npz "
        "and so on",
    )
    clips.add_argument("--protocol", required=True, choices=PROTOCOLS, help="which paper's")
    clips.add_argument("--out", metavar="DIR", help="results (DIR/evaluation-PROTOCOL)")
    clips.add_argument("--workers", type=int, metavar="N", help="clips at a time (all cores)")
    add_networks(clips)
    add_comparison(clips)
    clips.set_defaults(run=run_set)


def add_tables(what: Any) -> None:
    tables = what.add_parser("tables", help="the papers' tables with your sets' rows below")
    tables.add_argument(
        "sets", nargs="*", metavar="DIR", help="results of `imagineid evaluate set`"
    )
    tables.add_argument(
        "--suite",
        choices=("mini",),
        help="make films by the shipped networks, of synthetic people, and measure them too",
    )
    tables.add_argument("--clips", type=int, default=4, metavar="N", help="of the suite (4)")
    tables.add_argument("--frames", type=int, default=50, metavar="N", help="of each (50)")
    tables.add_argument(
        "--landmarks",
        choices=("mini", "mesh"),
        default="mini",
        help="of the suite's films: what the shipped face reader sees in them, or what their "
        "meshes asked for (mini)",
    )
    tables.add_argument("--talkers", metavar="DIR", help="a talker corpus (a small one is made)")
    tables.add_argument("--steps", type=int, metavar="N", help="steps a frame (the model's own)")
    tables.add_argument("--seed", type=seed_number, default=0, help="of people and frames (0)")
    tables.add_argument("--out", required=True, metavar="DIR", help=f"{_PAGE} and {_JSON}")
    tables.add_argument("--overwrite", action="store_true", help="replace tables that are there")
    tables.set_defaults(run=run_tables)


def run_set(options: argparse.Namespace) -> None:
    from imagineid_core.evaluation.report.film_page import write_set_page
    from imagineid_core.evaluation.report.origin import made_by
    from imagineid_core.evaluation.video.clip_manifest import list_clips
    from imagineid_core.evaluation.video.clip_set import SUMMARY, measure_set

    folder = Path(options.folder)
    clips = list_clips(folder)
    out = folder / f"evaluation-{options.protocol}" if options.out is None else Path(options.out)
    refuse_files(out)
    with stage_bars() as bars:
        content = measure_set(
            clips,
            out,
            protocol=options.protocol,
            comparison=comparison_of(options),
            sources=networks_of(options),
            workers=(os.cpu_count() or 1) if options.workers is None else options.workers,
            about=made_by(options.told_command),
            on_progress=lambda done, total: bars.steps("clips", done, total),
        )
    write_set_page(out / _SET_PAGE, content, out / SUMMARY)
    print(content["told"])
    for name, one in content["metrics"].items():
        arrow = {"higher": "↑", "lower": "↓"}.get(one["better"], "0")
        print(f"{name:24} {one['value']:12.4f} {arrow} {one['unit']}  {one['clips']} clips")
    for name, reasons in content["skipped"].items():
        for reason, count in reasons.items():
            print(f"{name:24} {'skipped':>12}   in {count} clips: {reason}")
    faces = content["faces"]
    if faces["frames"]:
        print(f"a face in {faces['found']} of {faces['frames']} frames")
    for name, reason in content["failed"].items():
        print(f"not measured: {name}: {reason}")
    measured = content["num_clips"] - len(content["failed"])
    print(f"{measured} of {content['num_clips']} clips -> {out / _SET_PAGE}, {out / SUMMARY}")


def run_tables(options: argparse.Namespace) -> None:
    from imagineid_core.checkpoint import write_whole
    from imagineid_core.evaluation.report.film_page import write_tables_page
    from imagineid_core.evaluation.report.origin import made_by
    from imagineid_core.evaluation.video.paper_tables import as_text, fill_tables

    out = Path(options.out)
    refuse_overwriting(out, (_PAGE, _JSON), options.overwrite)
    if not options.sets and options.suite is None:
        raise InputError(
            "there is nothing to put into tables. Give folders of 'imagineid evaluate set', or "
            "--suite mini."
        )
    places = [_folder_of(Path(folder)) for folder in options.sets]
    sets = [_read_set(Path(folder)) for folder in options.sets]
    if options.suite is not None:
        made = _of_suite(options, out / options.suite)
        places.append(out / options.suite / _SUITE_RESULTS)
        sets.append(made)
    tables = fill_tables(sets)
    if not tables:
        raise InputError(
            f"none of {', '.join(options.sets)} has a number of any table. Measure the set with a "
            "reference, or give more weights (imagineid evaluate set --help)."
        )
    filled = [
        {
            "title": one.paper.title,
            "columns": [column.head for column in one.paper.columns],
            "rows": [
                {"name": name, "is_ours": ours, "cells": cells}
                for name, ours, cells in zip(one.names, one.is_ours, one.cells, strict=True)
            ],
            "notes": one.notes,
        }
        for one in tables
    ]
    content = {"tables": filled, "sets": sets, "about": made_by(options.told_command)}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_whole(out / _JSON, text.encode())
    behind = list(zip(sets, places, strict=True))
    write_tables_page(out / _PAGE, tables, behind, content, out / _JSON)
    print("\n\n".join(as_text(one) for one in tables))
    print(f"-> {out / _PAGE}, {out / _JSON}")


def _of_suite(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Films of the shipped networks by the protocol of Tables 1 and 2."""
    from imagineid_core.assets import IMAGINE, LISTEN, check_suite
    from imagineid_core.assets.suite import weight_hashes
    from imagineid_core.evaluation.imagine.voices import Listener
    from imagineid_core.evaluation.report.origin import made_by
    from imagineid_core.evaluation.video.clip_manifest import list_clips
    from imagineid_core.evaluation.video.clip_set import measure_set
    from imagineid_core.evaluation.video.suite_clips import SuiteMaker, make_suite_clips
    from imagineid_core.face.load import load_face
    from imagineid_core.imagine.adapters import load_adapters
    from imagineid_core.imagine.config import ImagineConfig
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
    from imagineid_core.listen.pad import load_pad

    if options.clips < 1 or options.frames < 6:
        raise InputError(
            f"--clips is {options.clips} and --frames {options.frames}. Use at least 1 clip of 6 "
            "frames."
        )
    place, listening = check_suite(IMAGINE), check_suite(LISTEN)
    model = load_stable_diffusion(place)
    told = model.recommended
    levels = len(model.vae.config.block_out_channels)
    maker = SuiteMaker(
        model=model,
        adapters=load_adapters(place, model),
        listener=Listener(pad=load_pad(listening)),
        basis=load_face(),
        config=ImagineConfig(
            seed=options.seed,
            num_steps=told.num_steps if options.steps is None else options.steps,
            first_guidance=told.guidance,
            guided_share=told.guided_share,
        ),
        size=int(model.unet.config.sample_size) * 2 ** (levels - 1),
    )
    with stage_bars() as bars:
        make_suite_clips(
            maker,
            _talkers(options, folder, bars),
            folder,
            num_clips=options.clips,
            num_frames=options.frames,
            method="mini suite, synthetic people",
            on_progress=bars.frames,
        )
        return measure_set(
            list_clips(folder),
            folder / _SUITE_RESULTS,
            protocol="mead",
            sources=_readers(options.landmarks),
            about=made_by(
                options.told_command,
                seed=options.seed,
                steps=maker.config.num_steps,
                weights=weight_hashes(place) | weight_hashes(listening),
            ),
            on_progress=lambda done, total: bars.steps("measure", done, total),
        )


def _readers(landmarks: str) -> "ExtractorSources":
    from imagineid_core.evaluation.video.extractors import ExtractorSources

    plugins = () if landmarks == "mesh" else (("landmarks", landmarks),)
    return ExtractorSources(plugins=plugins)


def _talkers(options: argparse.Namespace, folder: Path, bars: StageBars) -> "Corpus":
    """The one that was named, or the first speakers of the standard one's test."""
    from imagineid_core.corpus.talker import build_talker_corpus, open_talker_corpus

    if options.talkers is not None:
        return open_talker_corpus(options.talkers)
    place = folder / "talkers"
    build_talker_corpus(
        place,
        num_speakers=10 * options.clips,  # one in ten belongs to the test
        clips_per_speaker=1,
        split="test",
        on_progress=lambda done, total: bars.steps("speakers", done, total),
    )
    return open_talker_corpus(place)


def _folder_of(place: Path) -> Path:
    return place if place.is_dir() else place.parent


def _read_set(folder: Path) -> dict[str, Any]:
    from imagineid_core.evaluation.video.clip_set import SUMMARY

    path = folder / SUMMARY if folder.is_dir() else folder
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = {"method", "protocol", "metrics", "read_by"} - set(content)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}). Give the folder that 'imagineid evaluate set' wrote."
        ) from error
    if missing:
        raise InputError(
            f"{path} lacks {', '.join(sorted(missing))}. Give what 'imagineid evaluate set' wrote."
        )
    return content
