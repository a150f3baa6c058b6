"""Everything that is measured of PAD on held-out clips, under the names of `metrics.METRICS`.

A truth that the corpus does not know makes its numbers None. Knows nothing about files or pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from imagineid_core.evaluation.lips import closures_hit, correlation, follows, offset_of
from imagineid_core.evaluation.listen.heard_clips import HeardClip, stacked
from imagineid_core.evaluation.listen.retrieval import (
    cosine_distances,
    distances,
    retrieval_at_1,
    retrieval_chance,
    speaker_pairs,
)
from imagineid_core.evaluation.listen.shapes import shape_cosine, shape_r2
from imagineid_core.evaluation.listen.swap import swap_metrics
from imagineid_core.evaluation.probes import Probed, probe
from imagineid_core.listen.pad import Pad
from imagineid_core.values import FaceBasis

Values = dict[str, float | None]
Progress = Callable[[str, int, int], None]
_MOST_FRAMES = 4000  # that a probe of phonemes is fitted on

# Features of a whole clip, means over its frames where they have any, and how much l-bar moves (a
# mean can be free of a factor that still shows there); and the same of each frame.
CLIP_FEATURES: dict[str, Callable[[HeardClip], Tensor]] = {
    "mel": lambda one: one.mel.mean(dim=0),
    "alpha-hat": lambda one: one.heard.identity.shape[0],
    "theta_id": lambda one: one.heard.identity.semantics[0],
    "l-bar": lambda one: one.heard.content.linguistic[0].mean(dim=0),
    "l-bar spread": lambda one: one.heard.content.linguistic[0].std(dim=0, unbiased=False),
    "l-hat": lambda one: one.heard.content.lip_expression[0].mean(dim=0),
    "theta_e": lambda one: one.heard.emotion.style[0].mean(dim=0),
    "beta-hat": lambda one: one.heard.emotion.expression[0].mean(dim=0),
}
FRAME_FEATURES: dict[str, Callable[[HeardClip], Tensor]] = {
    "mel": lambda one: one.mel,
    "l-bar": lambda one: one.heard.content.linguistic[0],
    "l-hat": lambda one: one.heard.content.lip_expression[0],
    "beta-hat": lambda one: one.heard.emotion.expression[0],
}


@dataclass(frozen=True, kw_only=True)
class FactorTable:
    """Accuracy of a linear probe for each factor (row) on each feature (column), and chance."""

    factors: tuple[str, ...]
    features: tuple[str, ...]
    accuracy: tuple[tuple[float | None, ...], ...]
    chance: tuple[float | None, ...]
    num_labels: tuple[int, ...]

    def at(self, factor: str, feature: str) -> float | None:
        return self.accuracy[self.factors.index(factor)][self.features.index(feature)]


@dataclass(frozen=True, kw_only=True)
class ListenMetrics:
    values: Values
    factors: FactorTable
    emotion: Probed | None  # of theta_e, for its confusion table


def listen_metrics(
    pad: Pad,
    clips: Sequence[HeardClip],
    basis: FaceBasis,
    *,
    seed: int,
    on_progress: Progress | None = None,
) -> ListenMetrics:
    """All of `METRICS`, in parts that are reported as they are done."""
    values: Values = {}
    factors, emotion = None, None
    for done, part in enumerate(("lips", "factors", "shapes", "swaps")):
        if on_progress is not None:
            on_progress("measure", done, 4)
        if part == "lips":
            values |= lip_metrics(clips)
        elif part == "factors":
            factors, emotion = factor_table(clips, seed=seed)
            values |= disentanglement(factors)
        elif part == "shapes":
            values |= identity_metrics(clips)
        else:
            values |= swap_metrics(pad.emotion, clips, basis, seed=seed)
    assert factors is not None
    return ListenMetrics(values=values, factors=factors, emotion=emotion)


def lip_metrics(clips: Sequence[HeardClip]) -> Values:
    """Lips of beta-hat against beta's, and of l-hat against l's; a fixed mouth has no peak."""
    moving = [(one, one.gaps.truth) for one in clips if one.gaps.truth is not None]
    lips = [
        correlation(one.gaps.heard_lips, one.gaps.true_lips)
        for one in clips
        if one.gaps.true_lips is not None
    ]
    offsets = [offset_of(one.gaps.heard, truth) for one, truth in moving]
    return {
        "mouth_correlation": _mean([correlation(one.gaps.heard, truth) for one, truth in moving]),
        "mouth_correlation_content": _mean(lips),
        "offset_within_1": _mean([lag is not None and abs(lag) <= 1 for lag in offsets]),
        "offset_0": _mean([lag == 0 for lag in offsets]),
        "closure_recall": _closure_recall([(one, one.gaps.heard) for one in clips]),
        "closure_recall_truth": _closure_recall(moving),
        "envelope_correlation": _mean([follows(one.gaps.heard, one.clip.speech) for one in clips]),
        "envelope_correlation_truth": _mean(
            [follows(truth, one.clip.speech) for one, truth in moving]
        ),
    }


def identity_metrics(clips: Sequence[HeardClip]) -> Values:
    """Shapes against the truth, and who is near whom."""
    speakers = [one.clip.speaker for one in clips]
    sentences = [one.sentence for one in clips]
    heard = stacked([one.heard.identity.shape[0] for one in clips])
    by_shape = distances(heard)
    by_semantics = cosine_distances(stacked([one.heard.identity.semantics[0] for one in clips]))
    by_mel = distances(stacked([one.mel.mean(dim=0) for one in clips]))
    known = [index for index, one in enumerate(clips) if one.clip.shape is not None]
    truth = [shape for one in clips if (shape := one.clip.shape) is not None]
    return {
        "shape_cosine": shape_cosine(heard[known], stacked(truth)) if truth else None,
        "shape_r2": shape_r2(heard[known], stacked(truth)) if truth else None,
        "speaker_pairs": speaker_pairs(by_shape, speakers, sentences),
        "speaker_pairs_semantics": speaker_pairs(by_semantics, speakers, sentences),
        "retrieval_at_1": retrieval_at_1(by_semantics, speakers, sentences),
        "retrieval_at_1_mel": retrieval_at_1(by_mel, speakers, sentences),
        "retrieval_chance": retrieval_chance(by_semantics, speakers, sentences),
    }


def factor_table(clips: Sequence[HeardClip], *, seed: int) -> tuple[FactorTable, Probed | None]:
    """Emotion, speaker and phoneme by linear probes, cross-validated by sentence.

    The phoneme is what is spoken in the middle of a frame, read off each frame; features of the
    whole clip cannot know it and show chance.
    """
    styled = [one for one in clips if one.clip.style is not None]
    rows: dict[str, tuple[list[float | None], float | None, int]] = {}
    styles = [str(one.clip.style) for one in styled]
    by_emotion = _probe_clips(styled, styles, seed)
    rows["emotion"] = _row(by_emotion)
    rows["speaker"] = _row(_probe_clips(clips, [one.clip.speaker for one in clips], seed))
    rows["phoneme"] = _row(_probe_phonemes(clips, seed))
    table = FactorTable(
        factors=tuple(rows),
        features=tuple(CLIP_FEATURES),
        accuracy=tuple(tuple(accuracy) for accuracy, _, _ in rows.values()),
        chance=tuple(chance for _, chance, _ in rows.values()),
        num_labels=tuple(count for _, _, count in rows.values()),
    )
    return table, by_emotion["theta_e"]


def disentanglement(table: FactorTable) -> Values:
    """The cells that have names of their own."""
    identity, style = table.at("speaker", "theta_id"), table.at("speaker", "theta_e")
    chance = table.chance[table.factors.index("speaker")]
    leak = None
    if identity is not None and style is not None and chance is not None and identity > chance:
        leak = (style - chance) / (identity - chance)
    return {
        "emotion_from_style": table.at("emotion", "theta_e"),
        "emotion_from_content": table.at("emotion", "l-bar"),
        "emotion_from_content_spread": table.at("emotion", "l-bar spread"),
        "speaker_from_style": style,
        "speaker_from_identity": identity,
        "speaker_chance": chance,
        "speaker_leak": leak,
    }


def _probe_clips(
    clips: Sequence[HeardClip], labels: Sequence[str], seed: int
) -> dict[str, Probed | None]:
    sentences = [one.sentence for one in clips]
    if not _can_be_told_apart(labels, sentences):
        return dict.fromkeys(CLIP_FEATURES)
    return {
        name: probe(stacked([feature(one) for one in clips]), labels, sentences, seed=seed)
        for name, feature in CLIP_FEATURES.items()
    }


def _probe_phonemes(clips: Sequence[HeardClip], seed: int) -> dict[str, Probed | None]:
    """Frames drawn by `seed`, as many as a probe can be fitted on in a moment."""
    spoken = [
        (one, frame, symbol) for one in clips for frame, symbol in enumerate(_phonemes_of(one))
    ]
    kept = np.random.default_rng(seed).permutation(len(spoken))[:_MOST_FRAMES]
    chosen = [spoken[index] for index in sorted(kept)]
    labels = [symbol for _, _, symbol in chosen]
    sentences = [one.sentence for one, _, _ in chosen]
    if not _can_be_told_apart(labels, sentences):
        return dict.fromkeys(CLIP_FEATURES)
    found: dict[str, Probed | None] = {}
    for name, feature in CLIP_FEATURES.items():
        by_frame = FRAME_FEATURES.get(name)
        rows = [
            feature(one) if by_frame is None else by_frame(one)[frame] for one, frame, _ in chosen
        ]
        found[name] = probe(stacked(rows), labels, sentences, seed=seed)
    return found


def _phonemes_of(one: HeardClip) -> list[str]:
    """The phoneme in the middle of each frame; none for a clip without phonemes."""
    if one.clip.phonemes is None:
        return []
    middles = (np.arange(one.clip.speech.num_frames) + 0.5) / float(one.clip.speech.fps)
    symbols = ["_"] * len(middles)
    for phoneme in one.clip.phonemes:
        for frame in np.nonzero((phoneme.start <= middles) & (middles < phoneme.end))[0]:
            symbols[frame] = phoneme.symbol
    return symbols


def _can_be_told_apart(labels: Sequence[str], sentences: Sequence[str]) -> bool:
    return len(set(labels)) > 1 and len(set(sentences)) > 1


def _row(probed: dict[str, Probed | None]) -> tuple[list[float | None], float | None, int]:
    accuracy = [None if one is None else one.accuracy for one in probed.values()]
    first = next(iter(probed.values()))
    if first is None:
        return accuracy, None, 0
    return accuracy, first.chance, len(first.labels)


def _closure_recall(pairs: Sequence[tuple[HeardClip, np.ndarray]]) -> float | None:
    hit = total = 0
    for one, gaps in pairs:
        counted = closures_hit(gaps, one.clip.phonemes or (), float(one.clip.speech.fps))
        hit, total = hit + counted[0], total + counted[1]
    return hit / total if total else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
