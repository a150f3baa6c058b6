"""`imagineid evaluate imagine`: do frames follow voice and mesh, and hold still where they should?

The same command goes on where it was cut short.
"""

import argparse
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.outputs import refuse_overwriting
from imagineid_core.cli.progress import StageBars, stage_bars
from imagineid_core.cli.seed import seed_number

if TYPE_CHECKING:
    from imagineid_core.corpus.clip import Corpus
    from imagineid_core.corpus.people import PeopleCorpus

_PEOPLE = {"whole": 1_000, "quick": 200}  # of a people corpus that is made for the probes
_FRAMES = 3


def add_imagine(what: Any) -> None:
    imagine = what.add_parser("imagine", help="mouths, backgrounds, emotions, drift of films")
    imagine.add_argument(
        "--model", metavar="DIR", help="a diffusers folder (the shipped demonstration model)"
    )
    imagine.add_argument("--adapters", metavar="DIR", help="trained adapters (beside the model's)")
    imagine.add_argument("--weights", metavar="DIR", help="PAD weights (the shipped ones)")
    imagine.add_argument(
        "--talkers",
        metavar="DIR",
        help="a talker corpus (the test part of the standard one, made in the output folder)",
    )
    imagine.add_argument(
        "--people",
        metavar="DIR",
        help="a people corpus for the probes (a smaller one, made in the output folder)",
    )
    imagine.add_argument("--out", required=True, metavar="DIR", help="folder for the report")
    imagine.add_argument("--quick", action="store_true", help="a tenth of it: no drift, no memory")
    imagine.add_argument("--steps", type=int, metavar="N", help="steps a frame (the model's own)")
    imagine.add_argument("--guidance", type=float, help="of first frames (the model's own)")
    imagine.add_argument("--seed", type=seed_number, default=0, help="of voices, people, frames")
    imagine.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ... (cpu)")
    imagine.add_argument("--overwrite", action="store_true", help="replace a report that is there")
    imagine.set_defaults(run=run_imagine)


def run_imagine(options: argparse.Namespace) -> None:
    import dataclasses

    from imagineid_core.assets import IMAGINE, LISTEN, check_suite
    from imagineid_core.evaluation.imagine.measure import Sources
    from imagineid_core.evaluation.imagine.metrics import IMAGINE_METRICS
    from imagineid_core.evaluation.imagine.plan import quick, whole
    from imagineid_core.evaluation.imagine.report import PAGE, REPORT, evaluate_imagine
    from imagineid_core.evaluation.imagine.voices import Listener
    from imagineid_core.imagine.adapters import Adapters, find_adapters, load_adapters
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.motion.head_pose import find_head_motion

    folder = Path(options.out)
    refuse_overwriting(folder, (REPORT, PAGE), options.overwrite)
    place = Path(options.model) if options.model else check_suite(IMAGINE)
    weights = Path(options.weights) if options.weights else check_suite(LISTEN)
    model = load_stable_diffusion(place, device=options.device)
    adapters_place = Path(options.adapters) if options.adapters else place
    has_adapters = options.adapters is not None or bool(find_adapters(adapters_place))
    pad = load_pad(weights)
    plan = dataclasses.replace(
        quick() if options.quick else whole(), num_steps=options.steps, guidance=options.guidance
    )
    with stage_bars() as bars:
        sources = Sources(
            listener=Listener(pad=pad, head=find_head_motion(weights)),
            talkers=_talkers(options, folder, bars),
            people=_people(options, folder, bars),
            model=place,
            adapters=adapters_place if has_adapters else None,
        )
        report = evaluate_imagine(
            model,
            load_adapters(adapters_place, model) if has_adapters else Adapters(),
            sources,
            folder,
            plan=plan,
            seed=options.seed,
            about=_hashes(place, adapters_place if has_adapters else None),
            heard_by={file.name: _sha256(file) for file in sorted(weights.glob("*.safetensors"))},
            on_progress=bars.steps,
        )
    for name, metric in IMAGINE_METRICS.items():
        value, met = report[name], metric.is_met(report[name])
        told = "not measured" if value is None else f"{value:8.3f}"
        goal = metric.told_goal.replace("≥", ">=").replace("≤", "<=").replace("±", "+-")
        print(
            f"{name:26} {told:>12}  {goal:12} {'' if met is None else 'met' if met else 'missed'}"
        )
    print("a coherent frame: " + ", ".join(f"{n} {part}" for part, n in report["calls"].items()))
    for note in report["notes"]:
        print(note)
    print(f"{sum(report['made'].values())} things made -> {folder / REPORT}, {folder / PAGE}")


def _talkers(options: argparse.Namespace, folder: Path, bars: StageBars) -> "Corpus":
    """The one that was named, or the test voices of the standard one."""
    from imagineid_core.corpus.talker import build_talker_corpus, open_talker_corpus

    if options.talkers is not None:
        return open_talker_corpus(options.talkers)
    place = folder / "talkers"
    build_talker_corpus(
        place,
        split="test",
        workers=os.cpu_count() or 1,
        on_progress=lambda done, total: bars.steps("speakers", done, total),
    )
    return open_talker_corpus(place)


def _people(options: argparse.Namespace, folder: Path, bars: StageBars) -> "PeopleCorpus":
    """The one that was named, or the first people of the standard one."""
    from imagineid_core.corpus.people import build_people_corpus, open_people_corpus

    if options.people is not None:
        return open_people_corpus(options.people)
    place = folder / "people"
    build_people_corpus(
        place,
        num_people=_PEOPLE["quick" if options.quick else "whole"],
        num_frames=_FRAMES,
        workers=os.cpu_count() or 1,
        on_progress=lambda done, total: bars.steps("people", done, total),
    )
    return open_people_corpus(place)


def _hashes(model: Path, adapters: Path | None) -> dict[str, str]:
    """Of every file with weights, so that a report says whose it is."""
    from imagineid_core.imagine.adapters import find_adapters

    if model.is_file():
        files = {model.name: model}
    else:
        parts = ("unet", "vae", "text_encoder")
        found = [path for part in parts for path in sorted((model / part).glob("*.safetensors"))]
        files = {path.relative_to(model).as_posix(): path for path in found}
    if adapters is not None:
        files |= {path.name: path for path in find_adapters(adapters).values()}
    return {name: _sha256(path) for name, path in sorted(files.items())}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
