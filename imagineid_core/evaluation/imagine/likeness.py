"""How far pictures are from one another: people of other seeds, frames of one clip, drift.

The feature is a thumbnail of 16 x 16 pixels: colours and where they lie, no learned opinion. Knows
nothing about how pictures were made.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

THUMBNAIL = 16  # pixels
WINDOW = 25  # frames, a second


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One number a frame from the second on; `distance` to the first frame, `detail` of its own."""

    distance: Float[Tensor, " others"]
    detail: Float[Tensor, " others"]

    def ratio(self, late: int, early: int) -> float:
        """Distance at frame `late` over that at `early`, each the mean over the second before."""
        return _at(self.distance, late) / _at(self.distance, early)

    def detail_ratio(self, late: int, early: int) -> float:
        return _at(self.detail, late) / _at(self.detail, early)


def drift_of(frames: Float[Tensor, "frames 3 height width"]) -> Drift:
    return Drift(distance=distances_to_first(frames), detail=detail_of(frames[1:]))


def distances_to_first(
    frames: Float[Tensor, "frames 3 height width"],
) -> Float[Tensor, " others"]:
    seen = thumbnails(frames)
    return (seen[1:] - seen[:1]).square().mean(dim=1).sqrt()


def distances_between(
    frames: Float[Tensor, "frames 3 height width"],
) -> Float[Tensor, " pairs"]:
    """Of every picture to every other."""
    seen = thumbnails(frames)
    one, other = torch.triu_indices(len(seen), len(seen), offset=1)
    return (seen[one] - seen[other]).square().mean(dim=1).sqrt()


def thumbnails(
    frames: Float[Tensor, "frames 3 height width"],
) -> Float[Tensor, "frames dim"]:
    return interpolate(frames, size=(THUMBNAIL, THUMBNAIL), mode="area").flatten(1)


def detail_of(frames: Float[Tensor, "frames 3 height width"]) -> Float[Tensor, " frames"]:
    """Mean absolute difference of neighbouring pixels."""
    across, down = frames.diff(dim=-1), frames.diff(dim=-2)
    return (across.abs().flatten(1).mean(dim=1) + down.abs().flatten(1).mean(dim=1)) / 2


def _at(curve: Float[Tensor, " others"], frame: int) -> float:
    """`frame` counts from 1 as the paper does; the first entry is frame 2."""
    return float(curve[max(0, frame - 1 - WINDOW) : frame - 1].mean())
