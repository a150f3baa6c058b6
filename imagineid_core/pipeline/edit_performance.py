"""More or less of the feeling in a performance, one strength for the clip or one a frame (ours).

What the emotion adds to the lips' own movement is beta - l. Knows nothing about head motion.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.values import Performance


def with_emotion(
    performance: Performance, strength: float | Float[Tensor, " frames"]
) -> Performance:
    """Expression l + strength * (beta - l): 0 only speaks, 1 is as heard, above it exaggerates."""
    if performance.lip_expression is None:
        raise InputError(
            "the performance has no lip expression, so its emotion cannot be told from its words. "
            "Use weights of PAD, or leave the strength at 1."
        )
    strengths = torch.as_tensor(strength).to(performance.expression)
    num_frames = len(performance.expression)
    if strengths.ndim > 1 or (strengths.ndim == 1 and len(strengths) != num_frames):
        raise InputError(
            f"strength is {tuple(strengths.shape)} but the performance has {num_frames} frames. "
            "Give one number, or one a frame."
        )
    if not bool((strengths >= 0).all()):
        raise InputError(
            f"strength goes down to {float(strengths.min()):g} but 0 is no emotion at all. "
            "Use 0 or more; 1 is as heard."
        )
    lips = performance.lip_expression
    return replace(
        performance,
        expression=lips + strengths.expand(num_frames)[:, None] * (performance.expression - lips),
    )
