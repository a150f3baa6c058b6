"""The inpainter that always works: what surrounds a hole flows into it (Alg. 1, I_bg).

A membrane over the hole, coarse to fine: no weights, no randomness, no seam, and no texture either.
Knows nothing about what the hole covered.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from imagineid_core.imagine.background import hole_of

_SWEEPS = 24  # a level; the coarser level leaves only its own grain to smooth away


@torch.no_grad()
def smooth_fill(
    images: Float[Tensor, "batch channels height width"],
    mask: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch channels height width"]:
    """Inside the hole each pixel is the mean of its neighbours; outside, the picture as it is.

    At the border of the picture the fill ends level, as if mirrored.
    """
    hole = hole_of(mask)
    if not bool(hole.any()):
        return images
    filled = _membrane(images.float(), (~hole).float())
    return torch.where(hole, filled.to(images), images)


def _membrane(picture: Tensor, known: Tensor) -> Tensor:
    """`known`: 1 where the picture stands, 0 in the hole, between where a coarse pixel has both."""
    height, width = picture.shape[-2:]
    if bool((known > 0).all()) or max(height, width) <= 2:
        total = known.sum((2, 3), keepdim=True)
        mean = (picture * known).sum((2, 3), keepdim=True) / total
        filled = torch.where(known > 0, picture, mean)
        return filled
    even = (0, width % 2, 0, height % 2)
    share = avg_pool2d(pad(known, even), 2)
    coarse = avg_pool2d(pad(picture * known, even), 2) / share.clamp_min(1e-6)
    coarse = _membrane(coarse, share)
    guess = interpolate(coarse, scale_factor=2, mode="bilinear")[..., :height, :width]
    is_hole = known <= 0
    filled = torch.where(is_hole, guess, picture)
    for _ in range(_SWEEPS):
        around = pad(filled, (1, 1, 1, 1), mode="replicate")
        mean = (
            around[..., :-2, 1:-1]
            + around[..., 2:, 1:-1]
            + around[..., 1:-1, :-2]
            + around[..., 1:-1, 2:]
        ) / 4
        filled = torch.where(is_hole, mean, filled)
    return filled
