"""Mouths and faces cut out of pictures, at places where the expression has no say.

A crop centred on the moving mouth would tell an opening by what else it shows, even in a picture
that does not follow its mesh. So crops are centred on the landmarks of the same head at rest. Knows
nothing about who drew the pictures.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from imagineid_core.evaluation.lips import coefficients_on, landmark_part
from imagineid_core.face.geometry import vertices_from
from imagineid_core.face.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE, project_landmarks
from imagineid_core.face.pose import pose_vertices
from imagineid_core.values import FaceBasis

_LANDMARKS = 68
_FINEST = 128  # pixels of height; larger pictures are made smaller first


@dataclass(frozen=True, kw_only=True)
class CropPlace:
    """A square of `extent` of the height round the middle of some landmarks."""

    landmarks: tuple[slice, ...]
    extent: float
    below: float = 0.0  # how far under their middle, of the height
    pixels: int = 36


MOUTH_CROP = CropPlace(landmarks=(MOUTH,), extent=36 / 128, below=3 / 128)
FACE_CROP = CropPlace(landmarks=(LEFT_EYE, RIGHT_EYE, MOUTH), extent=76 / 128, pixels=54)


def still_landmarks(
    shape: Float[Tensor, " shape"],
    pose: Float[Tensor, "frames pose=6"],
    basis: FaceBasis,
    size: int,
) -> Float[Tensor, "frames landmarks=68 2"]:
    """Column and row of each landmark of the head at rest, in pictures of `size` pixels."""
    part = landmark_part(basis)
    resting = torch.zeros(len(pose), basis.expression_basis.shape[-1])
    vertices = pose_vertices(vertices_from(coefficients_on(part, shape, resting), part), pose)
    return project_landmarks(vertices, part.landmarks, height=size)


def crops_at(
    images: Float[Tensor, "frames 3 height width"],
    landmarks: Float[Tensor, "frames landmarks=68 2"],
    place: CropPlace,
) -> Float[Tensor, "frames 3 pixels pixels"]:
    """The square round each frame's own place; beyond the border the border goes on."""
    height, width = images.shape[-2:]
    chosen = torch.cat([torch.arange(_LANDMARKS)[part] for part in place.landmarks])
    middle = landmarks[:, chosen].mean(dim=1) + torch.tensor([0.0, place.below * height])
    size = torch.tensor([width, height])
    transform = torch.zeros(len(images), 2, 3)
    transform[:, 0, 0] = place.extent * height / width
    transform[:, 1, 1] = place.extent
    transform[:, :, 2] = middle / size * 2 - 1
    if height > _FINEST:
        smaller = (_FINEST, round(width * _FINEST / height))
        images = interpolate(images, smaller, mode="area")
    grid = affine_grid(transform, [len(images), 3, place.pixels, place.pixels], align_corners=False)
    return grid_sample(images, grid, padding_mode="border", align_corners=False)
