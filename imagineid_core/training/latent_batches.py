"""Portraits as latents: encoded once, mirrored too, then drawn in batches with their prompts.

A mirrored portrait is encoded, not a latent mirrored: an encoder is not symmetric. Knows nothing
about diffusion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.corpus.people.prompts import PromptConfig, prompt_of
from imagineid_core.imagine.tokenizer import ClipVocabulary, token_numbers
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.face_regions import head_shares, region_shares
from imagineid_core.training.kept_tensors import keep_tensors, kept_tensors
from imagineid_core.training.processes import Share, made_together

Progress = Callable[[int, int], None]
_AT_ONCE = 24  # portraits encoded together


@dataclass(frozen=True, kw_only=True)
class RegionWeights:
    """What boxes count beside everything else, which counts 1."""

    parts: float = 1.0  # round eyes and mouth
    head: float = 1.0  # round the head with its hair


@dataclass(frozen=True, kw_only=True)
class LatentBatch:
    """`weights` say what counts how much; None: everything alike."""

    latents: Float[Tensor, "batch channels height width"]
    tokens: Int[Tensor, "batch tokens"]
    weights: Float[Tensor, "batch 1 height width"] | None = None

    def to(self, device: torch.device) -> "LatentBatch":
        return LatentBatch(
            latents=self.latents.to(device),
            tokens=self.tokens.to(device),
            weights=None if self.weights is None else self.weights.to(device),
        )


class LatentBatches:
    """Random people for training; with `in_order`, one portrait of each person in turn."""

    def __init__(
        self,
        corpus: PeopleCorpus,
        names: Sequence[str],
        latents: Float[Tensor, "people takes channels height width"],
        vocabulary: ClipVocabulary,
        prompts: PromptConfig,
        *,
        batch_size: int,
        weights: Float[Tensor, "people takes 1 height width"] | None = None,
        seed: int = 0,
        in_order: bool = False,
    ) -> None:
        self._weights = weights
        self._people = [corpus.attributes(name) for name in names]
        self._latents, self._vocabulary, self._prompts = latents, vocabulary, prompts
        self._batch_size, self._seed, self._in_order = batch_size, seed, in_order

    def __call__(self, index: int, share: Share) -> LatentBatch:
        size = self._batch_size
        check_divisible(size, share)
        latents, weights, texts = [], [], []
        for row in range(size)[share.rows(size)]:
            draw = np.random.default_rng([self._seed, index, row])
            person = int(draw.integers(len(self._people)))
            if self._in_order:
                person = (index * size + row) % len(self._people)
            take = int(draw.integers(self._latents.shape[1]))
            latents.append(self._latents[person, take].float())
            if self._weights is not None:
                weights.append(self._weights[person, take].float())
            texts.append(prompt_of(self._people[person], self._prompts, draw)[0])
        return LatentBatch(
            latents=torch.stack(latents).contiguous(memory_format=torch.channels_last),
            tokens=token_numbers(texts, self._vocabulary),
            weights=torch.stack(weights) if weights else None,
        )


def encoded_people(
    vae: nn.Module,
    corpus: PeopleCorpus,
    names: Sequence[str],
    path: Path,
    *,
    mirrored: bool,
    made_with: str,
    on_progress: Progress | None = None,
) -> Float[Tensor, "people takes channels height width"]:
    """Means of the posteriors of all frames, then of their mirror images; half precision.

    Kept in `path`, and read from there if it was `made_with` the same (a digest of VAE and corpus).
    """
    kept = kept_tensors(path, made_with)
    if kept is not None:
        return kept["latents"]

    def encoded(name: str) -> Tensor:
        images = to_image(corpus.tensors(name, ("portrait",))["portrait"])
        if mirrored:
            images = torch.cat([images, images.flip(-1)])
        return posterior_means(vae, images).half()

    stacked = torch.stack(made_together(encoded, names, on_progress)).contiguous()
    keep_tensors(path, {"latents": stacked}, made_with)
    return stacked


def latent_weights(
    corpus: PeopleCorpus, names: Sequence[str], weight: RegionWeights, *, side: int, mirrored: bool
) -> Float[Tensor, "people takes 1 side side"]:
    """Over cells of latents; takes as in `encoded_people`."""
    people = []
    for name in names:
        landmarks = corpus.tensors(name, ("landmarks",))["landmarks"].float()
        weights = 1 + (weight.head - 1) * head_shares(landmarks, corpus.size, side)
        parts = region_shares(landmarks, corpus.size, side)
        weights = weights + parts * (weight.parts - weights)
        people.append(torch.cat([weights, weights.flip(-1)]) if mirrored else weights)
    return torch.stack(people).half()


@torch.no_grad()
def posterior_means(
    vae: nn.Module, images: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, "batch channels latent_height latent_width"]:
    """E(x), on the device of the network, returned on that of the images."""
    net: Any = vae
    weight = next(net.parameters())
    parts = [
        net.encode(part.to(weight)).latent_dist.mode().to(images)
        for part in images.contiguous(memory_format=torch.channels_last).split(_AT_ONCE)
    ]
    return torch.cat(parts)
