"""The same speech through other rooms, microphones and lines: nothing moves in time (Sec. 4.1).

Gain, equaliser, room, noise, telephone line and coarse samples on 16 kHz sound, drawn from an
explicit generator. Knows nothing about what is said or by whom.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.values import SAMPLE_RATE


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How often each thing happens (0 ... 1) and how far it goes, lowest and highest."""

    gain_db: tuple[float, float] = (-14.0, 6.0)
    equaliser: float = 0.7
    equaliser_db: float = 8.0  # most, in each of the bands
    room: float = 0.4
    room_seconds: tuple[float, float] = (0.10, 0.50)  # until it has fallen by 60 dB
    room_ratio_db: tuple[float, float] = (4.0, 20.0)  # direct sound over the room's
    noise: float = 0.6
    noise_ratio_db: tuple[float, float] = (8.0, 35.0)  # speech over noise
    line: float = 0.25
    line_low: tuple[float, float] = (60.0, 350.0)  # Hz
    line_high: tuple[float, float] = (3000.0, 7000.0)  # Hz
    coarse: float = 0.25
    coarse_bits: tuple[float, float] = (6.0, 10.0)  # of companded samples, as in mu-law

    def __post_init__(self) -> None:
        for name in ("equaliser", "room", "noise", "line", "coarse"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}, a chance. Give 0 to 1.")


def augmented(
    waveform: Float[Tensor, " samples"],
    generator: torch.Generator,
    config: AugmentConfig | None = None,
) -> Float[Tensor, " samples"]:
    """One draw of everything, in the order in which sound meets it; clipped to [-1, 1]."""
    config = config or AugmentConfig()
    draw = _Draw(generator)
    sound = waveform.float()
    if draw.happens(config.equaliser):
        sound = equalised(sound, draw.signed(config.equaliser_db, 6))
    if draw.happens(config.room):
        sound = in_room(
            sound, draw.between(config.room_seconds), draw.between(config.room_ratio_db), generator
        )
    if draw.happens(config.noise):
        sound = noisy(
            sound, draw.between(config.noise_ratio_db), draw.between((0.0, 2.0)), generator
        )
    if draw.happens(config.line):
        sound = on_line(sound, draw.between(config.line_low), draw.between(config.line_high))
    sound = with_gain(sound, draw.between(config.gain_db))
    if draw.happens(config.coarse):
        sound = coarse(sound, draw.between(config.coarse_bits))
    return sound


def with_gain(waveform: Float[Tensor, " samples"], decibels: float) -> Float[Tensor, " samples"]:
    return (waveform * 10 ** (decibels / 20)).clamp(-1, 1)


def equalised(
    waveform: Float[Tensor, " samples"], decibels: Float[Tensor, " bands"]
) -> Float[Tensor, " samples"]:
    """Zero-phase; bands stand evenly in octaves from 60 Hz to 8 kHz, straight lines between."""
    frequency = _frequencies(len(waveform))
    octave = torch.log2(frequency.clamp(min=60.0) / 60.0) / torch.log2(torch.tensor(8000.0 / 60))
    place = octave.clamp(0, 1) * (len(decibels) - 1)
    below = place.floor().clamp(max=len(decibels) - 2).long()
    gain = torch.lerp(decibels[below], decibels[below + 1], place - below)
    return _filtered(waveform, 10 ** (gain / 20))


def in_room(
    waveform: Float[Tensor, " samples"],
    seconds: float,
    ratio_db: float,
    generator: torch.Generator,
) -> Float[Tensor, " samples"]:
    """Direct sound first and unmoved, then noise that decays by 60 dB in `seconds`."""
    length = max(2, round(seconds * SAMPLE_RATE))
    time = torch.arange(length) / SAMPLE_RATE
    tail = torch.randn(length, generator=generator) * 10 ** (-3 * time / seconds)
    tail[: round(0.004 * SAMPLE_RATE)] = 0  # the nearest wall
    tail = tail / tail.norm() * 10 ** (-ratio_db / 20)
    tail[0] = 1.0
    size = len(waveform) + length
    spectrum = torch.fft.rfft(waveform, size) * torch.fft.rfft(tail, size)
    return torch.fft.irfft(spectrum, size)[: len(waveform)]


def noisy(
    waveform: Float[Tensor, " samples"],
    ratio_db: float,
    colour: float,
    generator: torch.Generator,
) -> Float[Tensor, " samples"]:
    """Noise whose power falls as 1 / f^colour: 0 white, 1 pink, 2 brown."""
    noise = torch.randn(len(waveform), generator=generator)
    noise = _filtered(noise, _frequencies(len(waveform)).clamp(min=40.0) ** (-colour / 2))
    wanted = waveform.square().mean().sqrt() * 10 ** (-ratio_db / 20)
    return waveform + noise * wanted / noise.square().mean().sqrt().clamp(min=1e-9)


def on_line(
    waveform: Float[Tensor, " samples"], low: float, high: float
) -> Float[Tensor, " samples"]:
    """Only the band from `low` to `high` Hz passes: 24 dB an octave, zero-phase."""
    frequency = _frequencies(len(waveform)).clamp(min=1.0)
    gain = 1 / torch.sqrt((1 + (low / frequency) ** 8) * (1 + (frequency / high) ** 8))
    return _filtered(waveform, gain)


def coarse(waveform: Float[Tensor, " samples"], bits: float) -> Float[Tensor, " samples"]:
    """Samples rounded to 2^bits steps after mu-law companding, as cheap lines do."""
    mu, half = 255.0, 2 ** (bits - 1)
    companded = torch.sign(waveform) * torch.log1p(mu * waveform.abs().clamp(max=1)) / _LOG_256
    rounded = (companded * half).round() / half
    return torch.sign(rounded) * (torch.exp(rounded.abs() * _LOG_256) - 1) / mu


_LOG_256 = float(torch.log(torch.tensor(256.0)))


class _Draw:
    def __init__(self, generator: torch.Generator):
        self.generator = generator

    def happens(self, chance: float) -> bool:
        return self.between((0.0, 1.0)) < chance

    def between(self, limits: tuple[float, float]) -> float:
        share = float(torch.rand((), generator=self.generator))
        return limits[0] + (limits[1] - limits[0]) * share

    def signed(self, most: float, count: int) -> Tensor:
        return most * (2 * torch.rand(count, generator=self.generator) - 1)


def _frequencies(num_samples: int) -> Tensor:
    return torch.fft.rfftfreq(num_samples, 1 / SAMPLE_RATE)


def _filtered(waveform: Tensor, gain: Tensor) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(waveform) * gain, len(waveform))
