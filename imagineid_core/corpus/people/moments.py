"""Moments of a person talking, one a frame: lips of random sounds, a mood, a glance, a pose.

Frames 0 and 1 are moments of different times; from then on every second frame follows the one
before it within an eighth of a second, as the adjacent frame of Alg. 1 does. Knows nothing about
who is talking, nor about pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.clip import Phoneme
from imagineid_core.corpus.portrait.person import portrait_pose
from imagineid_core.corpus.talker.emotion import emotional_controls
from imagineid_core.corpus.talker.visemes import lip_motion
from imagineid_core.face.open_face import EMOTIONS, expression_from_controls
from imagineid_core.values import PAPER_FPS

_SOUNDS = (
    "a", "A:", "V", "E", "I", "i:", "@", "O:", "oU", "u:", "U", "3:", "aI", "aU", "eI",
    "p", "b", "m", "f", "v", "T", "t", "d", "n", "s", "z", "S", "tS", "k", "g", "l", "r", "w", "j",
)  # fmt: skip
_NUM_SOUNDS, _SECONDS = 9, (0.06, 0.17)  # of a phrase; of a sound
_STEP = 3  # frames at most between a frame and the one that follows it
_SPREAD = np.array([0.06, 0.15, 0.045])  # radians: pitch, yaw, roll
_TREMOR = np.array([0.010, 0.016, 0.008])  # radians between neighbours
_SWAY = np.array([0.06, 0.06, 0.12])  # dm
_LIMIT = 2.2  # standard deviations
_SILENT, _WIDE = 0.10, 0.08  # shares of moments: mouth at rest, mouth wide open
_BLINKS, _GLANCES, _BROWS = 0.16, 0.50, 0.25
_MOST_GAZE = 0.8
_BROW_MOVES = (
    ("brow_up_inner",), ("brow_up_outer_L", "brow_up_outer_R"), ("brow_down_L", "brow_down_R"),
    ("brow_furrow",),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Moments:
    """One row a frame; `follows[i]` is the frame that frame i comes right after, or -1."""

    expression: Float[Tensor, "frames expression=64"]
    pose: Float[Tensor, "frames pose=6"]
    styles: tuple[str, ...]
    follows: tuple[int, ...]


def draw_moments(seed: int, person: int, num_frames: int) -> Moments:
    """The frames of this person; frame i is the same whatever `num_frames` is."""
    rows: list[tuple[Tensor, Tensor]] = []
    styles: list[str] = []
    follows: list[int] = []
    for first in range(0, num_frames + 1, 2):  # frame 0 alone, then pairs
        draw = np.random.default_rng([seed, person, first, 51])
        style, pair = _neighbours(draw)
        if first == 0:
            rows, styles, follows = [pair[0]], [style], [-1]
            continue
        rows += pair
        styles += [style, style]
        follows += [-1, first - 1]
    expressions, poses = zip(*rows[:num_frames], strict=True)
    return Moments(
        expression=torch.stack(expressions),
        pose=torch.cat(poses),
        styles=tuple(styles[:num_frames]),
        follows=tuple(follows[:num_frames]),
    )


def _neighbours(draw: np.random.Generator) -> tuple[str, list[tuple[Tensor, Tensor]]]:
    """A moment and one shortly after it: the same mood and glance, lips and head moved on."""
    style = str(draw.choice(list(EMOTIONS)))
    controls = _speaking(draw, style, float(draw.uniform(0.25, 1.0)))
    num_instants = len(controls["jaw_open"])
    controls |= _glancing(draw, controls)
    expressions = expression_from_controls(controls)
    first = int(draw.integers(1, num_instants - _STEP))
    second = first + int(draw.integers(1, _STEP + 1))
    angles = np.clip(draw.normal(size=3), -_LIMIT, _LIMIT) * _SPREAD
    sway = np.clip(draw.normal(size=3), -_LIMIT, _LIMIT) * _SWAY
    moved = angles + draw.normal(size=3) * _TREMOR
    return style, [
        (expressions[first], _pose(angles, sway)),
        (expressions[second], _pose(moved, sway)),
    ]


def _speaking(draw: np.random.Generator, style: str, intensity: float) -> dict[str, Tensor]:
    """Controls of lips and mood along a phrase of random sounds, frames at the paper's rate."""
    phonemes, end = [], 0.0
    for symbol in draw.choice(_SOUNDS, _NUM_SOUNDS):
        start, end = end, end + float(draw.uniform(*_SECONDS))
        phonemes.append(Phoneme(symbol=str(symbol), start=start, end=end))
    num_frames = round(end * float(PAPER_FPS))
    kind = draw.random()
    lips = lip_motion([] if kind < _SILENT else phonemes, num_frames, PAPER_FPS)
    controls = emotional_controls(lips, style, intensity, PAPER_FPS)
    if kind > 1 - _WIDE:
        wider = float(draw.uniform(0.3, 0.6)) * (1 - lips.closure)
        controls["jaw_open"] = (controls["jaw_open"] + wider).clamp(0, 1)
    return controls


def _glancing(draw: np.random.Generator, controls: dict[str, Tensor]) -> dict[str, Tensor]:
    """Lids, gaze and brows; they hold still for a phrase."""
    still = torch.ones_like(controls["jaw_open"])
    drawn = {}
    if draw.random() < _BLINKS:
        drawn |= dict.fromkeys(("blink_L", "blink_R"), float(draw.uniform(0.3, 1.0)))
    if draw.random() < _GLANCES:
        right, up = np.clip(draw.normal(size=2) * [0.35, 0.2], -_MOST_GAZE, _MOST_GAZE)
        drawn |= {"gaze_right": float(right), "gaze_up": float(up)}
    if draw.random() < _BROWS:
        moves = _BROW_MOVES[int(draw.integers(len(_BROW_MOVES)))]
        drawn |= dict.fromkeys(moves, float(draw.uniform(0.3, 0.9)))
    before = {name: controls.get(name, torch.zeros_like(still)) for name in drawn}
    low = {name: -1.0 if name.startswith("gaze") else 0.0 for name in drawn}
    return {
        name: (before[name] + amount * still).clamp(low[name], 1.0)
        for name, amount in drawn.items()
    }


def _pose(angles: np.ndarray, sway: np.ndarray) -> Float[Tensor, "1 pose=6"]:
    pose = portrait_pose(*angles.tolist())
    return pose + torch.cat([torch.zeros(3), torch.tensor(sway).float()])
