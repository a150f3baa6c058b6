"""Faces with their landmarks, and pictures without a face, drawn from step and seed alone.

People of a corpus at another place, size and tilt, before other backgrounds, soft, stained, tinted
and noisy as made pictures are; some as an autoencoder gives them back. Knows no network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.errors import InputError
from imagineid_core.face.landmarks import MIRRORED
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.faceless import LEARNED, Faceless, moved
from imagineid_core.training.matte_batches import disturbed, other_background
from imagineid_core.training.processes import Share

_SCALES, _TILT = (0.65, 1.35), 0.14  # of the head; standard deviation in radians
_LEAST_INSIDE = 2.0  # pixels between a landmark and the border
Generated = Mapping[str, UInt8[Tensor, "frames 3 height width"]]  # by person


@dataclass(frozen=True, kw_only=True)
class ReaderBatchConfig:
    """All but the first are shares of the pictures."""

    batch_size: int = 16
    faceless: float = 0.2
    generated: float = 0.3  # of the faces, taken from those the autoencoder gave back
    elsewhere: float = 0.4  # before another background than their own
    moved: float = 0.8  # at another place, size and tilt
    disturbed: float = 0.7  # not as the corpus has them

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InputError(
                f"batch_size is {self.batch_size} but must be at least 1. Use a larger number."
            )
        for name in ("faceless", "generated", "elsewhere", "moved", "disturbed"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"{name} is {getattr(self, name)}, but it is a share of the pictures. "
                    "Use 0 ... 1."
                )


@dataclass(frozen=True, kw_only=True)
class ReaderBatch:
    """Landmarks of pictures without a face mean nothing."""

    images: Float[Tensor, "batch 3 height width"]
    landmarks: Float[Tensor, "batch landmarks 2"]
    has_face: Float[Tensor, " batch"]

    def to(self, device: torch.device) -> "ReaderBatch":
        return ReaderBatch(
            images=self.images.to(device),
            landmarks=self.landmarks.to(device),
            has_face=self.has_face.to(device),
        )


class ReaderBatches:
    """Random people for training; with `in_order`, each portrait in turn and none mirrored.

    `generated`: portraits of some of these people as an autoencoder gives them back; with
    `in_order` these people alone are shown where there are any.
    """

    def __init__(
        self,
        corpus: PeopleCorpus,
        names: Sequence[str],
        config: ReaderBatchConfig,
        *,
        generated: Generated | None = None,
        faceless: Mapping[str, Faceless] = LEARNED,
        seed: int = 0,
        in_order: bool = False,
    ) -> None:
        if not names:
            raise InputError(
                f"there are no people to learn faces from: a split of {corpus.folder} is empty. "
                "Make a larger corpus with 'imagineid corpus people'."
            )
        self.config = config
        self.names = names
        self._corpus, self._generated = corpus, generated or {}
        self._known = [name for name in names if name in self._generated]
        self._faceless = tuple(faceless.values())
        self._seed, self._in_order = seed, in_order

    @property
    def num_in_order(self) -> int:
        """Batches that show every portrait once."""
        return -(-len(self.names) * self._corpus.num_frames // self.config.batch_size)

    def __call__(self, index: int, share: Share) -> ReaderBatch:
        size = self.config.batch_size
        check_divisible(size, share)
        items = [self._item(index, row) for row in range(size)[share.rows(size)]]
        images, landmarks, faces = zip(*items, strict=True)
        return ReaderBatch(
            images=torch.stack(images) * 2 - 1,
            landmarks=torch.stack(landmarks),
            has_face=torch.tensor(faces),
        )

    def _item(self, index: int, row: int) -> tuple[Tensor, Tensor, float]:
        """A picture in [0, 1], landmarks in pixels, and 1 if it shows a face."""
        random = np.random.default_rng([self._seed, index, row, 68])
        config, frames = self.config, self._corpus.num_frames
        is_faceless = random.random() < config.faceless
        is_made = bool(self._known) and not is_faceless and random.random() < config.generated
        names = self._known if is_made else self.names
        number = int(random.integers(len(names) * frames))
        if self._in_order:
            number = index * config.batch_size + row
        frame, person = divmod(number, len(names))
        name, frame = names[person], frame % frames
        stored = self._corpus.tensors(name, ("portrait", "landmarks", "matte", "clean_plate"))
        points, plate = stored["landmarks"][frame].float(), stored["clean_plate"][0].float() / 255
        shown = self._generated[name] if is_made else stored["portrait"]
        image = shown[frame].float() / 255
        if not is_made and random.random() < config.elsewhere:
            behind = other_background(self._corpus, self.names, random)
            matte = stored["matte"][frame].float() / 255
            image, plate = image + (1 - matte) * (behind - plate), behind
        if is_faceless:
            make = self._faceless[int(random.integers(len(self._faceless)))]
            image = make(image, points, plate, random)
        elif random.random() < config.moved:
            image, points = _elsewhere(image, points, random)
        if not self._in_order and random.random() < 0.5:
            image, points = _mirrored(image, points)
        if random.random() < config.disturbed:
            image = disturbed(image, random)
        return image.clamp(0, 1), points, float(not is_faceless)


def _elsewhere(image: Tensor, points: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Any place at which every landmark is in the picture."""
    size = image.shape[-1]
    extent = points.amax(dim=0) - points.amin(dim=0)
    tilt = float(np.clip(random.normal(0, _TILT), -3 * _TILT, 3 * _TILT))
    width = float(extent.max()) * (abs(np.cos(tilt)) + abs(np.sin(tilt)))
    most = min(_SCALES[1], (size - 2 * _LEAST_INSIDE) / width)
    scale = float(np.exp(random.uniform(np.log(min(_SCALES[0], most)), np.log(most))))
    least = scale * width / 2 + _LEAST_INSIDE
    to = torch.tensor(random.uniform(least, size - least, 2), dtype=torch.float32)
    return moved(image, points, scale, tilt, to)


def _mirrored(image: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    other = points[list(MIRRORED)]
    return image.flip(-1), torch.stack([image.shape[-1] - other[:, 0], other[:, 1]], dim=-1)
