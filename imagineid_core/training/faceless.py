"""Pictures that show no face, made of portraits: what a face reader must refuse.

All are made of what portraits are made of, so that colours and textures tell nothing. Knows nothing
about networks.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from imagineid_core.training.matte_batches import fog

Image = Float[Tensor, "3 height width"]
Points = Float[Tensor, "landmarks 2"]
_TILES = (2, 3, 4, 5, 6, 8)  # a side
_TILTED = (2.3, 4.0)  # radians
_AROUND = 1.35  # of the landmarks' spread, what is wiped away
_STRIPS = (6, 12)


def moved(
    image: Image, points: Points, scale: float, angle: float, to: Tensor
) -> tuple[Image, Points]:
    """Larger and turned round the middle of the points, which comes to `to`, in pixels; what was
    never seen goes on as the border was."""
    size = image.shape[-1]
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float32)
    middle = (points.amin(dim=0) + points.amax(dim=0)) / 2
    placed = (points - middle) @ turn.T + to
    back = torch.linalg.inv(turn)
    # grid_sample wants where each pixel comes from, in -1 ... 1.
    offset = (back @ (size / 2 - to) + middle - size / 2) * 2 / size
    grid = affine_grid(
        torch.cat([back, offset[:, None]], dim=1)[None], [1, 3, size, size], align_corners=False
    )
    seen = grid_sample(image[None], grid, padding_mode="border", align_corners=False)[0]
    return seen, placed


def nobody(image: Image, points: Points, plate: Image, random: np.random.Generator) -> Image:
    """The place without the person, or fog."""
    return plate if random.random() < 0.7 else fog(random, image.shape[-1])


def upside_down(image: Image, points: Points, plate: Image, random: np.random.Generator) -> Image:
    """Turned by 130 to 230 degrees."""
    middle = (points.amin(dim=0) + points.amax(dim=0)) / 2
    return moved(
        image, points, float(random.uniform(0.8, 1.2)), float(random.uniform(*_TILTED)), middle
    )[0]


def scrambled(image: Image, points: Points, plate: Image, random: np.random.Generator) -> Image:
    """Cut into 2 x 2 ... 8 x 8 tiles, none of which stays."""
    count = int(random.choice(_TILES))
    size = image.shape[-1]
    side = -(-size // count)
    whole = interpolate(image[None], (side * count, side * count), mode="nearest")[0]
    tiles = whole.unflatten(1, (count, side)).unflatten(3, (count, side)).permute(1, 3, 0, 2, 4)
    tiles = tiles.flatten(0, 1)
    order = random.permutation(count * count)
    order = np.roll(order, 1)[np.argsort(order)]  # one cycle: no tile stays
    tiles = tiles[torch.from_numpy(order)].unflatten(0, (count, count))
    mixed = tiles.permute(2, 0, 3, 1, 4).flatten(1, 2).flatten(2, 3)
    return interpolate(mixed[None], (size, size), mode="nearest")[0]


def cut_off(image: Image, points: Points, plate: Image, random: np.random.Generator) -> Image:
    """The face is beyond the border: above, or to a side."""
    size = image.shape[-1]
    extent = (points.amax(dim=0) - points.amin(dim=0)) / 2
    scale = float(random.uniform(0.9, 1.4))
    beyond = scale * extent * float(random.uniform(1.0, 1.2))
    row = float(random.uniform(0.2, 0.8)) * size
    to = [
        torch.tensor([float(random.uniform(0.3, 0.7)) * size, -float(beyond[1])]),
        torch.tensor([-float(beyond[0]), row]),
        torch.tensor([size + float(beyond[0]), row]),
    ][int(random.integers(3))]
    return moved(image, points, scale, 0.0, to)[0]


def wiped(image: Image, points: Points, plate: Image, random: np.random.Generator) -> Image:
    """Where the face was, a smooth patch of colours from around it."""
    size = image.shape[-1]
    middle = (points.amin(dim=0) + points.amax(dim=0)) / 2
    extent = (points.amax(dim=0) - points.amin(dim=0)) / 2 * _AROUND
    grid = torch.stack(
        torch.meshgrid(torch.arange(size), torch.arange(size), indexing="xy"), dim=-1
    )
    distance = (((grid + 0.5 - middle) / extent).square().sum(dim=-1)).sqrt()
    inside = (1 - (distance - 0.85) / 0.15).clamp(0, 1)
    flat = interpolate(image[None], (4, 4), mode="area")
    skin = image[:, (distance < 0.6)].mean(dim=1).view(3, 1, 1)
    smooth = 0.3 * interpolate(flat, (size, size), mode="bilinear")[0] + 0.7 * skin
    return torch.lerp(image, smooth, inside)


def in_strips(image: Image, points: Points, plate: Image, random: np.random.Generator) -> Image:
    """Cut into rows that changed places: nobody learns from these, they are for measuring."""
    count = int(random.integers(*_STRIPS))
    rows = torch.arange(image.shape[-2]).tensor_split(count)
    order = random.permutation(count)
    order = np.roll(order, 1)[np.argsort(order)]
    return image[:, torch.cat([rows[one] for one in order])]


Faceless = Callable[[Image, Points, Image, np.random.Generator], Image]
LEARNED: Mapping[str, Faceless] = {
    "nobody": nobody,
    "upside_down": upside_down,
    "scrambled": scrambled,
    "cut_off": cut_off,
    "wiped": wiped,
}
NEVER_LEARNED: Mapping[str, Faceless] = {"in_strips": in_strips}
