"""When the eyes close and how: blink curves of any length, frame rate and blink rate.

Not in the ImagineID paper, which takes the blink from a video; the closing curve and the released
schedule are SadTalker's. Knows nothing about faces, expressions or audio.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError

CURVE_FPS = 25  # `closing` is sampled at this rate, whatever the rate of the video
SADTALKER_CLOSING = (0.5, 0.9, 1.0, 0.9, 0.5)
AT_REST = 17.0  # blinks a minute of adults (Bentivoglio et al. 1997)
_MOST_PER_MINUTE = 60.0


@dataclass(frozen=True, kw_only=True)
class BlinkConfig:
    """Gaps run from the end of one blink to the start of the next.

    They are drawn from an exponential law cut to [min, max] whose rate is solved for the mean:
    blinks of a real person are that irregular. The defaults are about 17 blinks a minute, the mean
    of adults at rest (Bentivoglio et al. 1997).
    """

    mean_gap_seconds: float = 3.3
    min_gap_seconds: float = 0.8
    max_gap_seconds: float = 10.0
    closing: tuple[float, ...] = SADTALKER_CLOSING  # one blink at 25 fps, 0 open ... 1 closed

    def __post_init__(self) -> None:
        if not 0 < self.min_gap_seconds < self.mean_gap_seconds < self.max_gap_seconds < math.inf:
            raise InputError(
                f"blink gaps are min {self.min_gap_seconds}, mean {self.mean_gap_seconds}, max "
                f"{self.max_gap_seconds} seconds. Give 0 < min < mean < max."
            )
        if not all(0 <= value <= 1 for value in self.closing):
            raise InputError(
                f"closing is {self.closing} but 0 is open and 1 is closed. "
                "Give values between 0 and 1; an empty tuple keeps the eyes open."
            )

    @property
    def blinks_per_minute(self) -> float:
        return 60 / (self.mean_gap_seconds + _duration(self.closing)) if self.closing else 0.0


def blinks_at(per_minute: float, *, closing: tuple[float, ...] = SADTALKER_CLOSING) -> BlinkConfig:
    """Natural irregularity at this mean rate: gaps from a quarter to three times their mean.

    At rest people blink about 17 times a minute, in conversation about 26, reading about 5.
    """
    if not 0 <= per_minute <= _MOST_PER_MINUTE:
        raise InputError(
            f"blinks_per_minute is {per_minute} but must lie between 0 and {_MOST_PER_MINUTE:g}. "
            "At rest people blink about 17 times a minute; 0 keeps the eyes open."
        )
    if per_minute == 0 or not closing:
        return BlinkConfig(closing=())
    mean = 60 / per_minute - _duration(closing)
    if mean <= 0:
        raise InputError(
            f"closing lasts {_duration(closing):.2f} s, too long for {per_minute} blinks a minute. "
            "Blink less often or close the eyes for a shorter time."
        )
    return BlinkConfig(
        mean_gap_seconds=mean,
        min_gap_seconds=mean / 4,
        max_gap_seconds=mean * 3,
        closing=closing,
    )


def blink_curve(
    num_frames: int,
    fps: Fraction,
    generator: torch.Generator,
    config: BlinkConfig,
) -> Float[Tensor, " frames"]:
    """0 open ... 1 closed for each frame; the first and the last frame are always open.

    Blinks are placed in seconds, then moved by less than half a frame so that their lowest point
    falls on a frame: at 10 fps, too, every blink closes the eye as far as `closing` says.
    """
    _check_length(num_frames)
    if fps <= 0:
        raise InputError(f"fps is {fps} but must be positive. The paper uses 25.")
    curve = torch.zeros(num_frames)
    if not config.closing or max(config.closing) == 0:
        return curve
    duration, peak = _duration(config.closing), _peak(config.closing)
    law = _solve_rate(config)
    reach = math.ceil(duration * fps)
    last = num_frames - 1
    onset = _draw_gap(config, law, generator)
    while onset + duration <= last / fps:
        frame = min(max(round((onset + peak) * float(fps)), 1), last - 1)
        around = torch.arange(max(frame - reach, 1), min(frame + reach + 1, last))
        shape = _closing_at((around - frame).double() / float(fps) + peak, config.closing)
        curve[around] = torch.maximum(curve[around], shape.float())
        onset += duration + _draw_gap(config, law, generator)
    return curve


def sadtalker_blinks(num_frames: int, generator: torch.Generator) -> Float[Tensor, " frames"]:
    """The blink ratio of SadTalker's release at 25 fps, as its ExpNet expects it.

    Gaps are whole frames, equally likely from 10 up to half the clip or 69, whichever is less.
    Up to 21 frames nobody blinks (the released code fails at exactly 21).
    """
    _check_length(num_frames)
    curve = torch.zeros(num_frames)
    longest = min(num_frames // 2, 70)
    if longest <= 10:
        return curve
    blink = torch.tensor(SADTALKER_CLOSING)
    position = 0
    while True:
        gap = torch.randint(10, longest, (), generator=generator, device=generator.device)
        position += int(gap)
        if position + len(blink) > num_frames - 1:
            return curve
        curve[position : position + len(blink)] = blink
        position += len(blink)


def _check_length(num_frames: int) -> None:
    if num_frames < 0:
        raise InputError(f"num_frames is {num_frames} but cannot be negative. Give 0 or more.")


def _duration(closing: tuple[float, ...]) -> float:
    return (len(closing) + 1) / CURVE_FPS  # open at 0, `closing` at 1/25, 2/25 ..., open again


def _peak(closing: tuple[float, ...]) -> float:
    """When the eye is most closed; in the middle of the plateau if there is one."""
    lowest = [i for i, value in enumerate(closing) if value == max(closing)]
    return (lowest[len(lowest) // 2] + 1) / CURVE_FPS


def _closing_at(
    seconds: Float[Tensor, " frames"], closing: tuple[float, ...]
) -> Float[Tensor, " frames"]:
    """The closing curve between its samples, straight lines, 0 outside."""
    samples = torch.tensor((0.0, *closing, 0.0), dtype=torch.float64)
    place = (seconds * CURVE_FPS).clamp(0, len(samples) - 1)
    before = place.floor().clamp(max=len(samples) - 2).long()
    return torch.lerp(samples[before], samples[before + 1], place - before)


def _solve_rate(config: BlinkConfig) -> float:
    """The rate whose exponential law, cut to [min, max], has the mean asked for.

    Negative when the mean lies in the upper half: the density then rises instead of falling.
    """
    width = config.max_gap_seconds - config.min_gap_seconds
    wanted = (config.mean_gap_seconds - config.min_gap_seconds) / width  # in (0, 1)
    low, high = -700.0, 700.0  # exp stays finite
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _unit_mean(middle) > wanted else (low, middle)
    return (low + high) / 2


def _unit_mean(rate: float) -> float:
    """Mean of exp(-rate x) on [0, 1]; the series near 0, where the formula cancels."""
    return 0.5 - rate / 12 if abs(rate) < 1e-3 else 1 / rate - 1 / math.expm1(rate)


def _draw_gap(config: BlinkConfig, rate: float, generator: torch.Generator) -> float:
    uniform = float(
        torch.rand((), generator=generator, dtype=torch.float64, device=generator.device)
    )
    flat = abs(rate) < 1e-6
    place = uniform if flat else -math.log1p(uniform * math.expm1(-rate)) / rate  # inverse law
    return config.min_gap_seconds + place * (config.max_gap_seconds - config.min_gap_seconds)
