"""Sound handed out in step with the picture and exactly as long, at the rate a codec takes.

Knows nothing about files or codecs.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import soxr
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError


class Soundtrack:
    """`sound` is cut where the picture ends, or goes on in silence; at `rate` samples a second."""

    def __init__(
        self,
        sound: Float[Tensor, "channels samples"],
        sample_rate: int,
        *,
        fps: Fraction,
        rate: int,
    ) -> None:
        check_sound(sound, sample_rate)
        self.rate, self.num_channels = rate, sound.shape[0]
        self._sound, self._sample_rate, self._fps = sound, sample_rate, fps
        self._heard = 0  # samples taken from `sound`, and from the silence after it
        self._made = 0  # samples at `rate`
        self._rest = np.zeros((self.num_channels, 0), np.float32)  # made but not handed out
        self._resampler = None
        if rate != sample_rate:
            self._resampler = soxr.ResampleStream(
                sample_rate, rate, self.num_channels, dtype="float32"
            )

    def blocks(
        self, num_frames: int, size: int, *, last: bool = False
    ) -> Iterator[Float[np.ndarray, "channels samples"]]:
        """Whole blocks of `size` samples before the end of frame `num_frames`; at last, the rest.

        All blocks together are as long as the frames, to the sample.
        """
        part = self._next(self._ends(num_frames, self._sample_rate))
        if self._resampler is not None:
            part = self._resampler.resample_chunk(np.ascontiguousarray(part.T), last=last).T
        self._rest = np.concatenate([self._rest, part], axis=1)
        self._made += part.shape[1]
        if last:
            missing = self._ends(num_frames, self.rate) - self._made
            kept = self._rest[:, : max(0, self._rest.shape[1] + min(missing, 0))]
            self._rest = np.pad(kept, ((0, 0), (0, max(missing, 0))))
        while self._rest.shape[1] >= size or (last and self._rest.shape[1]):
            block, self._rest = self._rest[:, :size], self._rest[:, size:]
            yield np.ascontiguousarray(block)

    def _next(self, until: int) -> Float[np.ndarray, "channels samples"]:
        part = self._sound[:, self._heard : until].detach().float().cpu().clamp(-1, 1)
        silence = max(0, until - self._heard) - part.shape[1]
        self._heard = max(self._heard, until)
        return torch.nn.functional.pad(part, (0, silence)).numpy()

    def _ends(self, num_frames: int, rate: int) -> int:
        return round(num_frames / self._fps * rate)


def check_sound(sound: Float[Tensor, "channels samples"], sample_rate: int) -> None:
    if sample_rate <= 0 or not 1 <= sound.shape[0] <= 2:
        raise InputError(
            f"sound has {sound.shape[0]} channels at {sample_rate} Hz. "
            "Give one or two channels and their rate."
        )
    if not bool(torch.isfinite(sound).all()):
        raise InputError(
            "sound has samples that are NaN or infinite. Decode it again, or leave the sound out."
        )
