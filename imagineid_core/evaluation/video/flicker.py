"""Flicker: what goes back and forth from frame to frame, in the mouth, the face and outside it.

A second difference in time is blind to even motion and sees what shakes; blurred or still films
have none, so sharpness of the same region stands beside it. Knows nothing about meshes.
"""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull
from torch import Tensor

from imagineid_core.face.landmarks import MOUTH

REGIONS = ("mouth", "face", "background")
_GROWN = 1.25  # of a hull: lips move, and a face reaches above its brows
_FOREHEAD = 1.6  # of the way from chin to brows, from the chin
Region = Bool[Tensor, "frames height width"]


def flicker(
    frames: Float[Tensor, "frames 3 height width"], regions: Mapping[str, Region]
) -> dict[str, Float[Tensor, " inner"]]:
    """Mean |I(t + 1) - 2 I(t) + I(t - 1)| in levels of 255, for frames 2 ... last but one.

    Lower is better. A pixel counts where it lies in the region in all three frames; NaN where none
    does.
    """
    shaken = (frames[2:] - 2 * frames[1:-1] + frames[:-2]).abs().mean(dim=1) * 127.5
    found = {}
    for name, region in regions.items():
        inside = region[2:] & region[1:-1] & region[:-2]
        total = (shaken * inside).flatten(1).sum(dim=1)
        found[name] = total / inside.flatten(1).sum(dim=1)  # 0 / 0 is NaN
    return found


def regions_from_landmarks(
    landmarks: Float[np.ndarray, "frames landmarks=68 2"], height: int, width: int
) -> dict[str, Region]:
    """Hulls of the mouth (a quarter larger) and of the face with a forehead, and the rest.

    The background is what lies outside a face hull a quarter larger: hair and shoulders are in it,
    for landmarks do not tell them. A frame without a face is in no region.
    """
    empty = np.zeros((height, width), bool)
    regions: dict[str, list[np.ndarray]] = {name: [] for name in REGIONS}
    for points in landmarks:
        if not np.isfinite(points).all():
            mouth = face = behind = empty
        else:
            mouth = _hull(_grown(points[MOUTH]), height, width)
            face = _hull(_with_forehead(points), height, width)
            behind = ~_hull(_grown(_with_forehead(points)), height, width)
        for name, mask in zip(REGIONS, (mouth, face, behind), strict=True):
            regions[name].append(mask)
    return {name: torch.from_numpy(np.stack(masks)) for name, masks in regions.items()}


def _grown(points: np.ndarray) -> np.ndarray:
    centre = points.mean(axis=0)
    return centre + _GROWN * (points - centre)


def _with_forehead(points: np.ndarray) -> np.ndarray:
    """The brows once more, moved up away from the chin."""
    chin = points[8]
    return np.concatenate([points, chin + _FOREHEAD * (points[17:27] - chin)])


def _hull(points: np.ndarray, height: int, width: int) -> np.ndarray:
    corners = points[ConvexHull(points).vertices]
    drawn = Image.new("1", (width, height))
    # Pixel centres lie at .5 here and at whole numbers in Pillow.
    ImageDraw.Draw(drawn).polygon([tuple(corner - 0.5) for corner in corners], fill=1)
    return np.array(drawn)
