"""`imagineid evaluate`: how well the networks do on what they have not been trained on."""

import argparse
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.evaluate_ablation import add_ablation
from imagineid_core.cli.evaluate_imagine import add_imagine
from imagineid_core.cli.evaluate_quality import add_quality
from imagineid_core.cli.evaluate_set import add_set, add_tables
from imagineid_core.cli.evaluate_video import add_video
from imagineid_core.cli.outputs import refuse_overwriting
from imagineid_core.cli.progress import StageBars, stage_bars

if TYPE_CHECKING:
    from imagineid_core.corpus.clip import Corpus


def add_commands(commands: Any) -> None:
    evaluate = commands.add_parser("evaluate", help="measure networks on held-out clips")
    what = evaluate.add_subparsers(required=True, metavar="WHAT")
    listen = what.add_parser("listen", help="lips, emotion, identity: numbers, figures, a page")
    listen.add_argument(
        "--weights", help="folder with pad_*.safetensors (the shipped demonstration networks)"
    )
    listen.add_argument(
        "--corpus",
        metavar="DIR",
        help="a talker corpus, of `imagineid corpus` (the split's part of the standard one, "
        "made in the output folder)",
    )
    listen.add_argument("--out", required=True, metavar="DIR", help="folder for the report")
    listen.add_argument("--split", default="test", help="train, validation or test (test)")
    listen.add_argument("--limit", type=int, metavar="N", help="only the first N clips (all)")
    listen.add_argument("--seed", type=int, default=0, help="of folds, swaps and examples (0)")
    listen.add_argument(
        "--speech",
        nargs="+",
        default=[],
        metavar="FILE",
        help="recordings of other voices: do the lips follow them?",
    )
    listen.add_argument("--overwrite", action="store_true", help="replace a report that is there")
    listen.set_defaults(run=run_listen)
    add_imagine(what)
    add_ablation(what)
    add_video(what)
    add_set(what)
    add_tables(what)
    add_quality(what)


def run_listen(options: argparse.Namespace) -> None:
    from imagineid_core.evaluation.listen.report import PAGE, REPORT, evaluate_listen
    from imagineid_core.evaluation.metrics import METRICS
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.motion.head_pose import find_head_motion

    folder = Path(options.out)
    refuse_overwriting(folder, (REPORT, PAGE), options.overwrite)
    weights = _weights(options)
    pad = load_pad(weights)
    with stage_bars() as bars:
        report = evaluate_listen(
            pad,
            _corpus(options, folder, bars),
            folder,
            seed=options.seed,
            limit=options.limit,
            split=options.split,
            head=find_head_motion(weights),
            speeches=options.speech,
            about=_hashes(weights),
            on_progress=bars.steps,
        )
    for name, metric in METRICS.items():
        value, met = report[name], metric.is_met(report[name])
        told = "not measured" if value is None else f"{value:6.3f}"
        sign = ">=" if metric.better == "higher" else "<="
        goal = "" if metric.goal is None else f"{sign} {metric.goal:.2f}"
        print(f"{name:28} {told:>12}  {goal:8} {'' if met is None else 'met' if met else 'missed'}")
    for one in report["speech_of_others"]:
        print(f"{one['file']}: envelope correlation {one['envelope_correlation']:.3f}")
    print(f"{report['num_clips']} clips -> {folder / REPORT}, {folder / PAGE}")


def _weights(options: argparse.Namespace) -> Path:
    if options.weights is not None:
        return Path(options.weights)
    from imagineid_core.assets import LISTEN, check_suite

    return check_suite(LISTEN)


def _corpus(options: argparse.Namespace, folder: Path, bars: StageBars) -> "Corpus":
    """The one that was named, or the split's voices and sentences of the standard corpus."""
    from imagineid_core.corpus.talker import build_talker_corpus, open_talker_corpus

    if options.corpus is not None:
        return open_talker_corpus(options.corpus)
    build_talker_corpus(
        folder / "corpus",
        split=options.split,
        workers=os.cpu_count() or 1,
        on_progress=lambda done, total: bars.steps("speakers", done, total),
    )
    return open_talker_corpus(folder / "corpus")


def _hashes(weights: Path) -> dict[str, str]:
    """Of every file of the networks, so that a report says whose it is."""
    from imagineid_core.listen.pad import ARCHITECTURES, stage_file
    from imagineid_core.motion.head_pose import ARCHITECTURE

    files = [stage_file(weights, stage) for stage in ARCHITECTURES]
    files.append(weights / f"{ARCHITECTURE}.safetensors")
    there = [file for file in files if file.exists()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in there}
