"""Portraits before other backgrounds, with their mattes, drawn from the step and the seed alone.

Nobody is met in two splits. Knows nothing about networks.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from imagineid_core.corpus.portrait import (
    coefficients_of,
    draw_attributes,
    draw_person,
    portrait_pose,
    render_portrait,
)
from imagineid_core.corpus.portrait.backdrop import backdrop
from imagineid_core.errors import InputError
from imagineid_core.face.open_face import EMOTIONS, expression_from_controls
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.processes import Share

_TURN = (0.08, 0.28, 0.06)  # rad, standard deviations of pitch, yaw, roll
_EMOTIONS = tuple(EMOTIONS.values())
_BACKDROP_SHARE = 0.5  # of the backgrounds are of the portraits' own kind, the others fog and noise
_SPLITS = {"train": (0, 3, 4, 5, 6, 7, 8, 9), "validation": (1,), "test": (2,)}


@dataclass(frozen=True, kw_only=True)
class MatteBatchConfig:
    size: int = 128  # pixels
    batch_size: int = 16
    pool: int = 2000  # people, drawn once each: 0.2 s, and 66 kB at 128 pixels
    empty_share: float = 0.03  # of the pictures show nobody

    def __post_init__(self) -> None:
        for name in ("size", "batch_size", "pool"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"{name} is {getattr(self, name)} but must be at least 1. Use a larger number."
                )
        if not 0 <= self.empty_share < 1:
            raise InputError(
                f"empty_share is {self.empty_share}, but it is a share of the pictures. "
                "Use 0 or more, and less than 1."
            )


@dataclass(frozen=True, kw_only=True)
class MatteBatch:
    images: Float[Tensor, "batch 3 height width"]
    mattes: Float[Tensor, "batch 1 height width"]

    def to(self, device: torch.device) -> "MatteBatch":
        return MatteBatch(images=self.images.to(device), mattes=self.mattes.to(device))


class MatteBatches:
    """Batch `index` is the same in every run, process and order.

    As with the talkers, person k belongs to the split that k mod 10 names: 1 is "validation", 2 is
    "test", the others are "train".
    """

    def __init__(self, config: MatteBatchConfig, *, split: str, seed: int) -> None:
        if split not in _SPLITS:
            raise InputError(f"split is '{split}'. Use one of {', '.join(_SPLITS)}.")
        self.config, self.split = config, split
        self._seed = seed
        self._drawn: dict[int, UInt8[Tensor, "4 height width"]] = {}

    def person(self, number: int) -> int:
        """The seed of person `number` of the pool."""
        digits = _SPLITS[self.split]
        return 10 * (self._seed + number // len(digits)) + digits[number % len(digits)]

    def __call__(self, index: int, share: Share) -> MatteBatch:
        size = self.config.batch_size
        check_divisible(size, share)
        items = [self._item(index, row) for row in range(size)[share.rows(size)]]
        return MatteBatch(
            images=torch.stack([image for image, _ in items]),
            mattes=torch.stack([matte for _, matte in items]),
        )

    def _item(self, index: int, row: int) -> tuple[Tensor, Tensor]:
        random = np.random.default_rng([self._seed, index, row])
        number = int(random.integers(self.config.pool))
        if number not in self._drawn:
            self._drawn[number] = self._portrait(number)
        stored = self._drawn[number].float() / 255
        colour, matte = stored[:3], stored[3:]
        if random.random() < self.config.empty_share:
            colour, matte = torch.zeros_like(colour), torch.zeros_like(matte)
        behind = self._background(random)
        image = colour + behind * (1 - matte)  # both in [0, 1]; colour is premultiplied
        if random.random() < 0.5:
            image, matte = image.flip(-1), matte.flip(-1)
        return _seen_otherwise(image, random) * 2 - 1, matte

    def _portrait(self, number: int) -> UInt8[Tensor, "4 height width"]:
        seed = self.person(number)
        random = np.random.default_rng([seed, 6])
        person = draw_person(seed)
        mood = _EMOTIONS[int(random.integers(len(_EMOTIONS)))]
        pitch, yaw, roll = (random.normal(size=3) * _TURN).tolist()
        coefficients = coefficients_of(
            person,
            expression_from_controls({**mood, "jaw_open": float(random.uniform(0, 0.8))}),
            portrait_pose(pitch, yaw, roll),
        )
        drawn = render_portrait(person.attributes, coefficients, self.config.size)
        plate = (drawn.clean_plate + 1) / 2
        colour = (drawn.image + 1) / 2 - plate * (1 - drawn.matte)
        return (torch.cat([colour, drawn.matte], 1)[0] * 255).round().clamp(0, 255).to(torch.uint8)

    def _background(self, random: np.random.Generator) -> Float[Tensor, "3 height width"]:
        size = self.config.size
        if random.random() < _BACKDROP_SHARE:
            other = draw_attributes(int(random.integers(2**31)))
            return (backdrop(other, size)[0] + 1) / 2
        return _fog(random, size)


def _fog(random: np.random.Generator, size: int) -> Float[Tensor, "3 height width"]:
    """Random colours at random coarseness: anything may be behind a person."""
    picture = torch.tensor(random.uniform(0, 1, (3, 1, 1)), dtype=torch.float32)
    picture = picture.expand(3, size, size)
    for cells in (2, 5, 13, 40):
        grain = torch.tensor(random.normal(size=(1, 3, cells, cells)), dtype=torch.float32)
        mode = "bilinear" if random.random() < 0.7 else "nearest"
        spread = interpolate(grain, (size, size), mode=mode)[0]
        picture = picture + float(random.uniform(0, 0.25)) * spread
    return picture.clamp(0, 1)


def _seen_otherwise(
    image: Float[Tensor, "3 height width"], random: np.random.Generator
) -> Float[Tensor, "3 height width"]:
    """Exposure, colour, blur and noise of other makers of pictures, a diffusion model's too."""
    tint = torch.tensor(random.normal(1.0, 0.06, (3, 1, 1)), dtype=torch.float32)
    image = image * tint * float(random.normal(1.0, 0.1)) + float(random.normal(0, 0.04))
    if random.random() < 0.4:
        size = image.shape[-1]
        smaller = (max(1, int(size * random.uniform(0.4, 0.9))),) * 2
        coarse = interpolate(image[None], smaller, mode="bilinear", antialias=True)
        image = interpolate(coarse, (size, size), mode="bilinear")[0]
    if random.random() < 0.5:
        grain = random.normal(0, random.uniform(0, 0.05), image.shape)
        image = image + torch.tensor(grain, dtype=torch.float32)
    return image.clamp(0, 1)
