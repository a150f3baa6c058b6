"""Pictures and features by formula, the same on every machine, for metrics to be tried on."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from tests.parity import SEED, formula_weights


def pair() -> tuple[Tensor, Tensor]:
    """Two batches of three pictures in [-1, 1], 48 x 64; the second is the first with noise."""
    first = formula_weights.image("metrics:one", (3, 3, 48, 64), SEED, -0.9, 0.9)
    noise = formula_weights.noise("metrics:noise", (3, 3, 48, 64), SEED, 0.05)
    scale = np.array([0.5, 1.0, 2.0], np.float32).reshape(3, 1, 1, 1)
    return torch.from_numpy(first), torch.from_numpy(first + scale * noise).clamp(-1, 1)


def scene(sigma: float = 0.0, height: int = 192, width: int = 256) -> np.ndarray:
    """Grey 0 ... 255, whole numbers: twelve discs on a slope, some noise, blurred by `sigma`."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    drawn = 90 + 60 * columns / width
    places = formula_weights.uniform("metrics:discs", (12, 4), SEED).astype(np.float64)
    for across, down, size, grey in places:
        inside = np.hypot(columns - across * width, rows - down * height) < 8 + 28 * size
        drawn = np.where(inside, 255 * grey, drawn)
    drawn = drawn + formula_weights.noise("metrics:grain", (height, width), SEED, 2.0)
    return np.clip(np.rint(ndimage.gaussian_filter(drawn, sigma) if sigma else drawn), 0, 255)


def two_sets() -> tuple[np.ndarray, np.ndarray]:
    """Features of two sets, 60 and 45 samples of 24 numbers, of other means and spreads."""
    mixing = formula_weights.noise("metrics:mixing", (24, 24), SEED, 0.3)
    first = formula_weights.noise("metrics:first", (60, 24), SEED) @ mixing
    second = formula_weights.noise("metrics:second", (45, 24), SEED, 1.3, 0.2) @ mixing.T
    return first.astype(np.float64), second.astype(np.float64)
