"""PAD on held-out voices: report.json, the paper's figures on this world, one HTML page.

Knows the order of the work and the names of the files, and nothing of how anything is measured.
"""

import json
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imagineid_core.audio.waveform import load_speech
from imagineid_core.checkpoint import write_whole
from imagineid_core.corpus.clip import Corpus
from imagineid_core.errors import InputError
from imagineid_core.evaluation.figure import require_drawing
from imagineid_core.evaluation.lips import envelope_correlation, gaps_of, silence_openness
from imagineid_core.evaluation.listen.figures import (
    draw_confusions,
    draw_factors,
    draw_lips,
    draw_style_map,
)
from imagineid_core.evaluation.listen.heads import draw_retrieval, draw_stages
from imagineid_core.evaluation.listen.heard_clips import (
    HeardClip,
    digest_of_clips,
    hear_corpus,
    stacked,
)
from imagineid_core.evaluation.listen.metrics import ListenMetrics, listen_metrics
from imagineid_core.evaluation.listen.page import listen_page
from imagineid_core.evaluation.listen.retrieval import cosine_distances, neighbours
from imagineid_core.evaluation.performance_picture import draw_performance
from imagineid_core.evaluation.tsne import MOST_ROWS, tsne
from imagineid_core.face.load import load_face
from imagineid_core.listen.pad import Pad
from imagineid_core.motion.head_pose import PoseVAE
from imagineid_core.pipeline.perform import perform
from imagineid_core.values import FaceBasis, Performance, Speech

Progress = Callable[[str, int, int], None]  # what is done, how far, of how much
REPORT, PAGE, FIGURES = "report.json", "report.html", "figures"
_QUERIES, _EXAMPLES = 6, 4
_FEWEST_ON_A_MAP = 8


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture of the report and what is to be seen in it."""

    file: Path
    title: str
    caption: str


def evaluate_listen(
    pad: Pad,
    corpus: Corpus,
    folder: str | PathLike[str],
    *,
    seed: int = 0,
    limit: int | None = None,
    split: str = "test",
    basis: FaceBasis | None = None,
    head: PoseVAE | None = None,
    speeches: Sequence[str | PathLike[str]] = (),
    about: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Listen to a split, measure, draw; writes report.json, report.html and figures/*.png.

    `speeches` are sound files of other voices, whose lips nobody knows; `head` moves the head in
    their pictures. `about` goes into the
    report as it is: which weights, which corpus. Returns what report.json holds.
    """
    require_drawing()
    folder, basis = Path(folder), basis or load_face()
    others = [(Path(path), load_speech(path)) for path in speeches]
    clips = hear_corpus(pad, corpus, split, basis, limit=limit, on_progress=on_progress)
    measured = listen_metrics(pad, clips, basis, seed=seed, on_progress=on_progress)
    told = _of_others(pad, head, others, basis, seed, folder)
    figures = _draw(clips, measured, basis, seed, folder / FIGURES, on_progress)
    figures += [
        Figure(
            file=folder / FIGURES / one["picture"],
            title=f"Speech of others: {one['file']}",
            caption="Voice, mouth, emotion, eyes and head over the same seconds.",
        )
        for one in told
    ]
    report = _report(clips, measured, told, split=split, seed=seed, about=about, corpus=corpus)
    write_whole(folder / REPORT, (json.dumps(report, indent=1) + "\n").encode())
    write_whole(folder / PAGE, listen_page(report, [asdict(one) for one in figures]).encode())
    return report


def speech_metrics(
    performance: Performance, speech: Speech, basis: FaceBasis
) -> dict[str, float | None]:
    """What can be said of lips without a truth: they follow the sound, and silence shuts them."""
    return {
        "seconds": float(speech.num_frames / speech.fps),
        "envelope_correlation": envelope_correlation(performance, speech, basis),
        "silence_openness": silence_openness(performance, speech, basis),
        "mean_opening_mm": float(gaps_of(performance, basis).mean()) * 100,
    }


def _of_others(
    pad: Pad,
    head: PoseVAE | None,
    others: Sequence[tuple[Path, Speech]],
    basis: FaceBasis,
    seed: int,
    folder: Path,
) -> list[dict[str, Any]]:
    told = []
    for number, (path, speech) in enumerate(others):
        picture = f"speech_{number}.png"
        performance = perform(speech, pad, seed=seed, head=head)
        draw_performance(performance, speech, basis, folder / FIGURES / picture, title=path.name)
        measured = speech_metrics(performance, speech, basis)
        told.append({"file": path.name, **measured, "picture": picture})
    return told


def _draw(
    clips: Sequence[HeardClip],
    measured: ListenMetrics,
    basis: FaceBasis,
    seed: int,
    folder: Path,
    on_progress: Progress | None,
) -> list[Figure]:
    """Every figure for which the corpus knows enough."""
    draw = np.random.default_rng(seed)
    examples = _examples(clips, draw)
    figures: list[Figure] = []

    def keep(name: str, title: str, caption: str) -> Path:
        figures.append(Figure(file=folder / f"{name}.png", title=title, caption=caption))
        if on_progress is not None:
            on_progress("draw", len(figures), 5 + len(examples))
        return figures[-1].file

    file = keep(
        "lips",
        "Mouth openings against the truth",
        "Opening of the mouth on the mesh, heard and true. Lips must shut in the shaded p, b, m.",
    )
    draw_lips(examples, file)
    for number, one in enumerate(examples[:2]):
        file = keep(
            f"stages_{number}",
            "The mesh after each stage (Fig. 3, rows I, C, E)",
            "Widest and narrowest mouths by turns. I has the shape alone, C moves the lips, E adds "
            "the emotion.",
        )
        draw_stages(one, basis, file)
    nearest = neighbours(
        cosine_distances(stacked([one.heard.identity.semantics[0] for one in clips])),
        [one.sentence for one in clips],
    )
    queries = [index for index in _one_a_speaker(clips, draw) if len(nearest[index])]
    if queries:
        file = keep(
            "retrieval",
            "Retrieval by theta_id (Fig. 6)",
            "Heads are the speakers' true shapes, turned a little. 'same' is the query's speaker.",
        )
        draw_retrieval(clips, nearest, sorted(queries[:_QUERIES]), basis, file)
    styled = [one for one in clips if one.clip.style is not None]
    if len(styled) >= _FEWEST_ON_A_MAP:
        shown = sorted(draw.permutation(len(styled))[:MOST_ROWS].tolist())
        places = tsne(stacked([_style(styled[i]) for i in shown]).numpy())
        styles = [str(styled[i].clip.style) for i in shown]
        file = keep(
            "style_map",
            "Emotion styles by t-SNE (Fig. 7)",
            "One dot a clip. Emotions should part from each other, speakers should not.",
        )
        draw_style_map(places, styles, [styled[i].clip.speaker for i in shown], file)
    if measured.emotion is not None:
        file = keep(
            "confusions", "Emotions as a probe names them", "Each row is one emotion and adds to 1."
        )
        draw_confusions(measured.emotion, file)
    file = keep(
        "factors",
        "What each feature tells",
        "Every clip was held out with all of its sentence. Features of a whole clip cannot know "
        "the phoneme of a frame.",
    )
    draw_factors(measured.factors, file)
    return figures


def _style(one: HeardClip) -> torch.Tensor:
    return one.heard.emotion.style[0].mean(dim=0)


def _examples(clips: Sequence[HeardClip], draw: np.random.Generator) -> list[HeardClip]:
    """A few clips of different speakers and, as far as there are, different styles."""
    chosen: list[HeardClip] = []
    for index in _one_a_speaker(clips, draw):
        speaker = clips[index].clip.speaker
        used = {one.clip.style for one in chosen}
        own = [one for one in clips if one.clip.speaker == speaker]
        fresh = [one for one in own if one.clip.style not in used]
        chosen.append((fresh or own)[0])
    return chosen[:_EXAMPLES]


def _one_a_speaker(clips: Sequence[HeardClip], draw: np.random.Generator) -> list[int]:
    """A clip of each speaker, in an order drawn by the seed."""
    seen: dict[str, int] = {}
    for index in draw.permutation(len(clips)).tolist():
        seen.setdefault(clips[index].clip.speaker, index)
    return list(seen.values())


def _report(
    clips: Sequence[HeardClip],
    measured: ListenMetrics,
    others: Sequence[Mapping[str, Any]],
    *,
    split: str,
    seed: int,
    about: Mapping[str, Any] | None,
    corpus: Corpus,
) -> dict[str, Any]:
    table = measured.factors
    return {
        **{name: _finite(name, value) for name, value in measured.values.items()},
        "factors": {
            factor: {
                "num_labels": count,
                "chance": chance,
                **dict(zip(table.features, accuracy, strict=True)),
            }
            for factor, accuracy, chance, count in zip(
                table.factors, table.accuracy, table.chance, table.num_labels, strict=True
            )
        },
        "speech_of_others": list(others),
        "split": split,
        "num_clips": len(clips),
        "num_speakers": len({one.clip.speaker for one in clips}),
        "num_sentences": len({one.sentence for one in clips}),
        "num_styles": len({one.clip.style for one in clips if one.clip.style is not None}),
        "num_frames": sum(one.clip.speech.num_frames for one in clips),
        "clips_sha256": digest_of_clips(clips),
        "corpus_hash": getattr(corpus, "corpus_hash", None),
        "seed": seed,
        "about": dict(about or {}),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _finite(name: str, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise InputError(
            f"{name} is {value}, so nothing was written. The weights give NaN or infinite values; "
            "check them with a clip you know."
        )
    return value
