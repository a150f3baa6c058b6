"""Which vertices belong to the mouth and the eyes, told from the landmarks round them.

Knows nothing about images: the outlines lie on the mean face, seen from the front.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from imagineid_core.face.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE

_OUTER_LIP = slice(MOUTH.start, MOUTH.start + 12)
_LIP_MARGIN = 1.1  # the landmarks run on the lip's rim; a tenth more takes the rim's skin in
_LID_MARGIN = 1.6  # the landmarks run on the lids' edges; this takes the lids' skin in


def mouth_region(
    mean_vertices: Float[Tensor, "vertices 3"], landmarks: Int[Tensor, " landmarks"]
) -> Bool[Tensor, " vertices"]:
    """Lips and everything behind them: inside the outer lip landmarks as the camera sees them."""
    return _within(mean_vertices, landmarks[_OUTER_LIP], _LIP_MARGIN)


def eye_region(
    mean_vertices: Float[Tensor, "vertices 3"], landmarks: Int[Tensor, " landmarks"]
) -> Bool[Tensor, " vertices"]:
    """Lids and everything behind them."""
    left = _within(mean_vertices, landmarks[LEFT_EYE], _LID_MARGIN)
    return left | _within(mean_vertices, landmarks[RIGHT_EYE], _LID_MARGIN)


def _within(vertices: Tensor, outline: Tensor, margin: float) -> Tensor:
    corners = vertices[outline, :2]
    corners = corners.mean(dim=0) + margin * (corners - corners.mean(dim=0))
    inside = torch.zeros(len(vertices), dtype=torch.bool, device=vertices.device)
    x, y = vertices[:, 0], vertices[:, 1]
    # Even-odd rule: count the outline's edges that a ray toward +x crosses.
    for a, b in zip(corners, corners.roll(-1, dims=0), strict=True):
        spans = (a[1] > y) != (b[1] > y)
        rise = torch.where(b[1] == a[1], torch.ones_like(a[1]), b[1] - a[1])
        inside ^= spans & (x < a[0] + (y - a[1]) / rise * (b[0] - a[0]))
    inside[outline] = True
    return inside
