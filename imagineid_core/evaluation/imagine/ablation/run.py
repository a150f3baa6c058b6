"""Runs ablations by name and writes what came out of each: figures, a table, a picture.

Knows nothing about how a variant is trained.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from imagineid_core.checkpoint import write_whole
from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.errors import InputError
from imagineid_core.evaluation.figure import require_drawing
from imagineid_core.evaluation.imagine.ablation.blending import BLENDING_CLAIMS, run_blending
from imagineid_core.evaluation.imagine.ablation.conditions import (
    CONDITION_CLAIMS,
    OPEN_UNET_CLAIMS,
    run_conditions,
    run_open_unet,
)
from imagineid_core.evaluation.imagine.ablation.joint import JOINT_CLAIMS, run_joint
from imagineid_core.evaluation.imagine.ablation.sheet import Pictures, save_sheet
from imagineid_core.evaluation.imagine.ablation.table import (
    PICTURE,
    TABLE,
    Claim,
    Rows,
    table_document,
    table_text,
    write_table,
)
from imagineid_core.evaluation.imagine.ablation.trials import Trials, short_preset
from imagineid_core.evaluation.imagine.ablation.words import (
    RAW_CLAIMS,
    WORD_CLAIMS,
    run_raw_audio,
    run_words,
)
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.training.adapter_presets import AdapterPreset
from imagineid_core.training.adapter_sources import AdapterSources, Progress, Voices

ALL = "ablations.md"


@dataclass(frozen=True, kw_only=True)
class Ablation:
    title: str
    claims: tuple[Claim, ...]
    run: Callable[[Trials], tuple[Rows, dict[str, Pictures]]]
    needs_voices: bool = False
    steps: int = 100  # of a variant; some minutes for all of them on a core


ABLATIONS = {
    "conditions": Ablation(
        title="Conditions of SCA (Fig. 9)", claims=CONDITION_CLAIMS, run=run_conditions
    ),
    "blending": Ablation(
        title="Structure of MBA (Fig. 10)", claims=BLENDING_CLAIMS, run=run_blending, steps=300
    ),
    "words": Ablation(
        title="Number of pseudo-words in TIA (Fig. 8)",
        claims=WORD_CLAIMS,
        run=run_words,
        needs_voices=True,
    ),
    "joint": Ablation(
        title="TIA and SCA sequentially or jointly (Fig. 9)",
        claims=JOINT_CLAIMS,
        run=run_joint,
        needs_voices=True,
    ),
    "raw_audio": Ablation(
        title="Raw audio features straight into TIA (Fig. 8)",
        claims=RAW_CLAIMS,
        run=run_raw_audio,
        needs_voices=True,
    ),
    "open_unet": Ablation(
        title="The UNet opened during SCA (Sec. 4.4)", claims=OPEN_UNET_CLAIMS, run=run_open_unet
    ),
}


def run_ablations(
    names: Sequence[str],
    model: StableDiffusion,
    corpus: PeopleCorpus,
    folder: str | PathLike[str],
    preset: AdapterPreset,
    *,
    voices: Voices | None = None,
    steps: int | None = None,
    num_pictured: int = 8,
    sampler_steps: int = 10,
    guidance: float = 2.0,
    seed: int = 0,
    cpu: bool = False,
    on_progress: Progress | None = None,
) -> list[str]:
    """The tables as Markdown. What is finished in `folder` is not run again; `ablations.md` there
    has all tables.

    Every variant of an ablation has the same seed, batches and number of `steps`, which is the
    ablation's own if it is not given.
    """
    if voices is None and (heard := [name for name in names if ABLATIONS[name].needs_voices]):
        raise InputError(
            f"there are no voices, but {', '.join(heard)} is of words that are learned from them. "
            "Give --pad and --talkers, or leave it out."
        )
    require_drawing()
    folder = Path(folder)
    for name in names:
        short = short_preset(preset, ABLATIONS[name].steps if steps is None else steps)
        trials = Trials(
            sources=AdapterSources(
                model,
                corpus,
                folder / "latents",
                short,
                seed=seed,
                cpu=cpu,
                on_progress=on_progress,
            ),
            folder=folder,
            voices=voices,
            num_pictured=num_pictured,
            sampler=ImagineConfig(
                seed=seed,
                num_steps=sampler_steps,
                first_guidance=guidance,
                guided_share=model.recommended.guided_share,
                anchors_background=False,
            ),
            cpu=cpu,
        )
        _finish(trials, name)
    there = [name for name in ABLATIONS if (folder / name / TABLE).is_file()]
    write_whole(folder / ALL, "\n".join(_text(folder, name) for name in there).encode())
    return [_text(folder, name) for name in names]


def _finish(trials: Trials, name: str) -> None:
    place, about = trials.folder / name, _about(trials)
    if (place / TABLE).is_file():
        document = _document(place)
        if document["about"] == about:
            return
        raise InputError(
            f"{place} holds an ablation with {document['about']} but {about} is asked for. "
            "Use the same, or another folder."
        )
    ablation = ABLATIONS[name]
    rows, pictures = ablation.run(trials)
    document = table_document(name, about, rows, ablation.claims)
    save_sheet(pictures, place / PICTURE)
    write_table(place, document, ablation.title)


def _text(folder: Path, name: str) -> str:
    return table_text(_document(folder / name), ABLATIONS[name].title, f"{name}/{PICTURE}")


def _document(place: Path) -> dict[str, Any]:
    return json.loads((place / TABLE).read_text(encoding="utf-8"))


def _about(trials: Trials) -> dict[str, Any]:
    sources = trials.sources
    return {
        "preset": sources.preset.name,
        "steps": sources.preset.spatial_loop.num_steps,
        "people": len(sources.people("train")),
        "pictured": trials.num_pictured,
        "sampler": trials.sampler.num_steps,
        "seed": sources.seed,
        "unet": sources.digests["unet"][:12],
        "corpus": sources.corpus.corpus_hash[:12],
    }
