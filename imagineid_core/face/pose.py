"""Head pose p: three angles and a translation that place the face in the world (supplement Eq. 1).

Knows nothing about coefficients other than pose, and nothing about light or cameras.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError

# dm; head, hair and shoulders in a square picture, hair and head four fifths of its height
PORTRAIT_PLACE = (0.0, -0.06, -3.4)


def pose_vertices(
    vertices: Float[Tensor, "batch vertices 3"], pose: Float[Tensor, "batch pose=6"]
) -> Float[Tensor, "batch vertices 3"]:
    """Place the face: S R^T + t, rotation about the origin of the face first, t in dm."""
    _check(pose)
    return _rotate(vertices, pose[:, :3]) + pose[:, None, 3:].to(vertices.dtype)


def pose_normals(
    normals: Float[Tensor, "batch vertices 3"], pose: Float[Tensor, "batch pose=6"]
) -> Float[Tensor, "batch vertices 3"]:
    """Turn normals with the face: n R^T. A translation does not change them."""
    _check(pose)
    return _rotate(normals, pose[:, :3])


def rotation_matrices(angles: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3 3"]:
    """R = Rz Ry Rx for column vectors, each right-handed; angles about x, y, z in radians.

    A positive x angle nods down (pitch), a positive y angle turns the nose to the viewer's right
    (yaw), a positive z angle tilts counter-clockwise as seen in the image (roll).
    """
    sine_x, sine_y, sine_z = torch.sin(angles).unbind(-1)
    cosine_x, cosine_y, cosine_z = torch.cos(angles).unbind(-1)
    rows = (
        cosine_z * cosine_y,
        cosine_z * sine_y * sine_x - sine_z * cosine_x,
        cosine_z * sine_y * cosine_x + sine_z * sine_x,
        sine_z * cosine_y,
        sine_z * sine_y * sine_x + cosine_z * cosine_x,
        sine_z * sine_y * cosine_x - cosine_z * sine_x,
        -sine_y,
        cosine_y * sine_x,
        cosine_y * cosine_x,
    )
    return torch.stack(rows, dim=-1).reshape(-1, 3, 3)


def pose_from_degrees(
    *,
    pitch: float = 0.0,
    yaw: float = 0.0,
    roll: float = 0.0,
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Float[Tensor, "1 pose=6"]:
    """One row of pose from degrees, as people say it, and a translation in dm."""
    return torch.tensor([[*map(math.radians, (pitch, yaw, roll)), *translation]])


def _rotate(
    points: Float[Tensor, "batch vertices 3"], angles: Float[Tensor, "batch 3"]
) -> Float[Tensor, "batch vertices 3"]:
    # Under autocast a product in half precision would move vertices by whole pixels.
    with torch.autocast(points.device.type, enabled=False):
        return points @ rotation_matrices(angles.to(points.dtype)).transpose(1, 2)


def _check(pose: Tensor) -> None:
    if not torch.isfinite(pose).all():
        row = int((~torch.isfinite(pose)).any(dim=-1).nonzero()[0, 0])
        raise InputError(
            f"pose holds NaN or infinite values (row {row}). "
            "Check what made it: the reference video, the pose network, or the drawn track."
        )
