"""People of a corpus before other backgrounds, with their mattes, drawn from step and seed alone.

Seen as other makers of pictures would show them: soft, stained, tinted, noisy; the matte stays the
true one. Knows nothing about networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.errors import InputError
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.processes import Share

_PLATE_SHARE = 0.6  # of other backgrounds are other people's, the rest fog
_CELL = 8  # pixels; what a latent diffusion model's autoencoder has one latent for


@dataclass(frozen=True, kw_only=True)
class MatteBatchConfig:
    batch_size: int = 4
    elsewhere: float = 0.6  # share of the people before another background than their own
    disturbed: float = 0.7  # share of the pictures that are not as the corpus has them
    empty: float = 0.03  # share of the pictures that show nobody

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InputError(
                f"batch_size is {self.batch_size} but must be at least 1. Use a larger number."
            )
        for name in ("elsewhere", "disturbed", "empty"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"{name} is {getattr(self, name)}, but it is a share of the pictures. "
                    "Use 0 ... 1."
                )


@dataclass(frozen=True, kw_only=True)
class MatteBatch:
    images: Float[Tensor, "batch 3 height width"]
    mattes: Float[Tensor, "batch 1 height width"]

    def to(self, device: torch.device) -> "MatteBatch":
        return MatteBatch(images=self.images.to(device), mattes=self.mattes.to(device))


class MatteBatches:
    """Random people for training; with `in_order`, each person in turn and none mirrored."""

    def __init__(
        self,
        corpus: PeopleCorpus,
        names: Sequence[str],
        config: MatteBatchConfig,
        *,
        seed: int = 0,
        in_order: bool = False,
    ) -> None:
        if not names:
            raise InputError(
                f"there are no people to learn mattes from: a split of {corpus.folder} is empty. "
                "Make a larger corpus with 'imagineid corpus people'."
            )
        self.config = config
        self._corpus, self._names = corpus, names
        self._seed, self._in_order = seed, in_order

    def __call__(self, index: int, share: Share) -> MatteBatch:
        size = self.config.batch_size
        check_divisible(size, share)
        items = [self._item(index, row) for row in range(size)[share.rows(size)]]
        images = torch.stack([image for image, _ in items])
        return MatteBatch(
            images=images.contiguous(memory_format=torch.channels_last) * 2 - 1,
            mattes=torch.stack([matte for _, matte in items]),
        )

    def _item(self, index: int, row: int) -> tuple[Tensor, Tensor]:
        """A picture in [0, 1] and its matte."""
        random = np.random.default_rng([self._seed, index, row])
        number = int(random.integers(len(self._names) * self._corpus.num_frames))
        if self._in_order:
            number = index * self.config.batch_size + row
        frame, person = divmod(number, len(self._names))
        stored = self._corpus.tensors(self._names[person], ("portrait", "matte", "clean_plate"))
        frame %= self._corpus.num_frames
        image, matte = stored["portrait"][frame].float() / 255, stored["matte"][frame].float() / 255
        plate = stored["clean_plate"][0].float() / 255
        is_empty = random.random() < self.config.empty
        if random.random() < self.config.elsewhere:
            behind = other_background(self._corpus, self._names, random)
            image, plate = image + (1 - matte) * (behind - plate), behind
        if is_empty:
            image, matte = plate, torch.zeros_like(matte)
        if not self._in_order and random.random() < 0.5:
            image, matte = image.flip(-1), matte.flip(-1)
        if random.random() < self.config.disturbed:
            image = disturbed(image, random)
        return image.clamp(0, 1), matte


def other_background(
    corpus: PeopleCorpus, names: Sequence[str], random: np.random.Generator
) -> Float[Tensor, "3 height width"]:
    """The empty place of one of these people, or fog; in [0, 1]."""
    if random.random() < _PLATE_SHARE:
        other = names[int(random.integers(len(names)))]
        return corpus.tensors(other, ("clean_plate",))["clean_plate"][0].float() / 255
    return fog(random, corpus.size)


def disturbed(
    image: Float[Tensor, "3 height width"], random: np.random.Generator
) -> Float[Tensor, "3 height width"]:
    """Another exposure and tint; often softer, stained in cells of a latent, noisy. In [0, 1]."""
    size = image.shape[-1]
    tint = torch.tensor(random.normal(1.0, 0.06, (3, 1, 1)), dtype=torch.float32)
    image = image * tint * float(random.normal(1.0, 0.1)) + float(random.normal(0, 0.04))
    if random.random() < 0.6:
        coarse = _resized(image, max(1, int(size * random.uniform(0.25, 0.8))))
        soft = _resized(coarse, size)
        everywhere = random.random() < 0.5
        image = soft if everywhere else torch.lerp(image, soft, _cells(random, 1, size).clamp(0, 1))
    if random.random() < 0.6:
        image = image + float(random.uniform(0, 0.06)) * _cells(random, 3, size)
    if random.random() < 0.5:
        grain = random.normal(0, random.uniform(0, 0.05), image.shape)
        image = image + torch.tensor(grain, dtype=torch.float32)
    return image.clamp(0, 1)


def _cells(
    random: np.random.Generator, channels: int, size: int
) -> Float[Tensor, "channels height width"]:
    """Normal noise, one value a latent's cell, smooth between them."""
    cells = max(2, size // _CELL)
    return _resized(
        torch.tensor(random.normal(size=(channels, cells, cells)), dtype=torch.float32), size
    )


def fog(random: np.random.Generator, size: int) -> Float[Tensor, "3 height width"]:
    """Random colours at random coarseness: anything may be behind a person."""
    picture = torch.tensor(random.uniform(0, 1, (3, 1, 1)), dtype=torch.float32)
    picture = picture.expand(3, size, size)
    for cells in (2, 5, 13, 40):
        grain = torch.tensor(random.normal(size=(3, cells, cells)), dtype=torch.float32)
        mode = "bilinear" if random.random() < 0.7 else "nearest"
        picture = picture + float(random.uniform(0, 0.25)) * _resized(grain, size, mode=mode)
    return picture.clamp(0, 1)


def _resized(picture: Tensor, size: int, *, mode: str = "bilinear") -> Tensor:
    smooth = mode == "bilinear"
    return interpolate(picture[None], (size, size), mode=mode, antialias=smooth)[0]
