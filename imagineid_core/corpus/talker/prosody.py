"""Six ways to say a sentence: pitch, range, rate, loudness and effort of each style (Sec. 3.1).

The recipe is ours: it makes six clearly different manners of speaking, not a model of how people
sound when they feel. Times never move by more than a millisecond. Knows nothing about faces.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.talker.espeak import (
    PITCH_RANGE,
    RATE_RANGE,
    VOLUME_RANGE,
    Delivery,
)
from imagineid_core.errors import InputError
from imagineid_core.values import SAMPLE_RATE

WEAKEST, STRONGEST = 0.5, 1.0  # intensity
_USUAL_RATE = 170  # words a minute
_USUAL_VOLUME = 55  # leaves room above for loud styles
_STEPS_PER_SEMITONE = 4.1  # of espeak's pitch setting
_LEAST = 0.4  # of a style is heard at intensity 0, all of it at 1: weak ones stay recognisable
_BLOCK = 160  # samples over which loudness is followed


@dataclass(frozen=True, kw_only=True)
class Style:
    """What a style adds at full intensity; the defaults add nothing."""

    semitones: float = 0.0
    pitch_range: float = 1.0  # factor
    rate: float = 1.0  # factor
    decibels: float = 0.0
    ending: str = "."  # espeak's intonation follows the punctuation
    brightness: float = 0.0  # dB at 4 kHz and above against 500 Hz and below
    pressure: float = 0.0  # how far loud peaks are clipped: the harmonics of a strained voice
    breath: float = 0.0  # noise beside the voice, share of its loudness
    tremor: float = 0.0  # share by which loudness shivers
    vibrato: float = 0.0  # share by which pitch shivers, as often


STYLES: dict[str, Style] = {
    "neutral": Style(pitch_range=0.85),
    "happy": Style(
        semitones=5.0, pitch_range=1.98, rate=1.04, decibels=2.0, ending="!", brightness=7.0
    ),
    "sad": Style(
        semitones=-4.0, pitch_range=0.30, rate=0.74, decibels=-7.0, brightness=-14.0, breath=0.06
    ),
    "angry": Style(
        semitones=-3.0, pitch_range=1.30, rate=1.25, decibels=2.0, ending="!", brightness=4.0,
        pressure=5.0,
    ),
    "afraid": Style(
        semitones=7.5, pitch_range=0.30, rate=1.30, decibels=-3.0, brightness=-3.0, breath=0.14,
        tremor=0.55, vibrato=0.045,
    ),
    "surprised": Style(
        semitones=9.5, pitch_range=1.70, rate=0.82, decibels=2.0, ending="?", brightness=3.0,
        breath=0.12,
    ),
}  # fmt: skip


def delivery_of(style: str, intensity: float, *, tempo: float = 1.0) -> Delivery:
    """The part of a style that espeak itself can speak; `tempo` is the speaker's own."""
    manner, share = _style(style), _share(intensity)
    volume = _USUAL_VOLUME * 10 ** (share * min(manner.decibels, 0) / 20)
    return Delivery(
        pitch=_within(50 + share * manner.semitones * _STEPS_PER_SEMITONE, PITCH_RANGE),
        pitch_range=_within(50 * manner.pitch_range**share, PITCH_RANGE),
        rate=_within(_USUAL_RATE * tempo * manner.rate**share, RATE_RANGE),
        volume=_within(volume, VOLUME_RANGE),
    )


def spoken_text(sentence: str, style: str) -> str:
    """The sentence with the punctuation whose intonation the style wants."""
    return sentence + _style(style).ending


def with_effort(
    waveform: Float[Tensor, " samples"],
    style: str,
    intensity: float,
    generator: torch.Generator,
) -> Float[Tensor, " samples"]:
    """The part of a style that espeak cannot speak: strain, tremor, breath, brightness.

    On 16 kHz sound. Nothing moves in time but by the vibrato, which is under 1.3 ms.
    """
    manner, share = _style(style), _share(intensity)
    sound = waveform.double().numpy()
    phase = 2 * np.pi * float(torch.rand((), generator=generator))
    hertz = 5.5 + 2.0 * float(torch.rand((), generator=generator))
    noise = torch.randn(len(sound), generator=generator, dtype=torch.float64).numpy()
    if manner.vibrato:
        sound = _vibrato(sound, manner.vibrato * share, hertz, phase)
    if manner.pressure:
        sound = _strained(sound, manner.pressure * share)
    if manner.tremor:
        time = np.arange(len(sound)) / SAMPLE_RATE
        sound = sound * (1 - manner.tremor * share * (0.5 - 0.5 * np.cos(
            2 * np.pi * hertz * time + phase
        )))  # fmt: skip
    if manner.breath:  # of a dull voice it is dull too, so the tilt comes after
        sound = sound + manner.breath * share * _loudness(sound) * _tilted(noise, 12.0)
    if manner.brightness:
        sound = _tilted(sound, manner.brightness * share)
    sound = sound * 10 ** (share * max(manner.decibels, 0) / 20)
    return torch.from_numpy(np.clip(sound, -1, 1)).float()


def _vibrato(sound: np.ndarray, depth: float, hertz: float, phase: float) -> np.ndarray:
    """Read a little earlier and later: the pitch swings by +-depth."""
    from scipy.ndimage import map_coordinates

    place = np.arange(len(sound), dtype=np.float64)
    swing = depth * SAMPLE_RATE / (2 * np.pi * hertz)
    place = place + swing * np.sin(2 * np.pi * hertz * place / SAMPLE_RATE + phase)
    return map_coordinates(sound, place[None], order=3, mode="constant")


def _strained(sound: np.ndarray, pressure: float) -> np.ndarray:
    peak = np.abs(sound).max() + 1e-9
    return peak * np.tanh(pressure * sound / peak) / np.tanh(pressure)


def _tilted(sound: np.ndarray, decibels: float) -> np.ndarray:
    """Zero-phase: a straight line in dB over octaves from 500 Hz to 4 kHz."""
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    octaves = np.clip(np.log2(np.maximum(frequency, 1) / 500), 0, 3)
    return np.fft.irfft(spectrum * 10 ** (decibels * octaves / 3 / 20), len(sound))


def _loudness(sound: np.ndarray) -> np.ndarray:
    """RMS of 10 ms about each sample."""
    power = np.convolve(sound**2, np.hanning(_BLOCK) / np.hanning(_BLOCK).sum(), mode="same")
    return np.sqrt(np.maximum(power, 0))


def _share(intensity: float) -> float:
    if not 0 <= intensity <= 1:
        raise InputError(f"intensity is {intensity} but must lie between 0 and 1. Clamp it.")
    return _LEAST + (1 - _LEAST) * intensity


def _style(name: str) -> Style:
    if name not in STYLES:
        raise InputError(f"style is '{name}'. Use one of: {', '.join(STYLES)}.")
    return STYLES[name]


def _within(value: float, limits: tuple[int, int]) -> int:
    return int(np.clip(round(value), *limits))
