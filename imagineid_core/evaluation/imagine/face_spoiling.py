"""Faces with one thing wrong: eyes that do not match, mouths that are not whole.

Each way to spoil a patch changes all of it; what is changed is laid over the true one in soft
ellipses round an eye, both eyes or the mouth. A judge learns from the kinds `SEEN` and is tried on
those `UNSEEN`. Knows nothing about judges.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, conv2d, grid_sample, interpolate, pad

from imagineid_core.face.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE

Patches = Float[Tensor, "batch 3 height width"]
_MARGIN = {"eye": (3.5, 4.0), "mouth": (3.5, 3.5)}  # pixels of 128 beyond the landmarks
_EDGE = 0.2  # of a radius, in which an ellipse fades
_LEAST_CHANGE = 0.14  # root mean square in [-1, 1] over the ellipse; less is no fault
_LEAST_OF_ANOTHER = 0.18  # others' eyes and lips may be much the same


@dataclass(frozen=True, kw_only=True)
class Region:
    """An ellipse in each patch, in pixels."""

    centre: Float[Tensor, "batch 2"]
    radius: Float[Tensor, "batch 2"]


Spoil = Callable[[Patches, Region, torch.Generator], Patches]


@dataclass(frozen=True, kw_only=True)
class Spoilt:
    patches: Patches
    is_spoilt: Bool[Tensor, " batch"]  # the change is large enough to be a fault


def eye_regions(landmarks: Float[Tensor, "batch landmarks=68 2"]) -> tuple[Region, Region]:
    return _region(landmarks[:, LEFT_EYE], "eye"), _region(landmarks[:, RIGHT_EYE], "eye")


def mouth_region(landmarks: Float[Tensor, "batch landmarks=68 2"]) -> Region:
    return _region(landmarks[:, MOUTH], "mouth")


def spoil_eyes(
    patches: Patches,
    landmarks: Float[Tensor, "batch landmarks=68 2"],
    kind: str,
    draw: torch.Generator,
) -> Spoilt:
    """One eye, or with some kinds sometimes both."""
    left, right = eye_regions(landmarks)
    side = torch.rand(len(patches), 1, 1, 1, generator=draw)
    both = 0.25 if kind not in _OF_ANOTHER else 0.0
    on_left, on_right = side < 0.5 + both / 2, side > 0.5 - both / 2
    spoil = _WAYS[kind]
    changed = torch.where(on_left, _laid(patches, spoil(patches, left, draw), left), patches)
    changed = torch.where(on_right, _laid(changed, spoil(patches, right, draw), right), changed)
    return Spoilt(patches=changed, is_spoilt=has_fault(patches, changed, landmarks, "eyes", kind))


def spoil_mouth(
    patches: Patches,
    landmarks: Float[Tensor, "batch landmarks=68 2"],
    kind: str,
    draw: torch.Generator,
) -> Spoilt:
    region = mouth_region(landmarks)
    changed = _laid(patches, _WAYS[kind](patches, region, draw), region)
    return Spoilt(patches=changed, is_spoilt=has_fault(patches, changed, landmarks, "mouth", kind))


def part_mask(
    landmarks: Float[Tensor, "batch landmarks=68 2"], part: str, size: int
) -> Float[Tensor, "batch 1 size size"]:
    """1 on both 'eyes' or on the 'mouth' of a picture of `size` pixels."""
    canvas = landmarks.new_zeros(len(landmarks), 3, size, size)
    regions = eye_regions(landmarks) if part == "eyes" else (mouth_region(landmarks),)
    return torch.stack([_mask(canvas, region) for region in regions]).amax(dim=0)


def has_fault(
    true: Patches,
    shown: Patches,
    landmarks: Float[Tensor, "batch landmarks=68 2"],
    part: str,
    kind: str,
) -> Bool[Tensor, " batch"]:
    """Whether 'eyes' or 'mouth' are changed enough to be a fault; one eye of two will do."""
    regions = eye_regions(landmarks) if part == "eyes" else (mouth_region(landmarks),)
    changes = [_change(true, shown, region) for region in regions]
    return torch.stack(changes).amax(dim=0) > _least(kind)


def blurred(patches: Patches, sigma: float) -> Patches:
    reach = max(1, round(2.5 * sigma))
    at = torch.arange(-reach, reach + 1.0)
    weights = torch.exp(-((at / sigma) ** 2) / 2)
    return _averaged(
        _averaged(patches, (weights / weights.sum())[None]), (weights / weights.sum())[:, None]
    )


def _region(points: Float[Tensor, "batch points 2"], part: str) -> Region:
    first, last = points.amin(dim=1), points.amax(dim=1)
    return Region(
        centre=(first + last) / 2, radius=(last - first) / 2 + torch.tensor(_MARGIN[part])
    )


def _blurred(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    return blurred(patches, 2.2 + float(torch.rand((), generator=draw)))


def _erased(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    """The mean colour round the ellipse."""
    return _round(patches, region)[..., None, None].expand_as(patches)


def _warped(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    """Pulled about by a smooth field of some pixels."""
    coarse = torch.randn(len(patches), 2, 9, 8, generator=draw)
    size = list(patches.shape[-2:])
    field = interpolate(coarse, size=size, mode="bicubic", align_corners=True)
    return _sampled(patches, 3.2 * field.movedim(1, -1))


def _moved(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    """Half of a radius aside, or more of one up or down."""
    signs = torch.randint(0, 2, (len(patches), 2), generator=draw) * 2 - 1
    is_down = torch.rand(len(patches), 1, generator=draw) < 0.5
    far = region.radius * torch.tensor([0.55, 0.7]) * signs
    shift = torch.where(torch.cat([~is_down, is_down], dim=1), far, torch.zeros_like(far))
    return _sampled(patches, shift[:, None, None].expand(-1, *patches.shape[-2:], -1))


def _of_another(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    """The next person's, brought to the same place and skin."""
    shift = region.centre.roll(1, dims=0) - region.centre
    other = _sampled(
        patches.roll(1, dims=0), shift[:, None, None].expand(-1, *patches.shape[-2:], -1)
    )
    tint = _round(patches, region) - _round(other, region)
    return (other + tint[..., None, None]).clamp(-1, 1)


def _half_of_another(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    other = _of_another(patches, region, draw)
    across = torch.arange(patches.shape[-1]) + 0.5 < region.centre[:, :1]  # [batch, width]
    flips = torch.rand(len(patches), 1, generator=draw) < 0.5
    return torch.where((across ^ flips)[:, None, None], other, patches)


def _noisy(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    """Blotches of a few pixels."""
    height, width = patches.shape[-2:]
    coarse = torch.randn(len(patches), 3, height // 4, width // 4, generator=draw)
    blotches = interpolate(coarse, size=[height, width], mode="bicubic", align_corners=False)
    return (blurred(patches, 1.0) + 0.25 * blotches).clamp(-1, 1)


def _smeared(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    """Dragged along rows or columns, each as it comes."""
    weights = torch.full((1, 11), 1 / 11)
    is_row = torch.rand(len(patches), 1, 1, 1, generator=draw) < 0.5
    return torch.where(is_row, _averaged(patches, weights), _averaged(patches, weights.T))


def _coarse(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    """Squares of four pixels."""
    return interpolate(avg_pool2d(patches, 4), scale_factor=4.0, mode="nearest")


def _doubled(patches: Patches, region: Region, draw: torch.Generator) -> Patches:
    return (patches + _moved(patches, region, draw)) / 2


_OF_ANOTHER = ("of another", "half of another")
_WAYS: Mapping[str, Spoil] = {
    "blurred": _blurred,
    "erased": _erased,
    "warped": _warped,
    "moved": _moved,
    "of another": _of_another,
    "noisy": _noisy,
    "smeared": _smeared,
    "coarse": _coarse,
    "doubled": _doubled,
    "half of another": _half_of_another,
}
# A whole mouth of another is whole, and half an eye of another is hardly seen.
SEEN: Mapping[str, tuple[str, ...]] = {
    "eyes": ("blurred", "erased", "warped", "moved", "of another", "noisy"),
    "mouth": ("blurred", "erased", "warped", "moved", "noisy"),
}
UNSEEN: Mapping[str, tuple[str, ...]] = {
    "eyes": ("smeared", "coarse", "doubled"),
    "mouth": ("smeared", "coarse", "doubled", "half of another"),
}


def _sampled(patches: Patches, shift: Float[Tensor, "batch height width 2"]) -> Patches:
    """Each pixel from where it is moved to, columns and rows."""
    height, width = patches.shape[-2:]
    identity = torch.eye(2, 3).expand(len(patches), -1, -1)
    grid = affine_grid(identity, list(patches.shape), align_corners=False)
    grid = grid + shift * torch.tensor([2 / width, 2 / height])
    return grid_sample(patches, grid, padding_mode="border", align_corners=False)


def _averaged(patches: Patches, weights: Float[Tensor, "rows columns"]) -> Patches:
    rows, columns = weights.shape
    padded = pad(patches, (columns // 2, columns // 2, rows // 2, rows // 2), mode="replicate")
    return conv2d(padded, weights.expand(3, 1, -1, -1), groups=3)


def _mask(
    patches: Patches, region: Region, grown: float = 1.0
) -> Float[Tensor, "batch 1 height width"]:
    """1 in the ellipse, fading at its edge."""
    height, width = patches.shape[-2:]
    at = torch.stack(
        torch.meshgrid(torch.arange(width) + 0.5, torch.arange(height) + 0.5, indexing="xy"), dim=-1
    )
    away = (at - region.centre[:, None, None]) / (grown * region.radius[:, None, None])
    return ((1 + _EDGE - away.norm(dim=-1)) / _EDGE).clamp(0, 1)[:, None]


def _laid(patches: Patches, changed: Patches, region: Region) -> Patches:
    return torch.lerp(patches, changed, _mask(patches, region))


def _round(patches: Patches, region: Region) -> Float[Tensor, "batch 3"]:
    """The mean colour of a ring round the ellipse."""
    ring = _mask(patches, region, 1.25) - _mask(patches, region)
    return (patches * ring).sum(dim=(2, 3)) / ring.sum(dim=(2, 3)).clamp_min(1e-3)


def _change(patches: Patches, changed: Patches, region: Region) -> Float[Tensor, " batch"]:
    mask = _mask(patches, region)
    wrong = ((changed - patches).square().mean(dim=1, keepdim=True) * mask).sum(dim=(1, 2, 3))
    return (wrong / mask.sum(dim=(1, 2, 3))).sqrt()


def _least(kind: str) -> float:
    return _LEAST_OF_ANOTHER if kind in _OF_ANOTHER else _LEAST_CHANGE
