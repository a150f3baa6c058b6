"""Edges of grey pictures, as CPBD wants them: Canny's, and Sobel's thinned along rows and columns.

Knows nothing about sharpness.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

_LOW, _HIGH = 0.1, 0.2  # of the gradient; nearly every local maximum of 8 bit pictures
Grey = Float[np.ndarray, "height width"]
Edges = Bool[np.ndarray, "height width"]


def canny_edges(grey: Grey) -> Edges:
    """Canny with sigma 1 and thresholds 0.1 and 0.2, as scikit-image's defaults for floats."""
    # 1. Smooth; near the border by the pixels that are there.
    inside = ndimage.gaussian_filter(np.ones_like(grey), 1.0, mode="constant")
    smooth = ndimage.gaussian_filter(grey, 1.0, mode="constant")
    smooth = smooth / (inside + np.finfo(grey.dtype).eps)
    # 2. Gradient; 3. keep what is a maximum across the edge.
    down, across = ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)
    strength = np.hypot(down, across)
    ridge = _is_ridge(down, across, strength) & (strength >= _LOW)
    ridge[[0, -1]] = ridge[:, [0, -1]] = False
    # 4. Lines with one strong pixel stay.
    labels = np.zeros(grey.shape, np.int32)
    ndimage.label(ridge, np.ones((3, 3), bool), output=labels)
    strong = np.zeros(labels.max() + 1, bool)
    strong[np.unique(labels[ridge & (strength >= _HIGH)])] = True
    strong[0] = False
    return strong[labels]


def _is_ridge(down: np.ndarray, across: np.ndarray, strength: np.ndarray) -> Edges:
    """No weaker than both neighbours along the gradient, interpolated between pixels."""
    same_sign = ((down >= 0) & (across >= 0)) | ((down <= 0) & (across <= 0))
    steep = np.abs(down) > np.abs(across)
    larger = np.maximum(np.abs(down), np.abs(across))
    smaller = np.minimum(np.abs(down), np.abs(across))
    weight = np.divide(smaller, larger, out=np.zeros_like(larger), where=larger > 0)
    is_ridge = np.ones_like(strength, dtype=bool)
    for sign in (1, -1):  # ahead along the gradient, and behind
        straight = np.where(steep, _moved(strength, sign, 0), _moved(strength, 0, sign))
        diagonal = _moved(strength, sign, sign)
        # Where the components differ in sign, the diagonal is the other one.
        other_straight = np.where(steep, _moved(strength, -sign, 0), _moved(strength, 0, sign))
        straight = np.where(same_sign, straight, other_straight)
        diagonal = np.where(same_sign, diagonal, _moved(strength, -sign, sign))
        is_ridge &= diagonal * weight + straight * (1 - weight) <= strength
    return is_ridge


def _moved(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The value `rows` below and `columns` right of each pixel; wraps, borders are not used."""
    return np.roll(values, (-rows, -columns), axis=(0, 1))


def thinned_sobel_edges(grey: Grey) -> Edges:
    """Vertical edges as Octave's `edge` finds them, one pixel wide along a row or a column."""
    kernel = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 8
    strength = np.square(ndimage.convolve(grey, kernel))
    strength[strength <= 2 * np.sqrt(strength.mean())] = 0
    padded = np.pad(strength, 1)
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    above, below = padded[:-2, 1:-1], padded[2:, 1:-1]
    along_row = (strength > left) & (strength > right)
    return along_row | ((strength > above) & (strength > below))
