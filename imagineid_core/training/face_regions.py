"""Where it matters in a portrait: eyes and mouth, the head with its hair, the crop of the lips.

Knows nothing about networks.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from imagineid_core.face.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE

_PARTS = (LEFT_EYE, RIGHT_EYE, MOUTH)
_MARGIN = 4 / 128  # of the height, round the landmarks
_CROP = (26 / 128, 40 / 128)  # height and width of the mouth's crop
# Of the extent of the landmarks, which end at brows and chin: hair beside, above and below them.
_BESIDE, _ABOVE, _BELOW = 0.35, 0.9, 0.5


def region_weights(
    landmarks: Float[Tensor, "batch landmarks 2"], size: int, *, weight: float = 2.0
) -> Float[Tensor, "batch 1 height width"]:
    """`weight` in boxes round both eyes and the mouth, 1 elsewhere."""
    weights = torch.ones(len(landmarks), 1, size, size, device=landmarks.device)
    for part in _PARTS:
        first = landmarks[:, part].amin(dim=1) - _MARGIN * size
        last = landmarks[:, part].amax(dim=1) + _MARGIN * size
        weights = torch.where(_inside(first, last, size), weight, weights)
    return weights


def region_shares(
    landmarks: Float[Tensor, "batch landmarks 2"], size: int, cells: int
) -> Float[Tensor, "batch 1 rows columns"]:
    """What share of each cell of a grid lies in those boxes."""
    inside = region_weights(landmarks, size, weight=2.0) - 1
    return adaptive_avg_pool2d(inside, cells)


def head_shares(
    landmarks: Float[Tensor, "batch landmarks 2"], size: int, cells: int
) -> Float[Tensor, "batch 1 rows columns"]:
    """What share of each cell of a grid lies in a box round the head and its hair."""
    first, last = landmarks.amin(dim=1), landmarks.amax(dim=1)
    extent = last - first
    first = first - extent * extent.new_tensor([_BESIDE, _ABOVE])
    last = last + extent * extent.new_tensor([_BESIDE, _BELOW])
    return adaptive_avg_pool2d(_inside(first, last, size).float(), cells)


def mouth_crops(
    images: Float[Tensor, "batch channels height width"], mouth_box: Int[Tensor, "batch box=4"]
) -> Float[Tensor, "batch channels crop_height crop_width"]:
    """The same extent round every mouth, 26 x 40 pixels of 128, moved inside at the border."""
    size = images.shape[-2]
    height, width = (round(share * size) for share in _CROP)
    crops = []
    for image, box in zip(images, mouth_box.tolist(), strict=True):
        left, top, right, bottom = box
        row = min(max((top + bottom - height) // 2, 0), size - height)
        column = min(max((left + right - width) // 2, 0), size - width)
        crops.append(image[:, row : row + height, column : column + width])
    return torch.stack(crops)


def peak_signal_to_noise(
    images: Float[Tensor, "batch channels height width"],
    truth: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, " batch"]:
    """PSNR in dB of pictures in [-1, 1], each by itself."""
    error = (images.clamp(-1, 1) - truth).square().flatten(1).mean(dim=1)
    return 10 * torch.log10(4 / error.clamp_min(1e-10))


def _inside(
    first: Float[Tensor, "batch 2"], last: Float[Tensor, "batch 2"], size: int
) -> Bool[Tensor, "batch 1 height width"]:
    """Which pixels lie between two corners."""
    at = torch.arange(size, device=first.device) + 0.5
    across = (at >= first[:, :1]) & (at <= last[:, :1])  # [batch, width]
    down = (at >= first[:, 1:]) & (at <= last[:, 1:])
    return down[:, None, :, None] & across[:, None, None, :]
