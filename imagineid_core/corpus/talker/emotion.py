"""Lips and emotion together: the full expression beta from l, a style and its intensity (Sec. 3.1).

The emotion comes up slowly and never opens lips that speech has shut. Knows nothing about sound.
"""

from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.timeline import middle_of
from imagineid_core.corpus.talker.visemes import LipMotion
from imagineid_core.errors import InputError
from imagineid_core.face.open_face import CONTROLS, EMOTIONS, expression_from_controls

_AT_FIRST = 0.35  # of the emotion stands on the face before it rises
_RISE = 0.9  # seconds
_OPENERS = ("jaw_open", "upper_lip_raise", "lower_lip_down", "funnel", "sneer_L", "sneer_R")
_WHILE_SPEAKING = 0.45  # of an emotion's openers: the mouth is busy
_MOUTH = ("stretch", "pucker", "smile_L", "smile_R", "frown_L", "frown_R", "lip_press")
_MOUTH_WHILE_SPEAKING = 0.75


def emotional_controls(
    lips: LipMotion, style: str, intensity: float, fps: Fraction
) -> dict[str, Float[Tensor, " frames"]]:
    """Controls of lips and emotion added, every one within its range."""
    if style not in EMOTIONS:
        raise InputError(f"style is '{style}'. Use one of: {', '.join(EMOTIONS)}.")
    amount = intensity * onset(len(lips.closure), fps)
    controls = dict(lips.controls)
    open_share = _WHILE_SPEAKING * (1 - lips.closure)
    for name, full in EMOTIONS[style].items():
        share = torch.ones_like(amount)
        if name in _OPENERS:
            share = open_share
        elif name in _MOUTH:
            share = share * _MOUTH_WHILE_SPEAKING
        before = controls.get(name, torch.zeros_like(amount))
        low = -1.0 if CONTROLS[name].is_signed else 0.0
        controls[name] = (before + full * amount * share).clamp(low, 1.0)
    return controls


def expression_of(
    lips: LipMotion, style: str, intensity: float, fps: Fraction
) -> Float[Tensor, "frames expression=64"]:
    """beta: the 64 coefficients of lips and emotion."""
    return expression_from_controls(emotional_controls(lips, style, intensity, fps))


def onset(num_frames: int, fps: Fraction) -> Float[Tensor, " frames"]:
    """How much of the emotion shows: rising smoothly to 1."""
    times = torch.tensor([float(middle_of(frame, fps)) for frame in range(num_frames)])
    share = (times / _RISE).clamp(0, 1)
    return _AT_FIRST + (1 - _AT_FIRST) * share * share * (3 - 2 * share)
