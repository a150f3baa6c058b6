"""`imagineid evaluate video`: the papers' metrics and ours of one film of a talking face."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.outputs import refuse_files
from imagineid_core.cli.progress import stage_bars
from imagineid_core.errors import InputError

if TYPE_CHECKING:
    from imagineid_core.evaluation.video.clip_report import Comparison
    from imagineid_core.evaluation.video.extractors import ExtractorSources


def add_video(what: Any) -> None:
    video = what.add_parser("video", help="one film, alone or against the true one")
    video.add_argument("video", metavar="FILE", help="a video, or a folder of numbered pictures")
    video.add_argument("--reference", metavar="FILE", help="the true video, frame by frame alike")
    for name, told in (
        ("landmarks", "68 landmarks a frame, .npy or .npz, NaN where no face is"),
        ("performance", "folder of the performance the film was made from: mesh, masks, poses"),
    ):
        video.add_argument(f"--{name}", metavar="PATH", help=told)
        video.add_argument(f"--reference-{name}", metavar="PATH", help="the reference's")
    video.add_argument("--source", metavar="FILE", help="picture that CSIM compares with")
    video.add_argument("--emotion", type=int, metavar="N", help="class the clip was spoken in")
    video.add_argument("--out", metavar="FILE", help="report as JSON, with curves over time")
    video.add_argument(
        "--page",
        metavar="FILE",
        help="the report as one HTML page with sheet, players and curves, its JSON beside it",
    )
    video.add_argument("--overwrite", action="store_true", help="replace a report that is there")
    add_networks(video)
    add_comparison(video)
    video.set_defaults(run=run_video)


def add_networks(command: argparse.ArgumentParser) -> None:
    """Options for weights and extractors; what is missing is skipped by name."""
    command.add_argument("--syncnet", metavar="FILE", help="syncnet_v2.model, for Sync")
    command.add_argument(
        "--inception", metavar="FILE", help="pt_inception-2015-12-05-6726825d.pth, for FID"
    )
    command.add_argument("--recon", metavar="FILE", help="epoch_20.pth of D3DFR; needs landmarks")
    command.add_argument(
        "--extractor",
        action="append",
        default=[],
        metavar="SLOT=MODULE:OBJECT",
        help="your own network: landmarks, fid, identity, age, gender, emotion, emotion_classes, "
        "coefficients or head_pose; may be given again. landmarks=mini: the shipped face reader, "
        "which knows the open face's synthetic people alone, no photographs",
    )


def add_comparison(command: argparse.ArgumentParser) -> None:
    """Options for videos that are not alike; without them differences are errors."""
    command.add_argument("--trim", action="store_true", help="compare the beginning both have")
    command.add_argument(
        "--resize", action="store_true", help="bring the reference to the video's size"
    )
    command.add_argument("--fps", metavar="N", help="read videos at this rate (their own)")
    command.add_argument("--seconds", type=float, metavar="S", help="only the first S seconds")
    command.add_argument(
        "--sync-crop",
        choices=("face", "frame"),
        help="what SyncNet sees: the face's track, or frames that are crops already (the face "
        "where landmarks are)",
    )
    command.add_argument(
        "--training-lse-c", type=float, metavar="X", help="LSE-C of training data, for NLSE-C"
    )


def run_video(options: argparse.Namespace) -> None:
    from imagineid_core.checkpoint import write_whole
    from imagineid_core.evaluation.report.film_page import write_video_page
    from imagineid_core.evaluation.report.origin import made_by
    from imagineid_core.evaluation.video.clip_report import (
        ClipFiles,
        as_json,
        as_table,
        report_clip,
    )
    from imagineid_core.evaluation.video.extractors import load_extractors, weights_of

    page = None if options.page is None else Path(options.page)
    out = None if options.out is None else Path(options.out)
    if page is not None and page.suffix.lower() != ".html":
        raise InputError(f"--page is {page} but the page is HTML. Give a name that ends in .html.")
    if out is None and page is not None:
        out = page.with_suffix(".json")
    for written in (out, page):
        if written is None:
            continue
        refuse_files(written.parent)
        if written.exists() and not options.overwrite:
            raise InputError(f"{written} is there already. Choose another name or add --overwrite.")
    files = ClipFiles(
        video=options.video,
        reference=options.reference,
        landmarks=options.landmarks,
        reference_landmarks=options.reference_landmarks,
        performance=options.performance,
        reference_performance=options.reference_performance,
        source=options.source,
        emotion=options.emotion,
    )
    _refuse_lone_reference(files.reference, files.reference_landmarks, files.reference_performance)
    with stage_bars() as bars:
        report = report_clip(
            files,
            load_extractors(networks_of(options)),
            comparison_of(options),
            on_progress=bars.frames,
        )
    print(as_table(report.content))
    weights = weights_of(networks_of(options))
    content = {**report.content, "about": made_by(options.told_command, weights=weights)}
    if out is not None:
        write_whole(out, as_json(content))
    if page is not None:
        assert out is not None
        reference = None if files.reference is None else Path(files.reference)
        write_video_page(page, content, Path(files.video), reference, out)
    if out is not None:
        print(f"-> {out}" if page is None else f"-> {page}, {out}")


def networks_of(options: argparse.Namespace) -> "ExtractorSources":
    from imagineid_core.evaluation.video.extractors import ExtractorSources

    plugins: dict[str, str] = {}
    for given in options.extractor:
        slot, separator, place = given.partition("=")
        if not separator or (":" not in place and given != "landmarks=mini"):
            raise InputError(
                f"--extractor is '{given}'. Give SLOT=MODULE:OBJECT, for example "
                "identity=my_arcface:features."
            )
        if slot in plugins:
            raise InputError(
                f"--extractor {slot} is given as {plugins[slot]} and as {place}. Give it once."
            )
        plugins[slot] = place
    return ExtractorSources(
        plugins=tuple(plugins.items()),
        syncnet=options.syncnet,
        inception=options.inception,
        recon=options.recon,
    )


def comparison_of(options: argparse.Namespace) -> "Comparison":
    from imagineid_core.audio.timeline import as_fps
    from imagineid_core.evaluation.video.clip_report import Comparison

    if options.seconds is not None and not options.seconds > 0:
        raise InputError(
            f"--seconds is {options.seconds:g} but must be positive. Leave it out for all of it."
        )
    return Comparison(
        trim=options.trim,
        resize=options.resize,
        fps=None if options.fps is None else str(as_fps(options.fps)),
        seconds=options.seconds,
        sync_crop=options.sync_crop,
        training_lse_c=options.training_lse_c,
    )


def _refuse_lone_reference(reference: str | None, *others: str | None) -> None:
    """An option that would be ignored is an error."""
    if reference is None and (given := [one for one in others if one is not None]):
        raise InputError(
            f"{given[0]} belongs to a reference but there is none. Add --reference or leave it out."
        )
