"""Phonemes with their times to the movement of the lips: co-articulation by dominance (Sec. 3.1).

Every sound pulls each part of the mouth toward its own place, most where it stands and less far
away (Cohen and Massaro 1993); rounding begins early. Closed lips are the exception: p, b and m
close, whatever stands beside them. Knows nothing about sound, voices or emotions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.timeline import middle_of
from imagineid_core.corpus.clip import Phoneme
from imagineid_core.corpus.talker.mouth_shapes import (
    PARTS,
    contact_share,
    is_closure,
    is_pause,
    mouth_shapes,
)
from imagineid_core.errors import InputError
from imagineid_core.face.open_face import expression_from_controls

# Seconds after which a part's pull has fallen to 1/e: before the sound, and after it.
_REACH = {"jaw": (0.050, 0.045), "lips": (0.045, 0.040), "round": (0.100, 0.055),
          "tongue": (0.030, 0.030)}  # fmt: skip
_PLATEAU = 0.5  # of a sound, in its middle, where its pull is full
_CLOSING, _OPENING = 0.070, 0.055  # seconds from open to shut, and back
_JAW_LEFT_WHEN_SHUT = 0.45  # the jaw hardly rises for a p
_REST = 0.14  # seconds of silence within which the mouth has come to rest
_PAUSE_PULL = 1.2
_OPENERS = ("upper_lip_raise", "lower_lip_down", "funnel")


@dataclass(frozen=True, kw_only=True)
class LipMotion:
    """Tracks of the open face's controls; `closure` is 1 where p, b, m or silence shuts them."""

    controls: dict[str, Float[Tensor, " frames"]]
    closure: Float[Tensor, " frames"]


def lip_motion(
    phonemes: Sequence[Phoneme],
    num_frames: int,
    fps: Fraction,
    *,
    emphasis: Sequence[float] | None = None,
) -> LipMotion:
    """How the mouth moves for these sounds; frame i shows the instant at its middle.

    `emphasis` opens each sound's jaw more or less (1 as usual). Before the first and after the
    last sound the mouth is at rest.
    """
    emphasis = [1.0] * len(phonemes) if emphasis is None else emphasis
    _check(phonemes, num_frames, emphasis)
    times = np.array([float(middle_of(frame, fps)) for frame in range(num_frames)])
    speaking = [phoneme for phoneme in phonemes if not is_pause(phoneme.symbol)]
    shut = _closure(times, speaking, fps)
    awake = _awake(times, speaking)
    tracks = _blended(times, _targets(phonemes, emphasis))
    tracks = {name: track * awake for name, track in tracks.items()}

    jaw = tracks["jaw_open"] * (1 - (1 - _JAW_LEFT_WHEN_SHUT) * shut)
    tracks |= {name: tracks[name] * (1 - shut) for name in _OPENERS}
    tracks |= {"jaw_open": jaw, "lip_close": jaw * shut, "lip_press": 0.45 * shut * awake}
    tracks["lower_lip_forward"] = -tracks.pop("tuck") * (1 - shut)
    return LipMotion(
        controls={name: torch.from_numpy(track).float() for name, track in tracks.items()},
        closure=torch.from_numpy(np.maximum(shut, 1 - awake)).float(),
    )


def lip_expression(motion: LipMotion) -> Float[Tensor, "frames expression=64"]:
    """l: the 64 coefficients of the lips alone."""
    return expression_from_controls(motion.controls)


def vowel_emphasis(
    phonemes: Sequence[Phoneme], waveform: Float[Tensor, " samples"], sample_rate: int
) -> list[float]:
    """Loud and long vowels open the jaw more, compared with the clip's own median; 1 for others.

    Relative to the clip, so that a whisper and a shout of one sentence move the lips alike.
    """
    vowels = [index for index, sound in enumerate(phonemes) if _is_vowel(sound.symbol)]
    if not vowels:
        return [1.0] * len(phonemes)
    level = {index: _level(phonemes[index], waveform, sample_rate) for index in vowels}
    length = {index: phonemes[index].end - phonemes[index].start for index in vowels}
    usual_level = float(np.median(list(level.values())))
    usual_length = float(np.median(list(length.values())))
    factors = [1.0] * len(phonemes)
    for index in vowels:
        louder = (level[index] - usual_level) / 20  # dB to factors of ten
        longer = np.log2(length[index] / usual_length)
        factors[index] = float(np.clip(10 ** (0.4 * louder) * 2 ** (0.2 * longer), 0.7, 1.3))
    return factors


@dataclass(frozen=True, kw_only=True)
class _Pull:
    """One place the mouth is drawn to, from `start` to `end`, each part by its strength."""

    start: float
    end: float
    place: dict[str, float]
    strength: dict[str, float]


def _targets(phonemes: Sequence[Phoneme], emphasis: Sequence[float]) -> list[_Pull]:
    pulls = []
    for phoneme, factor in zip(phonemes, emphasis, strict=True):
        if is_pause(phoneme.symbol):
            strength = dict.fromkeys(PARTS, _PAUSE_PULL)
            pulls.append(_Pull(start=phoneme.start, end=phoneme.end, place={}, strength=strength))
            continue
        shapes = mouth_shapes(phoneme.symbol)
        step = (phoneme.end - phoneme.start) / len(shapes)  # a diphthong has two places
        for number, shape in enumerate(shapes):
            place = dict(shape.place)
            place["jaw_open"] = place.get("jaw_open", 0.0) * factor
            start = phoneme.start + number * step
            pulls.append(_Pull(start=start, end=start + step, place=place, strength=shape.strength))
    return pulls


def _blended(times: np.ndarray, pulls: Sequence[_Pull]) -> dict[str, np.ndarray]:
    """Means of the places, weighted by dominance: D = strength * exp(-distance / reach)."""
    tracks = {}
    middle = np.array([(pull.start + pull.end) / 2 for pull in pulls])
    half = np.array([(pull.end - pull.start) / 2 * _PLATEAU for pull in pulls])
    offset = times[:, None] - middle[None]  # [frames, pulls]
    distance = np.maximum(np.abs(offset) - half, 0)
    for part, controls in PARTS.items():
        before, after = _REACH[part]
        strength = np.array([pull.strength[part] for pull in pulls])
        decay = -distance / np.where(offset < 0, before, after)
        # Far from every sound all pulls vanish: their ratio is what counts.
        decay = decay - decay.max(axis=1, keepdims=True) if len(pulls) else decay
        dominance = strength * np.exp(decay)
        total = dominance.sum(axis=1) + 1e-9
        for control in controls:
            places = np.array([pull.place.get(control, 0.0) for pull in pulls])
            tracks[control] = dominance @ places / total if len(pulls) else np.zeros(len(times))
    return tracks


def _closure(times: np.ndarray, phonemes: Sequence[Phoneme], fps: Fraction) -> np.ndarray:
    """1 while lips touch, at least as long as a frame lasts, so that one frame shows it."""
    shut = np.zeros(len(times))
    shortest = 0.5001 / float(fps)
    for phoneme in phonemes:
        if not is_closure(phoneme.symbol):
            continue
        touching = (phoneme.end - phoneme.start) * contact_share(phoneme.symbol)
        middle = phoneme.start + touching / 2
        half = max(touching / 2, shortest)
        early, late = middle - half - times, times - middle - half
        away = np.maximum(np.maximum(early / _CLOSING, late / _OPENING), 0)
        shut = np.maximum(shut, 1 - _smooth_step(away))
    return shut


def _awake(times: np.ndarray, speaking: Sequence[Phoneme]) -> np.ndarray:
    """1 in speech, 0 further than `_REST` from any."""
    if not speaking:
        return np.zeros(len(times))
    start = np.array([phoneme.start for phoneme in speaking])
    end = np.array([phoneme.end for phoneme in speaking])
    away = np.maximum(start[None] - times[:, None], times[:, None] - end[None]).min(axis=1)
    return 1 - _smooth_step(np.maximum(away, 0) / _REST)


def _smooth_step(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def _is_vowel(symbol: str) -> bool:
    return not is_pause(symbol) and mouth_shapes(symbol)[0].is_vowel


def _level(phoneme: Phoneme, waveform: Tensor, sample_rate: int) -> float:
    inside = waveform[int(phoneme.start * sample_rate) : int(phoneme.end * sample_rate) + 1]
    return 10 * float(torch.log10(inside.double().square().mean() + 1e-10))


def _check(phonemes: Sequence[Phoneme], num_frames: int, emphasis: Sequence[float]) -> None:
    if num_frames < 1:
        raise InputError(f"num_frames is {num_frames}. Give at least one frame.")
    if len(emphasis) != len(phonemes):
        raise InputError(
            f"emphasis has {len(emphasis)} values for {len(phonemes)} phonemes. Give one each."
        )
    for phoneme in phonemes:
        if not 0 <= phoneme.start < phoneme.end:
            raise InputError(
                f"phoneme '{phoneme.symbol}' runs from {phoneme.start} to {phoneme.end} s. "
                "Give 0 <= start < end."
            )
