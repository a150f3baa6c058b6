"""What a node shows of its run: sound, mouth, blink and pose as short lists in its ui data.

    {"imagineid_timeline": [{"version": 1, "seconds": 2.0, "fps": 25.0, "wave": [...],
                             "mouth": [mm], "blink": [...], "pitch": [degrees], "yaw": [...],
                             "roll": [...], "emotion": [strength]}]}

A curve that the node does not know, or that is not as long as the sound, is left out.
Knows nothing about how it is drawn.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from imagineid_core.values import FaceBasis, MotionTrack, Speech

KEY = "imagineid_timeline"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Timeline:
    speech: Speech
    lips: tuple[Tensor, Tensor] | None = None  # shape, expression
    motion: MotionTrack | None = None
    emotion: Tensor | None = None  # strength, one a frame
    basis: FaceBasis | None = None  # whose mouth opens; the embedded face if none is given


def told(line: Timeline) -> dict[str, list[Any]]:
    """ui data of a node; every value of it has to be a list."""
    from imagineid_core.evaluation.performance_curves import (
        even_curve,
        motion_curves,
        mouth_curve,
        sound_curve,
    )
    from imagineid_core.face.load import load_face

    shown: dict[str, Any] = {
        "version": VERSION,
        "seconds": float(line.speech.num_frames / line.speech.fps),
        "fps": float(line.speech.fps),
        "wave": sound_curve(line.speech),
    }
    if line.lips is not None:
        shape, expression = line.lips
        basis = line.basis or load_face()
        sizes = (basis.shape_basis.shape[-1], basis.expression_basis.shape[-1])
        is_as_long = len(expression) == line.speech.num_frames
        if is_as_long and sizes == (shape.shape[-1], expression.shape[-1]):
            shown["mouth"] = mouth_curve(shape, expression, basis)
    if line.motion is not None:
        shown.update(motion_curves(line.motion))
    if line.emotion is not None:
        shown["emotion"] = even_curve(line.emotion)
    return {KEY: [shown]}
