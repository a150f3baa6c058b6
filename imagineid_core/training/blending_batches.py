"""Portraits as they are decoded in a clip: a disturbed latent, a background plate, a mask.

The mask is the neighbouring frame's dilated matte as in Alg. 1; the plate is the portrait with the
person filled over, or the true empty place. What the frozen autoencoder makes of them is kept.
Knows nothing about what is learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.errors import InputError
from imagineid_core.imagine.background import dilate
from imagineid_core.imagine.mask_blending import background_features, decoder_features
from imagineid_core.imagine.smooth_fill import smooth_fill
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.condition_latents import neighbours_of, scaled_latents
from imagineid_core.training.processes import Share


@dataclass(frozen=True, kw_only=True)
class BlendingBatchConfig:
    batch_size: int = 4
    pool: int = 256  # portraits in all
    is_kept: bool = True  # in memory: 1 MB each at 128 pixels, 130 MB at 512
    disturbance: float = 0.4  # of latents, standard deviations at most
    dilation: float = 0.02  # of the matte, a fraction of the height, as at inference
    true_plates: float = 0.3  # share of backgrounds that are the empty place itself

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.pool < 1:
            raise InputError(
                f"batch_size is {self.batch_size} and pool {self.pool}, but both must be at least "
                "1. Use larger ones."
            )


@dataclass(frozen=True, kw_only=True)
class BlendingBatch:
    """`finest` is F_vd where one level is blended, and `latents` are the VAE's own elsewhere."""

    images: Float[Tensor, "batch 3 height width"]
    mask: Float[Tensor, "batch 1 height width"]
    latents: Float[Tensor, "batch channels rows columns"]
    background: tuple[Float[Tensor, "batch _ _ _"], ...]  # F_ve, finest first
    finest: Float[Tensor, "batch _ height width"] | None

    def to(self, device: torch.device) -> "BlendingBatch":
        return BlendingBatch(
            images=self.images.to(device),
            mask=self.mask.to(device),
            latents=self.latents.to(device),
            background=tuple(item.to(device) for item in self.background),
            finest=None if self.finest is None else self.finest.to(device),
        )


class BlendingBatches:
    """Portraits of a pool in random order; with `in_order`, each in turn."""

    def __init__(
        self,
        vae: nn.Module,
        corpus: PeopleCorpus,
        names: Sequence[str],
        config: BlendingBatchConfig,
        *,
        num_levels: int = 1,
        seed: int = 0,
        in_order: bool = False,
    ) -> None:
        self.config = config
        self._vae, self._corpus, self._names = vae, corpus, names
        self._num_levels, self._seed, self._in_order = num_levels, seed, in_order
        self._kept: dict[int, dict[str, Tensor]] = {}

    def __call__(self, index: int, share: Share) -> BlendingBatch:
        size = self.config.batch_size
        check_divisible(size, share)
        numbers = np.random.default_rng([self._seed, index]).integers(self.config.pool, size=size)
        if self._in_order:
            numbers = (index * size + np.arange(size)) % self.config.pool
        items = [self._item(int(number)) for number in numbers[share.rows(size)]]
        whole = {key: torch.cat([one[key] for one in items]).float() for key in items[0]}
        levels = [whole.pop(f"background{level}") for level in range(self._num_levels)]
        finest = whole.pop("finest", None)
        return BlendingBatch(**whole, background=tuple(levels), finest=finest)

    def _item(self, number: int) -> dict[str, Tensor]:
        if number in self._kept:
            return self._kept[number]
        item = self._made(number)
        if self.config.is_kept:
            self._kept[number] = item
        return item

    @torch.no_grad()
    def _made(self, number: int) -> dict[str, Tensor]:
        vae: Any = self._vae
        weight = next(vae.parameters())
        draw = np.random.default_rng([self._seed, number, 71])
        name = self._names[int(draw.integers(len(self._names)))]
        if self._in_order:
            name = self._names[number % len(self._names)]
        stored = self._corpus.tensors(name, ("portrait", "matte", "clean_plate"))
        neighbours = neighbours_of(self._corpus.facts(name)["follows"])
        frame = int(draw.integers(len(neighbours)))
        before = neighbours[frame] if neighbours[frame] >= 0 else frame
        image = to_image(stored["portrait"][frame : frame + 1])
        mask = dilate(stored["matte"][before : before + 1].float() / 255, self.config.dilation)
        is_true = draw.random() < self.config.true_plates or bool((mask > 0).all())
        plate = to_image(stored["clean_plate"]) if is_true else smooth_fill(image, mask)
        latent = scaled_latents(vae, image)
        amount = float(draw.uniform(0, self.config.disturbance))
        noise = torch.tensor(draw.standard_normal(latent.shape), dtype=torch.float32)
        latent = ((latent + amount * noise) / vae.config.scaling_factor).to(weight)
        levels = background_features(vae, plate.to(weight), self._num_levels)
        item = {"images": image, "mask": mask, "latents": latent}
        item |= {f"background{level}": of_level for level, of_level in enumerate(levels)}
        if self._num_levels == 1:
            (item["finest"],) = decoder_features(vae, latent, 1)
        return {key: value.half().cpu() for key, value in item.items()}
