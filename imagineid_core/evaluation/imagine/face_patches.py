"""Where a face's eyes and mouth are, and the patch that holds them, in pictures of one size.

Knows nothing about faults or judges.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from imagineid_core.evaluation.imagine.face_spoiling import eye_regions, mouth_region

SIZE = 128  # pixels; others are brought to it
PATCH = (64, 56)  # rows and columns round the middle between eyes and mouth


def places_of(
    points: Float[Tensor, "batch landmarks=68 2"],
) -> Float[Tensor, "batch places=3 2"]:
    """Middles of both eyes and of the mouth."""
    regions = (*eye_regions(points), mouth_region(points))
    return torch.stack([region.centre for region in regions], dim=1)


def patches_at(
    images: Float[Tensor, "batch 3 size size"],
    places: Float[Tensor, "batch places=3 2"],
    *,
    margin: int = 0,
) -> Float[Tensor, "batch 3 rows columns"]:
    """Cut out round eyes and mouth, whole pixels; moved inside at the border."""
    corners = patch_corners(places, margin=margin)
    rows, columns = PATCH[0] + 2 * margin, PATCH[1] + 2 * margin
    return torch.stack(
        [
            image[:, row : row + rows, column : column + columns]
            for image, (column, row) in zip(images, corners.int().tolist(), strict=True)
        ]
    )


def patch_corners(
    places: Float[Tensor, "batch places=3 2"], *, margin: int = 0
) -> Float[Tensor, "batch 2"]:
    """Column and row of each patch's first pixel."""
    middle = (places[:, :2].mean(dim=1) + places[:, 2]) / 2
    half = torch.tensor([PATCH[1] / 2 + margin, PATCH[0] / 2 + margin])
    return torch.minimum((middle - half).round().clamp_min(0), SIZE - 2 * half)


def of_size(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 size size"]:
    if images.shape[-1] == SIZE:
        return images
    return interpolate(images, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
