"""What every writer of frames does: one size, finite values, what was made is kept.

An interrupted run leaves what it made; a full disk leaves nothing half written. Knows nothing about
formats.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.video.reader import count_frames, frame_size


class FrameWriter(ABC):
    """`with open_writer(path, fps=25) as w: w.write(frame)`; the first frame sets the size.

    `after` frames are there already and stay as they are; what is written comes behind them.
    """

    def __init__(self, path: Path, fps: Fraction, after: int = 0) -> None:
        self.path, self.fps, self.after = path, Fraction(fps), after
        self.num_frames = after  # so far
        self._size: tuple[int, int] | None = None  # width, height
        self._is_closed = False
        if self.fps <= 0:
            raise InputError(
                f"fps is {fps}, but time must pass between frames. Use for example 25."
            )
        if after and (there := count_frames(path)) != after:
            raise InputError(
                f"{path} holds {there} frames, but it should go on behind {after}. Give the file "
                "that was left unfinished, or make it anew."
            )

    def __enter__(self) -> "FrameWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, frame: Float[Tensor, "rgb=3 height width"]) -> None:
        """Keep one frame in [-1, 1]; values beyond are clipped, NaN is an error."""
        if not bool(torch.isfinite(frame).all()):
            raise InputError(
                f"frame {self.num_frames} has values that are NaN or infinite. "
                f"The {self.num_frames} frames before it are in {self.path.name}."
            )
        pixels = ((frame.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        self.write_pixels(pixels.permute(1, 2, 0).cpu().numpy())

    def write_pixels(self, pixels: UInt8[np.ndarray, "height width rgb=3"]) -> None:
        if self._is_closed:
            raise InputError(f"{self.path.name} is closed. Write its frames before closing it.")
        size = (pixels.shape[1], pixels.shape[0])
        kept = frame_size(self.path) if self._size is None and self.after else self._size
        if kept is not None and size != kept:
            raise InputError(
                f"frame {self.num_frames} is {size[0]} x {size[1]} but the video is "
                f"{kept[0]} x {kept[1]}. Keep one size."
            )
        if self._size is None:
            self._check_size(*size)
        with self._nothing_half_written():
            if self._size is None:
                self._begin(*size)
                self._size = size
            self._put(np.ascontiguousarray(pixels))
        self.num_frames += 1

    def close(self) -> None:
        """Finish the file. Without a single frame there is no file."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._size is not None:
            with self._nothing_half_written():
                self._finish()

    @contextmanager
    def _nothing_half_written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._is_closed = True
            left = self._abandon()
            raise InputError(
                f"frame {self.num_frames} cannot be written to {self.path} "
                f"({error.strerror or error}). {left} Free some space, or choose another folder."
            ) from error
        except BaseException:
            # An interrupt between frames never comes here; one within a frame keeps those before.
            if self._size is None or self._is_closed:
                self._is_closed = True
                self._abandon()
            raise

    def _check_size(self, width: int, height: int) -> None:  # noqa: B027  (any size, unless said)
        """Refuse a size the format cannot hold."""

    @abstractmethod
    def _begin(self, width: int, height: int) -> None: ...

    @abstractmethod
    def _put(self, pixels: UInt8[np.ndarray, "height width rgb=3"]) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _abandon(self) -> str:
        """Leave nothing half written after a failure; say what is left."""
