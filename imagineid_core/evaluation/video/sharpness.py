"""How sharp is a picture by itself: CPBD, and the variance of its Laplacian in a region.

CPBD, the cumulative probability of blur detection (Narvekar and Karam 2011), is what SadTalker's
tables hold (its Sec. 4.1). Knows nothing about faces or time.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.edges import canny_edges, thinned_sobel_edges

BLOCK = 64  # pixels a side
_EDGE_SHARE = 0.002  # of a block's pixels; a block with fewer edge pixels is not judged
_BETA = 3.6
_JUST_NOTICED = ((51, 5.0), (256, 3.0))  # edge width in pixels, for contrasts below the first
_BLURRED_FROM = 63  # per cent: the probability at a just noticeable width
_LONGEST = 100  # pixels of one slope
Grey = Float[np.ndarray, "height width"]


def cpbd(grey: Grey) -> float:
    """Share of edges at which no blur is noticed, 0 ... 1, higher is sharper.

    `grey` in 0 ... 255, whole numbers (as 8 bit files hold). 1. Edge pixels and their widths. 2. In
    blocks of 64 x 64 with edges: P(blur) = 1 - exp(-(width / w_jnb)^3.6), w_jnb 5 at contrasts
    below 51, else 3. 3. The share of edge pixels with P <= 63 %. Pixels outside whole blocks are
    not looked at. 0 where a picture has no edges.
    """
    height, width = grey.shape
    if min(height, width) < BLOCK:
        raise InputError(
            f"frames are {width} x {height} but CPBD judges blocks of {BLOCK} x {BLOCK}. "
            "Use larger frames."
        )
    edges, widths = canny_edges(grey), edge_widths(grey)
    kept = []
    for top in range(0, height - BLOCK + 1, BLOCK):
        for left in range(0, width - BLOCK + 1, BLOCK):
            block = (slice(top, top + BLOCK), slice(left, left + BLOCK))
            if np.count_nonzero(edges[block]) <= _EDGE_SHARE * BLOCK**2:
                continue
            contrast = int(np.ptp(grey[block]))
            noticed = next(width for below, width in _JUST_NOTICED if contrast < below)
            found = widths[block][widths[block] > 0]
            kept.append(np.rint(100 * (1 - np.exp(-((found / noticed) ** _BETA)))))
    percent = np.concatenate(kept) if kept else np.zeros(0)
    return float(np.mean(percent <= _BLURRED_FROM)) if len(percent) else 0.0


def edge_widths(grey: Grey) -> Float[np.ndarray, "height width"]:
    """Widths in pixels of edges that cross a row (Marziliano et al. 2002); 0 elsewhere.

    From an edge pixel, how far the row goes on falling on one side and rising on the other.
    """
    down, across = np.gradient(grey)
    # A pixel without slope along its row counts as rising, as in the public implementations.
    angle = np.where(across != 0, np.degrees(np.arctan2(down, across)), 0.0)
    direction = np.abs(np.round(angle / 45))
    rising, falling = direction == 0, direction == 4
    edges = thinned_sobel_edges(grey)
    edges[[0, -1]] = edges[:, [0, -1]] = False
    rises = np.diff(grey, axis=1) > 0  # between columns c and c + 1
    falls = np.diff(grey, axis=1) < 0
    widths = np.zeros_like(grey)
    for chosen, slopes in ((rising, rises), (falling, falls)):
        around = _run_left(slopes) + _run_right(slopes) + 2
        widths = np.where(edges & chosen, around, widths)
    return widths


def laplacian_variance(grey: Grey, region: Bool[np.ndarray, "height width"]) -> float:
    """Variance of the Laplacian in a region, in squared grey levels; higher is sharper.

    NaN where the region is empty. A blurred video has no flicker: this stands beside flicker.
    """
    return float(ndimage.laplace(grey, mode="nearest")[region].var()) if region.any() else np.nan


def _run_left(slopes: np.ndarray) -> np.ndarray:
    """For each pixel, how many steps left of its left neighbour the slope goes on, at most 100."""
    run = np.zeros((len(slopes), slopes.shape[1] + 1))
    for column in range(2, run.shape[1]):
        run[:, column] = np.where(slopes[:, column - 2], run[:, column - 1] + 1, 0)
    return np.minimum(run, _LONGEST)


def _run_right(slopes: np.ndarray) -> np.ndarray:
    return _run_left(slopes[:, ::-1])[:, ::-1]
