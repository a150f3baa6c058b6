"""Sparse keyframes to one value a frame, by monotone cubic interpolation (Fritsch and Carlson).

Monotone, because it never overshoots: the extremes stay those the user drew and a blink stays in
[0, 1]. Cubic, because a motion through several keys keeps going; a smoothstep would stop at each.
Knows nothing about poses, files or the interface the keys were drawn in.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError


def interpolate(
    times: Sequence[float],
    values: Float[Tensor, "keys dim"],
    at: Sequence[float],
) -> Float[Tensor, "frames dim"]:
    """Values at the times `at`; before the first and after the last key these hold.

    `times` rise strictly; a key's own time gives its value exactly.
    """
    if not times:
        raise InputError("there are no keyframes to interpolate. Give at least one.")
    if any(after <= before for before, after in zip(times, times[1:], strict=False)):
        raise InputError(
            f"keyframe times are {list(times)[:8]} but must rise strictly. "
            "Sort the keyframes and leave one at each time."
        )
    if len(times) == 1:
        return values.expand(len(at), -1).clone()
    from scipy.interpolate import PchipInterpolator

    keys = values.detach().cpu().double().numpy()
    # Slopes of differences below 1e-300 overflow when inverted; their mean is then 0, as it should.
    with np.errstate(over="ignore", divide="ignore"):
        curve = PchipInterpolator(np.asarray(times), keys, axis=0)
    held = np.clip(np.asarray(at, dtype=np.float64), times[0], times[-1])
    return torch.from_numpy(curve(held)).to(values)
