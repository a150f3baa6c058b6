"""Batches of drawn mouths and the sounds they say, for the lip reader.

Drawing costs four times what reading does, so a pool of windows is drawn once, each with a face,
skin, light and pose of its own, and read many times. Knows nothing about audio.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from imagineid_core.training.batches import (
    BatchConfig,
    check_divisible,
    padded,
    sounds_between,
    usable,
)
from imagineid_core.training.mouth_picture import MouthCamera, random_look
from imagineid_core.training.processes import Share
from imagineid_core.training.recordings import Recording
from imagineid_core.values import FaceBasis

_SHAPE = 0.7  # standard deviation of the faces
_HABIT = 0.2  # of how each face holds itself: a reader of perfect lips alone is easily fooled


@dataclass(frozen=True, kw_only=True)
class MouthBatch:
    mouths: UInt8[Tensor, "batch frames height=88 width=88"]  # grey, 0 ... 255
    symbols: Int[Tensor, "batch symbols"]  # padded with -1
    num_symbols: Int[Tensor, " batch"]

    def to(self, device: torch.device) -> "MouthBatch":
        return MouthBatch(
            mouths=self.mouths.to(device),
            symbols=self.symbols.to(device),
            num_symbols=self.num_symbols.to(device),
        )


class MouthBatches:
    """Window `i` of the pool is the same in every run and process, whenever it is drawn."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        config: BatchConfig,
        *,
        basis: FaceBasis,
        symbols: tuple[str, ...],
        pool: int,
        seed: int,
    ) -> None:
        self.config = config
        # Lips alone where the corpus knows them: then no mood stands between mouth and sound.
        has_lips = any(one.lip_expression is not None for one in recordings)
        self._truth = "lip_expression" if has_lips else "expression"
        self._recordings = usable(recordings, config.frames, ("phonemes", self._truth))
        self._camera = MouthCamera(basis)
        self._number_of = {symbol: number for number, symbol in enumerate(symbols)}
        self._pool, self._seed = pool, seed
        self._drawn: dict[int, tuple[Tensor, list[int]]] = {}

    def __call__(self, index: int, share: Share) -> MouthBatch:
        size = self.config.batch_size
        check_divisible(size, share)
        chosen = np.random.default_rng([self._seed, index]).integers(self._pool, size=size)
        windows = [self._window(int(number)) for number in chosen[share.rows(size)]]
        symbols, num_symbols = padded([said for _, said in windows])
        mouths = torch.stack([mouths for mouths, _ in windows])
        return MouthBatch(mouths=mouths, symbols=symbols, num_symbols=num_symbols)

    def _window(self, number: int) -> tuple[Tensor, list[int]]:
        if number not in self._drawn:
            self._drawn[number] = self._draw(number)
        return self._drawn[number]

    @torch.no_grad()
    def _draw(self, number: int) -> tuple[Tensor, list[int]]:
        random = np.random.default_rng([self._seed, self._pool, number])
        recording = self._recordings[random.integers(len(self._recordings))]
        frames = self.config.frames
        start = int(random.integers(recording.num_frames - frames + 1))
        lips = getattr(recording, self._truth)[start : start + frames].float()
        basis = self._camera.basis
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(random.integers(2**31)))
            shape = torch.randn(1, basis.shape_basis.shape[-1]) * _SHAPE
            look = random_look(basis, 1, lips.device)
            lips = lips + torch.randn(lips.shape[1]) * _HABIT
        mouths = self._camera(shape, lips[None], look)[0]
        said = sounds_between(recording, start, start + frames, self._number_of)
        return (mouths * 255).round().to(torch.uint8), said
