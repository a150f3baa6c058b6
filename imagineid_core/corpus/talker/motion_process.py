"""How a talker holds and turns the head: a slow random walk about rest, nods on stressed sounds.

An Ornstein-Uhlenbeck process, smoothed once more so that the head has weight. Knows nothing about
voices, sound or faces.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.timeline import middle_of
from imagineid_core.errors import InputError
from imagineid_core.face.pose import rotation_matrices
from imagineid_core.motion.blink import blink_curve, blinks_at
from imagineid_core.values import MotionTrack

BLINKS_PER_MINUTE = 22.0  # in speech, between rest (17) and conversation (26)
_SPREAD = (0.045, 0.070, 0.030)  # radians: pitch, yaw, roll
_DRIFT = (0.02, 0.02, 0.03)  # dm, the body's own sway
_MEMORY = 0.9  # seconds after which the head has half forgotten where it was
_WEIGHT = 0.12  # seconds over which it follows
_WARM_UP = 6.0  # seconds walked before the clip starts
_NODS = (0.030, 0.085)  # radians, least and most
_NOD_WIDTH, _NOD_DELAY = 0.11, 0.05  # seconds; the lowest point comes a little after the sound
_NECK = (0.0, -1.00, -0.65)  # dm; heads turn about it


def talker_motion(
    num_frames: int,
    fps: Fraction,
    seed: int | tuple[int, ...],
    *,
    accents: Sequence[float] = (),
) -> MotionTrack:
    """Pose and blink of a clip; `accents` are the seconds on which the head may nod."""
    if num_frames < 1 or fps <= 0:
        raise InputError(
            f"num_frames is {num_frames} and fps {fps}. "
            "Give at least one frame and a positive rate."
        )
    draw = np.random.default_rng([*np.atleast_1d(seed), 31])
    walks = _walks(num_frames, fps, draw)
    angles = walks[:, :3] * np.array(_SPREAD)
    angles[:, 0] += _nods(num_frames, fps, accents, draw)
    sway = torch.from_numpy(walks[:, 3:] * np.array(_DRIFT)).float()
    turned = torch.from_numpy(angles).float()
    pose = torch.cat([turned, _about_neck(turned) + sway], dim=1)
    generator = torch.Generator().manual_seed(int(draw.integers(2**31)))
    blink = blink_curve(num_frames, fps, generator, blinks_at(BLINKS_PER_MINUTE))
    return MotionTrack(pose=pose, blink=blink, fps=fps)


def accents_of(times: Sequence[float], emphasis: Sequence[float]) -> list[float]:
    """The stressed ones of these instants: emphasis above 1.1, not more than two a second."""
    chosen: list[float] = []
    for time, factor in zip(times, emphasis, strict=True):
        if factor > 1.1 and (not chosen or time - chosen[-1] > 0.5):
            chosen.append(time)
    return chosen


def _walks(num_frames: int, fps: Fraction, draw: np.random.Generator) -> np.ndarray:
    """Six independent stationary walks of variance 1, [frames, 6]."""
    step = 1 / float(fps)
    num_steps = num_frames + round(_WARM_UP / step)
    keep, follow = np.exp(-step / _MEMORY), np.exp(-step / _WEIGHT)
    noise = draw.normal(size=(num_steps, 6))
    target, head = noise[0], noise[0]
    walked = np.empty_like(noise)
    for index in range(num_steps):
        target = keep * target + np.sqrt(1 - keep**2) * noise[index]
        head = follow * head + (1 - follow) * target
        walked[index] = head
    # Following loses variance: that of two first-order filters in a row.
    variance = (1 - follow) * (1 + keep * follow) / ((1 + follow) * (1 - keep * follow))
    return np.clip(walked[-num_frames:] / np.sqrt(variance), -2.5, 2.5)


def _nods(
    num_frames: int, fps: Fraction, accents: Sequence[float], draw: np.random.Generator
) -> np.ndarray:
    times = np.array([float(middle_of(frame, fps)) for frame in range(num_frames)])
    nods = np.zeros(num_frames)
    for accent in accents:
        depth, is_made = draw.uniform(*_NODS), draw.random() < 0.7
        if is_made:
            nods += depth * np.exp(-(((times - accent - _NOD_DELAY) / _NOD_WIDTH) ** 2))
    return np.minimum(nods, _NODS[1])


def _about_neck(angles: Float[Tensor, "frames 3"]) -> Float[Tensor, "frames 3"]:
    """The translation that keeps the neck where it is."""
    neck = torch.tensor(_NECK)
    return neck - rotation_matrices(angles) @ neck
