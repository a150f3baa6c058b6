"""Colours painted on the ICT-FaceKit head, whose light edition has no albedo (supplement Eq. 2, T).

One plain colour a part, so that a mesh frame shows lips, teeth and gaze. Knows nothing about files.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.face.ict_parts import IctParts
from imagineid_core.face.regions import OUTER_LIP, depth_inside

_SKIN = (0.80, 0.62, 0.53)
_LIPS = (0.70, 0.40, 0.38)
_MOUTH_SOCKET = (0.30, 0.10, 0.10)
_GUMS = (0.66, 0.32, 0.33)
_TEETH = (0.90, 0.87, 0.80)
_SCLERA = (0.92, 0.90, 0.88)
_IRIS = (0.30, 0.22, 0.15)
_PUPIL = (0.03, 0.03, 0.03)
_IRIS_RADIUS, _PUPIL_RADIUS = 0.062, 0.026  # dm, round the eyeball's foremost vertex
_SOFT_EDGE = 0.02  # dm, about the distance of two vertices there


def ict_albedo(
    mean_vertices: Float[Tensor, "vertices 3"],
    landmarks: Int[Tensor, " landmarks"],
    parts: IctParts,
) -> Float[Tensor, "vertices 3"]:
    """RGB in [0, 1] for every kept vertex."""
    albedo = torch.tensor(_SKIN).repeat(len(mean_vertices), 1)
    painted = (
        (parts.mouth_socket, _MOUTH_SOCKET),
        (parts.gums, _GUMS),
        (parts.teeth, _TEETH),
        (parts.left_eyeball, _SCLERA),
        (parts.right_eyeball, _SCLERA),
    )
    for span, colour in painted:
        albedo[parts.mask(span)] = torch.tensor(colour)
    lips = depth_inside(mean_vertices, landmarks[OUTER_LIP])
    _paint(albedo, lips, _LIPS, parts.mask(parts.face))
    for eyeball in (parts.left_eyeball, parts.right_eyeball):
        mask = parts.mask(eyeball)
        foremost = torch.where(mask, mean_vertices[:, 2], -torch.inf).argmax()
        distance = (mean_vertices - mean_vertices[foremost]).norm(dim=-1)
        _paint(albedo, _IRIS_RADIUS - distance, _IRIS, mask)
        _paint(albedo, _PUPIL_RADIUS - distance, _PUPIL, mask)
    return albedo


def _paint(albedo: Tensor, depth: Tensor, colour: tuple[float, ...], where: Tensor) -> None:
    """Colour what lies deeper than 0 inside an outline, with a soft edge."""
    weight = ((depth / _SOFT_EDGE + 0.5).clamp(0, 1) * where)[:, None]
    albedo.lerp_(torch.tensor(colour).expand_as(albedo), weight)
