"""Imagining on held-out voices: report.json, figures and contact sheets, one HTML page.

Knows the names of the files and what is shown, and nothing of how anything is measured.
"""

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError
from imagineid_core.evaluation.figure import require_drawing
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker
from imagineid_core.evaluation.imagine.measure import (
    Measured,
    Progress,
    Sources,
    measure_imagining,
)
from imagineid_core.evaluation.imagine.metrics import IMAGINE_METRICS
from imagineid_core.evaluation.imagine.page import imagine_page
from imagineid_core.evaluation.imagine.pictures import draw_report
from imagineid_core.evaluation.imagine.plan import ImaginePlan, whole
from imagineid_core.face.load import load_face
from imagineid_core.imagine.adapters import Adapters
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.traced_unet import quickened

REPORT, PAGE, FIGURES, CLIPS = "report.json", "report.html", "figures", "clips"


def evaluate_imagine(
    model: StableDiffusion,
    adapters: Adapters,
    sources: Sources,
    folder: str | PathLike[str],
    *,
    plan: ImaginePlan | None = None,
    seed: int = 0,
    split: str = "test",
    about: Mapping[str, str] | None = None,
    heard_by: Mapping[str, str] | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Imagine, measure, draw; writes report.json, report.html and figures/*.png.

    Clips lie in clips/ and probes beside them: a call that was cut short goes on where it stopped.
    `about` names the files of model and adapters, `heard_by` those of the networks that listen;
    another name is another clip. Returns what report.json holds.
    """
    require_drawing()
    if model.unet.config.sample_size is None:
        raise InputError(
            "the UNet does not say its sample_size, so nobody knows at which size to judge it. "
            "Add sample_size to unet/config.json."
        )
    folder, plan = Path(folder), plan or whole()
    maker = ClipMaker(
        model=quickened(model),
        adapters=adapters,
        basis=load_face(),
        folder=folder / CLIPS,
        made_with=json.dumps([dict(about or {}), dict(heard_by or {})], sort_keys=True),
        on_progress=on_progress,
    )
    measured = measure_imagining(
        maker, sources, plan, split=split, seed=seed, on_progress=on_progress
    )
    figures = draw_report(maker, measured, folder / FIGURES)
    report = _report(measured, adapters, sources, plan, split=split, seed=seed)
    report |= {"about": dict(about or {}), "heard_by": dict(heard_by or {})}
    write_whole(folder / REPORT, (json.dumps(report, indent=1) + "\n").encode())
    write_whole(folder / PAGE, imagine_page(report, [asdict(one) for one in figures]).encode())
    return report


def _report(
    measured: Measured,
    adapters: Adapters,
    sources: Sources,
    plan: ImaginePlan,
    *,
    split: str,
    seed: int,
) -> dict[str, Any]:
    values, config = measured.values, measured.config
    return {
        **{name: _finite(name, values.get(name)) for name in IMAGINE_METRICS},
        "calls": measured.calls,
        "made": {name: count for name, count in measured.made.items()},
        "probe_people": values["probe_people"],
        "probe_people_held_out": values["probe_people_held_out"],
        "missing_adapters": list(adapters.missing),
        "notes": _notes(measured, adapters),
        "feature": "RMS difference of thumbnails of 16 x 16 pixels in [-1, 1]",
        "num_steps": config.num_steps,
        "guidance": config.first_guidance,
        "guided_share": config.guided_share,
        "eta": config.eta,
        "settles": config.settles,
        "plan": asdict(plan),
        "split": split,
        "seed": seed,
        "seconds": measured.seconds,
        "corpora": {
            "talkers": getattr(sources.talkers, "corpus_hash", None),
            "people": sources.people.corpus_hash,
        },
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _notes(measured: Measured, adapters: Adapters) -> list[str]:
    """What a reader must know of these numbers before reading them."""
    notes = [
        "Openings are read by a probe in crops placed by the head at rest, so that the place of a "
        "crop does not tell the opening. Distances are between thumbnails of 16 x 16 pixels."
    ]
    if adapters.missing:
        notes.append(
            f"No {', no '.join(adapters.missing)} adapter: that part is plain Stable Diffusion, "
            "and numbers that speak of it are not about it."
        )
    if adapters.matting is None and adapters.blending is not None:
        notes.append("No matting network: the mesh's silhouette, grown, is the matte.")
    reading = measured.values.get("probe_r")
    if reading is not None and reading < 0.9:
        notes.append(
            f"The mouth probe itself reads with r = {reading:.2f}, less than the 0.9 it should: "
            "numbers of mouths are too low by that."
        )
    naming = measured.values.get("style_probe_portraits")
    if naming is not None and naming < 0.5:
        notes.append(
            f"The style probe itself names {naming:.0%} of real portraits right, less than half: "
            "numbers of emotions say little."
        )
    return notes


def _finite(name: str, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise InputError(
            f"{name} is {value}, so nothing was written. The model gives NaN or infinite values; "
            "look at the frames in clips/."
        )
    return value
