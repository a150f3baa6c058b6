"""Which vertices belong to the mouth and the eyes, told from the landmarks round them.

Knows nothing about images: the outlines lie on the mean face, seen from the front.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from imagineid_core.face.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE

OUTER_LIP = slice(MOUTH.start, MOUTH.start + 12)
_LIP_MARGIN = 0.03  # dm; the landmarks run on the lip's rim, this takes the rim's skin in
_LID_MARGIN = 0.08  # dm; the landmarks run on the lids' edges, this takes the lids' skin in


def mouth_region(
    mean_vertices: Float[Tensor, "vertices 3"], landmarks: Int[Tensor, " landmarks"]
) -> Bool[Tensor, " vertices"]:
    """Lips and everything behind them: inside the outer lip landmarks as the camera sees them."""
    return depth_inside(mean_vertices, landmarks[OUTER_LIP]) > -_LIP_MARGIN


def eye_region(
    mean_vertices: Float[Tensor, "vertices 3"], landmarks: Int[Tensor, " landmarks"]
) -> Bool[Tensor, " vertices"]:
    """Lids and everything behind them."""
    left = depth_inside(mean_vertices, landmarks[LEFT_EYE]) > -_LID_MARGIN
    return left | (depth_inside(mean_vertices, landmarks[RIGHT_EYE]) > -_LID_MARGIN)


def depth_inside(
    mean_vertices: Float[Tensor, "vertices 3"], outline: Int[Tensor, " corners"]
) -> Float[Tensor, " vertices"]:
    """How far inside a closed outline each vertex lies, seen from the front, in dm; outside < 0."""
    points, corners = mean_vertices[:, :2], mean_vertices[outline, :2]
    inside = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    nearest = torch.full_like(points[:, 0], torch.inf)
    for start, stop in zip(corners, corners.roll(-1, dims=0), strict=True):
        edge, offset = stop - start, points - start
        along = (offset @ edge / edge.square().sum().clamp_min(1e-12)).clamp(0, 1)
        nearest = torch.minimum(nearest, (offset - along[:, None] * edge).norm(dim=-1))
        # Even-odd rule: the ray toward +x crosses this edge or does not.
        spans = (start[1] > points[:, 1]) != (stop[1] > points[:, 1])
        left_of = (offset[:, 0] * edge[1] < offset[:, 1] * edge[0]) == (edge[1] > 0)
        inside ^= spans & left_of
    return torch.where(inside, nearest, -nearest)
