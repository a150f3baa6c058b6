"""Portraits with faults as an autoencoder gives them back, and whether they still have them.

A judge of a model's samples sees nothing but decoded pictures, so it learns from such and is tried
on such: many a fault is mended on the way, and is none. Knows nothing about judges.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from imagineid_core.evaluation.imagine.face_patches import (
    SIZE,
    of_size,
    patch_corners,
    patches_at,
    places_of,
)
from imagineid_core.evaluation.imagine.face_spoiling import (
    has_fault,
    part_mask,
    spoil_eyes,
    spoil_mouth,
)
from imagineid_core.evaluation.imagine.samples import Images, decoded
from imagineid_core.training.latent_batches import posterior_means

MELTED = "melted"  # disturbed in the latents, as a UNet half trained would
_MELTING = (0.5, 1.2)  # standard deviations
_SPOIL = {"eyes": spoil_eyes, "mouth": spoil_mouth}


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """`images` are of SIZE; `has_fault` says by part what can still be seen."""

    images: Images
    has_fault: Mapping[str, Bool[Tensor, " batch"]]


@torch.no_grad()
def faulty(
    vae: nn.Module,
    images: Images,
    given_back: Images,
    landmarks: Float[Tensor, "batch landmarks=68 2"],
    kinds: Mapping[str, str],
    draw: torch.Generator,
) -> Faulty:
    """Given back with these kinds of faults in these parts; `landmarks` in pixels of SIZE.

    `given_back` are the same faces without any.
    """
    spoilt = images
    for part, kind in kinds.items():
        if kind != MELTED:
            spoilt = _spoilt(spoilt, landmarks, part, kind, draw)
    net: Any = vae
    latents = posterior_means(vae, spoilt)
    spread = latents.std(dim=(0, 2, 3), keepdim=True)
    for part in (part for part, kind in kinds.items() if kind == MELTED):
        mask = part_mask(landmarks, part, SIZE)
        cells = (max_pool2d(mask, SIZE // latents.shape[-1]) > 0.5).float()
        low, high = _MELTING
        amount = low + (high - low) * torch.rand(len(latents), 1, 1, 1, generator=draw)
        latents = latents + amount * cells * spread * torch.randn(latents.shape, generator=draw)
    shown = of_size(decoded(net, latents * net.config.scaling_factor))
    true = of_size(given_back)
    seen = {part: has_fault(true, shown, landmarks, part, kind) for part, kind in kinds.items()}
    return Faulty(images=shown, has_fault=seen)


def _spoilt(
    images: Images,
    landmarks: Float[Tensor, "batch landmarks=68 2"],
    part: str,
    kind: str,
    draw: torch.Generator,
) -> Images:
    """Spoilt in the patch, which is laid back into the picture."""
    size = images.shape[-1]
    changed = of_size(images).clone()
    places = places_of(landmarks)
    corners = patch_corners(places)
    made = _SPOIL[part](patches_at(changed, places), landmarks - corners[:, None], kind, draw)
    for image, patch, (column, row) in zip(
        changed, made.patches, corners.int().tolist(), strict=True
    ):
        image[:, row : row + patch.shape[1], column : column + patch.shape[2]] = patch
    if size == SIZE:
        return changed
    return interpolate(changed, size=(size, size), mode="bilinear", align_corners=False)
