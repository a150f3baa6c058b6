"""Batches of portraits and mesh frames of a people corpus, for the autoencoder.

Batch `i` is the same in every run and process. Knows nothing about networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.face_regions import region_weights
from imagineid_core.training.processes import Share


@dataclass(frozen=True, kw_only=True)
class PictureBatchConfig:
    batch_size: int = 8
    mesh_share: float = 0.2  # of pictures that are mesh frames: the host encodes these too
    flips: bool = True
    region_weight: float = 2.0  # of eyes and mouth


@dataclass(frozen=True, kw_only=True)
class PictureBatch:
    images: Float[Tensor, "batch 3 height width"]
    weights: Float[Tensor, "batch 1 height width"]
    mouth_box: Int[Tensor, "batch box=4"]

    def to(self, device: torch.device) -> "PictureBatch":
        return PictureBatch(
            images=self.images.to(device),
            weights=self.weights.to(device),
            mouth_box=self.mouth_box.to(device),
        )


class PictureBatches:
    """Random people for training; with `in_order`, one portrait of each person in turn."""

    def __init__(
        self,
        corpus: PeopleCorpus,
        names: Sequence[str],
        config: PictureBatchConfig,
        *,
        seed: int = 0,
        in_order: bool = False,
    ) -> None:
        self.config = config
        self._corpus, self._names = corpus, names
        self._seed, self._in_order = seed, in_order

    def __call__(self, index: int, share: Share) -> PictureBatch:
        size = self.config.batch_size
        check_divisible(size, share)
        draw = np.random.default_rng([self._seed, index])
        people = draw.integers(len(self._names), size=size)
        kinds, flips, frames = draw.random(size), draw.random(size), draw.random(size)
        if self._in_order:
            people = (index * size + np.arange(size)) % len(self._names)
            kinds, flips = np.ones(size), np.ones(size)
        rows = [
            self._row(
                self._names[int(people[row])],
                int(frames[row] * self._corpus.num_frames),
                "mesh_frame" if kinds[row] < self.config.mesh_share else "portrait",
                self.config.flips and bool(flips[row] < 0.5),
            )
            for row in range(size)[share.rows(size)]
        ]
        images, weights, boxes = zip(*rows, strict=True)
        return PictureBatch(
            images=torch.stack(images),
            weights=torch.stack(weights),
            mouth_box=torch.stack(boxes),
        )

    def _row(self, name: str, frame: int, kind: str, flip: bool) -> tuple[Tensor, Tensor, Tensor]:
        stored = self._corpus.tensors(name, (kind, "landmarks", "mouth_box"))
        image = to_image(stored[kind][frame])
        landmarks = stored["landmarks"][frame : frame + 1].float()
        size = image.shape[-1]
        weights = region_weights(landmarks, size, weight=self.config.region_weight)[0]
        box = stored["mouth_box"][frame].long()
        if flip:
            left, top, right, bottom = box.tolist()
            box = torch.tensor([size - right, top, size - left, bottom])
            image, weights = image.flip(-1), weights.flip(-1)
        return image, weights, box
