"""Speakers as points of a continuous space of voices, and their espeak variant files (Sec. 3.1).

Speaker k of a seed is the same however many there are. Pitch and tract length are drawn apart from
each other: no kind of person is meant. Knows nothing about faces, sentences or emotions.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagineid_core.errors import InputError

DATA_FOLDER = "espeak-ng-data"  # the name that libespeak-ng looks for
_NEEDED = ("phondata", "phonindex", "phontab", "intonations", "en_dict", "lang/gmw/en-US")

# Lowest and highest of every measure, in the order of `Speaker`'s fields.
_RANGES = {
    "pitch": (78.0, 260.0),
    "pitch_span": (0.25, 0.70),
    "tract": (0.84, 1.20),
    "first_formant": (0.92, 1.08),
    "second_formant": (0.93, 1.07),
    "third_formant": (0.94, 1.06),
    "brightness": (0.65, 1.25),
    "bandwidth": (0.80, 1.50),
    "breath": (0.0, 1.0),
    "roughness": (0.0, 1.0),
    "consonants": (0.75, 1.25),
    "tempo": (0.88, 1.12),
}
_BY_RATIO = {"pitch", "tract"}  # drawn evenly in the logarithm: ears hear ratios
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)  # one an axis; their roots are the steps
# How far breath reaches into each of the formants 0-8, and how loud at most.
_BREATH = (0, 3, 4, 5, 6, 6, 5, 4)


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """A voice. Factors multiply espeak's American English, whose own value is 1."""

    pitch: float  # Hz, the low end of the voice's range
    pitch_span: float  # octaves from there to its high end
    tract: float  # all formants: above 1 is a shorter vocal tract
    first_formant: float  # beyond `tract`
    second_formant: float
    third_formant: float
    brightness: float  # strength of the formants from the third up
    bandwidth: float  # of all formants
    breath: float  # 0 none ... 1
    roughness: float  # 0 none ... 1
    consonants: float  # loudness of consonants
    tempo: float  # speaking rate


def draw_speaker(seed: int, index: int) -> Speaker:
    """Point `index` of Richtmyer's low-discrepancy sequence, from a start that the seed draws.

    Every tenth point is such a sequence again, so test speakers cover the space too; of Sobol's
    points they would fill one half of an axis.
    """
    if seed < 0 or index < 0:
        raise InputError(f"seed is {seed} and index {index}. Give numbers from 0 up.")
    start = np.random.default_rng([seed, 11]).random(len(_RANGES))
    place = (start + (index + 1) * np.sqrt(_PRIMES)) % 1.0
    return speaker_at(place)


def speaker_at(place: np.ndarray) -> Speaker:
    """The voice at a point of the unit cube, one axis a measure."""
    values = {}
    for (name, (low, high)), share in zip(_RANGES.items(), place, strict=True):
        even = low * (high / low) ** share if name in _BY_RATIO else low + (high - low) * share
        values[name] = float(even)
    return Speaker(**values)


def place_of(speaker: Speaker) -> np.ndarray:
    """The inverse of `speaker_at`: every measure as 0 ... 1 of its range."""
    place = []
    for name, (low, high) in _RANGES.items():
        value = getattr(speaker, name)
        is_ratio = name in _BY_RATIO
        place.append(
            np.log(value / low) / np.log(high / low) if is_ratio else (value - low) / (high - low)
        )
    return np.array(place)


def variant_text(speaker: Speaker) -> str:
    """The speaker as espeak-ng reads it: frequency, height and width of each formant in percent."""
    lines = ["language variant", "name talker"]
    low = speaker.pitch
    lines.append(f"pitch {low:.0f} {low * 2**speaker.pitch_span:.0f}")
    own = {1: speaker.first_formant, 2: speaker.second_formant, 3: speaker.third_formant}
    for formant in range(9):
        frequency = 100 * speaker.tract * own.get(formant, 1.0)
        height = 100 * (speaker.brightness if formant >= 3 else 1.0)
        width = 100 * speaker.bandwidth
        lines.append(f"formant {formant} {frequency:.0f} {height:.0f} {width:.0f}")
    breath = " ".join(f"{speaker.breath * most:.0f}" for most in _BREATH)
    lines += [
        f"breath {breath}",
        f"roughness {speaker.roughness * 6:.0f}",
        f"consonants {100 * speaker.consonants:.0f} {100 * speaker.consonants:.0f}",
        "echo 0 0",
    ]
    return "\n".join(lines) + "\n"


def write_voices(folder: Path, voices: Iterable[tuple[str, Speaker]], installed: Path) -> Path:
    """A private data folder inside `folder`: what American English needs, and these variants.

    `installed` is the data folder of the library itself; it is only read.
    """
    data = folder / DATA_FOLDER
    for name in _NEEDED:
        if not (installed / name).is_file():
            raise InputError(
                f"espeak-ng's data folder {installed} has no {name}. "
                "Install espeak-ng-data again (version 1.49 or newer)."
            )
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(installed / name, data / name)
    variants = data / "voices" / "!v"
    variants.mkdir(parents=True, exist_ok=True)
    for name, speaker in voices:
        (variants / name).write_text(variant_text(speaker), encoding="ascii")
    return data
