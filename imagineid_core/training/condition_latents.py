"""What SCA is trained on, encoded once: portraits, their meshes, and neighbours with hidden mouths.

A neighbour is kept twice: as it was drawn, and as a generated frame would be, that is decoded from
a disturbed latent and off in colour. Who only ever saw perfect neighbours adds its own faults to
each frame until they are all there is. Latents have the scale in which the UNet works. Knows
nothing about diffusion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.imagine.autoregressive import hide_mouth
from imagineid_core.imagine.background import dilate
from imagineid_core.training.face_regions import region_shares
from imagineid_core.training.kept_tensors import keep_tensors, kept_tensors
from imagineid_core.training.latent_batches import posterior_means
from imagineid_core.training.processes import made_together

Progress = Callable[[int, int], None]
Images = Float[Tensor, "batch 3 height width"]


@dataclass(frozen=True, kw_only=True)
class DisturbanceConfig:
    """How far a neighbour is from a true frame, and what is hidden of it."""

    latent: float = 0.25  # standard deviations, at most
    tint: float = 0.06  # standard deviation of each colour's gain
    brightness: float = 0.04  # of the whole picture's offset
    mouth_dilation: float = 0.02  # of the mask, a fraction of the height, as at inference
    mouth_fill: float = -1.0


@dataclass(frozen=True, kw_only=True)
class ConditionLatents:
    """Latents of all people; `neighbour` is -1 where a frame has none."""

    portrait: Float[Tensor, "people frames channels rows columns"]
    mesh: Float[Tensor, "people frames channels rows columns"]
    hidden: Float[Tensor, "people frames 2 channels rows columns"]  # as drawn, as generated
    region: Float[Tensor, "people frames 1 rows columns"]  # how much of a cell is eye or mouth
    neighbour: Int[Tensor, "people frames"]


def condition_latents(
    vae: nn.Module,
    corpus: PeopleCorpus,
    names: Sequence[str],
    path: Path,
    config: DisturbanceConfig,
    *,
    made_with: str,
    on_progress: Progress | None = None,
) -> ConditionLatents:
    """Half precision, kept in `path` and read from there if it was `made_with` the same."""
    kept = kept_tensors(path, made_with)
    if kept is not None:
        return ConditionLatents(**kept)
    people = made_together(lambda name: _of_person(vae, corpus, name, config), names, on_progress)
    stacked = {key: torch.stack([one[key] for one in people]).contiguous() for key in people[0]}
    keep_tensors(path, stacked, made_with)
    return ConditionLatents(**stacked)


def neighbours_of(follows: Sequence[int]) -> list[int]:
    """The frame right before each, or right after it, or -1."""
    before = list(follows)
    for after, frame in enumerate(follows):
        if frame >= 0 and before[frame] < 0:
            before[frame] = after
    return before


@torch.no_grad()
def as_generated(
    vae: nn.Module, images: Images, config: DisturbanceConfig, draw: torch.Generator
) -> Images:
    """Through the VAE with a disturbed latent, a little off in colour."""
    net: Any = vae
    weight = next(net.parameters())
    latents = scaled_latents(vae, images)
    amount = config.latent * torch.rand(len(images), 1, 1, 1, generator=draw)
    noise = torch.randn(latents.shape, generator=draw)
    disturbed = (latents + amount * noise) / net.config.scaling_factor
    decoded = net.decode(disturbed.to(weight)).sample.to(images)
    gain = 1 + config.tint * torch.randn(len(images), 3, 1, 1, generator=draw)
    offset = config.brightness * torch.randn(len(images), 1, 1, 1, generator=draw)
    return (((decoded + 1) * gain + offset) - 1).clamp(-1, 1)


def scaled_latents(vae: nn.Module, images: Images) -> Tensor:
    """E as the UNet knows it."""
    net: Any = vae
    return posterior_means(vae, images) * net.config.scaling_factor


def _of_person(
    vae: nn.Module, corpus: PeopleCorpus, name: str, config: DisturbanceConfig
) -> dict[str, Tensor]:
    stored = corpus.tensors(name, ("portrait", "mesh_frame", "mouth_mask", "landmarks"))
    made = latents_of(
        vae,
        to_image(stored["portrait"]),
        to_image(stored["mesh_frame"]),
        stored["mouth_mask"].float() / 255,
        stored["landmarks"].float(),
        config,
        torch.Generator().manual_seed(int(name[1:])),
    )
    return made | {"neighbour": torch.tensor(neighbours_of(corpus.facts(name)["follows"]))}


@torch.no_grad()
def latents_of(
    vae: nn.Module,
    images: Images,
    mesh: Images,
    mouth_mask: Float[Tensor, "batch 1 height width"],
    landmarks: Float[Tensor, "batch landmarks 2"],
    config: DisturbanceConfig,
    draw: torch.Generator,
) -> dict[str, Tensor]:
    """All of `ConditionLatents` but who is next to whom, of one person."""
    mouth = dilate(mouth_mask, config.mouth_dilation)
    generated = as_generated(vae, images, config, draw)
    hidden = [hide_mouth(one, mouth, config.mouth_fill) for one in (images, generated)]
    latents = scaled_latents(vae, torch.cat([images, mesh, *hidden])).half()
    portrait, of_mesh, as_drawn, as_made = latents.split(len(images))
    return {
        "portrait": portrait,
        "mesh": of_mesh,
        "hidden": torch.stack([as_drawn, as_made], dim=1),
        "region": region_shares(landmarks, images.shape[-1], latents.shape[-1]).half(),
    }
