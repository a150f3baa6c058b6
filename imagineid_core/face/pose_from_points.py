"""A first head pose from landmarks, in closed form: the scaled-orthographic camera.

Least squares of an affine camera, as the alignment of D3DFR, whose two rows are then made a
rotation. Within a few degrees of the true perspective pose. Knows nothing about coefficients.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.face.landmarks import CAMERA_DISTANCE, D3DFR_FOCAL, D3DFR_SIZE


def pose_from_points(
    points: Float[Tensor, "landmarks 3"],
    landmarks: Float[Tensor, "batch landmarks 2"],
    *,
    height: int,
    width: int,
) -> Float[Tensor, "batch pose=6"]:
    """Angles and translation that bring `points` (dm) near `landmarks` (column, row).

    x / depth ~ (r1 X + tx) / d and y / depth ~ (r2 X + ty) / d, d the depth of the whole face.
    """
    focal = D3DFR_FOCAL * height / D3DFR_SIZE
    centre = landmarks.new_tensor([width / 2, height / 2])
    seen = (landmarks - centre) * landmarks.new_tensor([1.0, -1.0]) / focal  # [batch, landmarks, 2]
    system = torch.cat([points, torch.ones_like(points[:, :1])], dim=1)
    affine = (torch.linalg.pinv(system) @ seen).transpose(1, 2)  # [batch, 2, 4]
    left, sizes, right = torch.linalg.svd(affine[:, :, :3], full_matrices=False)
    depth = 1 / sizes.mean(dim=1).clamp_min(1e-6)
    rows = left @ right  # the nearest two orthonormal rows
    rotation = torch.cat([rows, torch.linalg.cross(rows[:, :1], rows[:, 1:])], dim=1)
    translation = affine[:, :, 3] * depth[:, None]
    away = (CAMERA_DISTANCE - depth)[:, None]
    return torch.cat([angles_from_rotation(rotation), translation, away], dim=1)


def angles_from_rotation(rotation: Float[Tensor, "batch 3 3"]) -> Float[Tensor, "batch 3"]:
    """The inverse of `rotation_matrices` for a yaw within 90 degrees."""
    pitch = torch.atan2(rotation[:, 2, 1], rotation[:, 2, 2])
    yaw = torch.asin(-rotation[:, 2, 0].clamp(-1, 1))
    roll = torch.atan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return torch.stack([pitch, yaw, roll], dim=1)
