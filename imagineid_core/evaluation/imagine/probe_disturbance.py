"""Portraits as a probe sees them while it learns: moved, softened, recoloured, hidden in part.

What a probe must not look at, it is shown at random. Knows nothing about probes.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

Pictures = Float[Tensor, "batch 3 height width"]
_MOVED, _SCALED = 0.05, 0.05  # of the picture, at most
_BLURRED, _BRIGHTNESS, _NOISE = 0.6, 0.03, 0.03  # share of pictures; standard deviations
_CONTRAST, _OFFSET = 0.35, 0.25  # of a channel: standard deviations, the first of a logarithm
_BOX = (1 / 8, 1 / 3)  # of the picture


def disturbed(pictures: Pictures, draw: np.random.Generator) -> Pictures:
    """Mirrored, moved, a little larger, brighter or darker, softened, with a little noise."""
    count = len(pictures)
    place = torch.zeros(count, 2, 3)
    place[:, :, 2] = torch.from_numpy(draw.uniform(-_MOVED, _MOVED, (count, 2)))
    size = torch.from_numpy(1 + draw.uniform(-_SCALED, _SCALED, count))
    place[:, 0, 0] = size * torch.from_numpy(draw.choice([-1.0, 1.0], count))
    place[:, 1, 1] = size
    grid = affine_grid(place, list(pictures.shape), align_corners=False)
    seen = grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    blurred = avg_pool2d(seen, 3, stride=1, padding=1, count_include_pad=False)
    amount = torch.from_numpy(draw.random(count) * (draw.random(count) < _BLURRED))
    seen = seen + amount.float().view(-1, 1, 1, 1) * (blurred - seen)
    brightness = _normal(draw, _BRIGHTNESS, (count, 1, 1, 1))
    return seen + brightness + _normal(draw, _NOISE, tuple(seen.shape))


def recoloured(pictures: Pictures, draw: np.random.Generator) -> Pictures:
    """Channels changed about, stretched and shifted, half of the pictures turned to negatives."""
    count = len(pictures)
    order = draw.permuted(np.tile(np.arange(3), (count, 1)), axis=1)
    places = torch.from_numpy(order)[..., None, None].expand_as(pictures)
    gain = _normal(draw, _CONTRAST, (count, 3, 1, 1)).exp()
    sign = torch.from_numpy(draw.choice([-1.0, 1.0], (count, 1, 1, 1))).float()
    offset = _normal(draw, _OFFSET, (count, 3, 1, 1))
    return pictures.gather(1, places) * gain * sign + offset


def partly_hidden(pictures: Pictures, draw: np.random.Generator) -> Pictures:
    """A grey square somewhere on each."""
    count, side = len(pictures), pictures.shape[-1]
    low, high = _BOX
    first = torch.from_numpy(draw.integers(side, size=(2, count, 1)))
    last = first + torch.from_numpy(draw.uniform(low * side, high * side, (count, 1)))
    at = torch.arange(side)
    rows, columns = (at >= first) & (at < last)
    shade = _normal(draw, 0.5, (count, 1, 1, 1))
    return torch.where(rows[:, None, :, None] & columns[:, None, None, :], shade, pictures)


def _normal(draw: np.random.Generator, spread: float, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(draw.normal(0, spread, shape)).float()
