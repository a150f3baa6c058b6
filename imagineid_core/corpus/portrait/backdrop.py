"""What is behind a portrait: plain, a gradient, stripes, circles, or lights out of focus.

Knows nothing about the person in front.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.portrait.attributes import PortraitAttributes


def backdrop(attributes: PortraitAttributes, size: int) -> Float[Tensor, "1 3 height width"]:
    """RGB in [-1, 1]; the same picture at every size."""
    draw = np.random.default_rng([attributes.seed, 4])
    colour = np.array(attributes.backdrop_rgb)
    at = (np.arange(size) + 0.5) / size
    x, y = at[None, :], at[:, None]
    share = _PATTERNS[attributes.backdrop](x, y, draw) + np.zeros((size, size))
    # A pattern lightens the colour, or darkens it where it is light already.
    other = colour * 0.62 if colour.mean() > 0.55 else 0.60 * colour + 0.36
    image = colour + share[..., None] * (other - colour)
    pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32))
    return pixels[None].clamp(0, 1) * 2 - 1


def _plain(x: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    return np.zeros_like(x + y)


def _gradient(x: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    if draw.random() < 0.5:  # a lamp behind the head
        return np.clip(1 - np.hypot(x - 0.5, y - 0.45) / 0.72, 0, 1) ** 1.2
    angle = draw.uniform(-0.5, 0.5)
    return np.clip(y * np.cos(angle) + (x - 0.5) * np.sin(angle), 0, 1)


def _stripes(x: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    angle = draw.choice([0.0, 0.6, -0.6, np.pi / 2])
    along = x * np.cos(angle) + y * np.sin(angle)
    wave = np.sin(2 * np.pi * along * draw.uniform(4.0, 6.5))
    return 0.75 * np.clip(0.5 + wave * 4, 0, 1)


def _circles(x: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    share = np.zeros_like(x + y)
    for _ in range(7):
        away = np.hypot(x - draw.uniform(0, 1), y - draw.uniform(0, 1))
        share = np.maximum(share, 0.7 * np.clip((draw.uniform(0.06, 0.16) - away) * 80, 0, 1))
    return share


def _bokeh(x: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    share = 0.25 * np.sin(3 * x + draw.uniform(0, 6)) * np.sin(2.3 * y + draw.uniform(0, 6)) + 0.1
    for _ in range(12):
        away = np.hypot(x - draw.uniform(-0.1, 1.1), y - draw.uniform(-0.1, 1.1))
        radius = draw.uniform(0.05, 0.13)
        share = share + draw.uniform(0.25, 0.6) / (1 + np.exp((away - radius) / 0.012))
    return np.clip(share, 0, 1)


_PATTERNS = {
    "plain": _plain,
    "gradient": _gradient,
    "stripes": _stripes,
    "circles": _circles,
    "bokeh": _bokeh,
}
