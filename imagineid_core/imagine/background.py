"""The person and the place without them: m = G_MOD(I), dilated, and I_bg = G_IA(I) (Alg. 1).

Small protocols, so that any matting and any inpainting network fits, and what needs no weights: the
silhouette of the rendered head as a matte. Knows no network, no mesh and no diffusion.
"""

import logging
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, pad

from imagineid_core.errors import InputError

_EMPTY = 0.005  # share of the picture; a face that is smaller is of no use to anybody
_FULL = 0.995
_HOLE = 0.05  # a pixel with this much person in it has the person's colour
_HAIR = 0.22  # in head widths, round the head
_HALF_WIDTH = 0.58  # of hair below the ears
_CHIN = 1.35  # below the top of the head
_SHOULDERS = 1.05  # to each side, at the most
_SLOPE = 1.6  # how fast shoulders widen
_LOG = logging.getLogger(__name__)


@runtime_checkable
class Matte(Protocol):
    """G_MOD: how much of each pixel is the person, in [0, 1]. Images are RGB in [-1, 1]."""

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"], /
    ) -> Float[Tensor, "batch 1 height width"]: ...


@runtime_checkable
class Inpaint(Protocol):
    """G_IA: the pictures with what the mask covers made up; the rest stays as it is, bit for bit.

    `mask` is soft or hard; whoever inpaints decides by `hole_of` what is covered.
    """

    def __call__(
        self,
        images: Float[Tensor, "batch 3 height width"],
        mask: Float[Tensor, "batch 1 height width"],
    ) -> Float[Tensor, "batch 3 height width"]: ...


@dataclass(frozen=True, kw_only=True)
class MeshMatte:
    """A matte without weights: the head's silhouette, grown by hair and shoulders.

    Larger than the person nearly everywhere: it keeps less of the background than a network does,
    but cuts off little. `head` is where the mesh is seen (`MeshFrame.mesh_mask`), one for all
    pictures, such as the union over a clip, or one for each.
    """

    head: Float[Tensor, "heads 1 rows columns"]

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        if len(self.head) not in (1, len(images)):
            raise InputError(
                f"head has {len(self.head)} silhouettes but there are {len(images)} pictures. "
                "Give one for all, or one for each."
            )
        persons = [_person_round(one > 0.5) for one in self.head[:, 0].to(images.device)]
        mattes = torch.stack(persons)[:, None].to(images)
        if mattes.shape[-2:] != images.shape[-2:]:
            mattes = interpolate(mattes, images.shape[-2:], mode="bilinear")
        return mattes.expand(len(images), -1, -1, -1)


@dataclass(frozen=True, kw_only=True)
class MatteOrElse:
    """`first`; where it finds nobody or no background, `otherwise`, with a warning."""

    first: Matte
    otherwise: Matte

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        matte = self.first(images)
        if (problem := matte_problem(matte)) is None:
            return matte
        _LOG.warning("%s The other matte is used instead.", problem)
        return self.otherwise(images)


def matte_or_silhouette(
    image: Float[Tensor, "1 3 height width"],
    head: Float[Tensor, "1 1 rows columns"] | None,
    matte: Matte | None,
) -> Float[Tensor, "1 1 height width"]:
    """The matte of a frame; without one, and where it finds nobody, the mesh's silhouette."""
    if head is None:
        if matte is None:
            raise InputError(
                "there is neither a matte nor the mesh's silhouette for mask blending. "
                "Give one of them, or leave mask blending out."
            )
        return matte(image)
    silhouette = MeshMatte(head=head)
    if matte is None:
        return silhouette(image)
    return MatteOrElse(first=matte, otherwise=silhouette)(image)


def shows_nobody(mask: Float[Tensor, "1 1 height width"]) -> bool:
    """Less of the picture than a face that is of use to anybody."""
    return float(mask.float().mean()) < _EMPTY


def leaves_background(mask: Float[Tensor, "1 1 height width"]) -> bool:
    """Beside what is to be made up there is something to make it up from."""
    return float((mask > _HOLE).float().mean()) <= _FULL


def matte_problem(matte: Float[Tensor, "batch 1 height width"]) -> str | None:
    """What makes the matte useless, in one sentence; None for a good one."""
    if not bool(torch.isfinite(matte).all()):
        return "The matte has values that are NaN or infinite."
    for number, share in enumerate(matte.float().mean((1, 2, 3)).tolist()):
        if share < _EMPTY:
            return (
                f"The matte of picture {number} finds nobody: {share:.2%} of the picture is the "
                f"person, and {_EMPTY:.1%} is the least."
            )
        if share > _FULL:
            return (
                f"The matte of picture {number} finds no background: {share:.2%} of the picture "
                f"is the person, and {_FULL:.1%} is the most."
            )
    return None


def dilate(
    mask: Float[Tensor, "batch channels height width"], radius: float
) -> Float[Tensor, "batch channels height width"]:
    """Grow a mask, soft or hard, by a disc; `radius` is a fraction of the image height."""
    if radius < 0:
        raise InputError(
            f"dilation is {radius}; a mask cannot grow by less than nothing. "
            "Use a fraction of the image height of 0 or more, for example 0.02."
        )
    height, pixels = mask.shape[-2], round(radius * mask.shape[-2])
    padded = pad(mask, (0, 0, pixels, pixels))
    grown = mask
    for down in range(-pixels, pixels + 1):
        half = int((pixels**2 - down**2) ** 0.5)
        rows = padded[..., pixels + down : pixels + down + height, :]
        across = max_pool2d(rows, (1, 2 * half + 1), stride=1, padding=(0, half))
        grown = torch.maximum(grown, across)
    return grown


def hole_of(mask: Float[Tensor, "batch 1 height width"]) -> Bool[Tensor, "batch 1 height width"]:
    """What is to be made up: every pixel with any of the person in it."""
    hole = mask > _HOLE
    for number, is_all in enumerate(hole.flatten(1).all(1).tolist()):
        if is_all:
            raise InputError(
                f"The mask covers all of picture {number}, so nothing is left to fill it from. "
                "Check the matte, or leave out mask blending."
            )
    return hole


def _person_round(head: Bool[Tensor, "height width"]) -> Float[Tensor, "height width"]:
    """Hair and shoulders round a head; nothing where there is no head."""
    height, width = head.shape
    rows = head.any(1).nonzero()[:, 0]
    if len(rows) == 0:
        return head.float()
    at = torch.arange(width, device=head.device) + 0.5
    left = torch.where(head, at, width).amin(1)
    right = torch.where(head, at, 0).amax(1)
    extent = (right - left) * head.any(1)
    # The shoulders some meshes have are wider than the head: look above the chin only.
    top = int(rows[0])
    first = extent[top : top + max(1, len(rows) // 2)]
    widest = top + int(first.argmax())
    head_width, middle = float(extent[widest]), float(left[widest] + right[widest]) / 2
    down = torch.arange(height, device=head.device)[:, None] + 0.5
    below_chin = (down - top) / head_width - _CHIN
    half = _HALF_WIDTH + (below_chin * _SLOPE).clamp(0, _SHOULDERS - _HALF_WIDTH)
    body = ((at[None] - middle).abs() < half * head_width) & (down > widest)
    grown = dilate(head[None, None].float(), _HAIR * head_width / height)[0, 0]
    return torch.maximum(grown, body.float())
