"""Frames to numbered PNG files as they are made, the sound beside them as WAV; nothing is lost.

Each picture is whole as soon as it has its name. Knows nothing about who makes frames.
"""

import wave
from contextlib import suppress
from fractions import Fraction
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.video.destination import Destination
from imagineid_core.video.frame_writer import FrameWriter
from imagineid_core.video.picture import save_pixels
from imagineid_core.video.soundtrack import Soundtrack

SOUND = "sound.wav"
_NUMBERED = "[0-9]" * 6 + ".png"
_BLOCK = 4096  # samples


class PictureWriter(FrameWriter):
    """A folder of 000000.png, 000001.png ... of any size, and `sound.wav` exactly as long.

    `sound` as for `VideoWriter`; it is written as 16 bit. Overwriting leaves no picture of a longer
    clip behind.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        fps: Fraction,
        sound: Float[Tensor, "channels samples"] | None = None,
        sample_rate: int = 0,
        overwrite: bool = False,
        after: int = 0,
    ) -> None:
        super().__init__(Path(path), fps, after)
        if self.path.exists() and not self.path.is_dir():
            raise InputError(
                f"{self.path} is a file, so no pictures can lie in it. Give another folder."
            )
        if not overwrite and not after and (there := next(self.path.glob(_NUMBERED), None)):
            raise InputError(
                f"{self.path} holds {there.name} already. Choose another folder, or overwrite it."
            )
        self._track, self._wave = None, None
        if sound is not None:
            self._track = Soundtrack(sound, sample_rate, fps=self.fps, rate=sample_rate)
            self._destination = Destination(self.path / SOUND, overwrite=overwrite or after > 0)

    def _begin(self, width: int, height: int) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        if self._track is not None:
            self._wave = wave.open(str(self._destination.begin()), "wb")  # noqa: SIM115
            self._wave.setparams((self._track.num_channels, 2, self._track.rate, 0, "NONE", ""))

    def _put(self, pixels: UInt8[np.ndarray, "height width rgb=3"]) -> None:
        save_pixels(pixels, self.path / f"{self.num_frames:06d}.png")
        self._write_sound(self.num_frames + 1)

    def _finish(self) -> None:
        self._write_sound(self.num_frames, last=True)
        if self._wave is not None:
            self._wave.close()
            self._destination.keep()
        for picture in self.path.glob(_NUMBERED):
            if int(picture.stem) >= self.num_frames:
                picture.unlink()

    def _abandon(self) -> str:
        if self._wave is not None:
            with suppress(OSError):
                self._wave.close()
            self._wave = None
        if self._track is not None:
            self._destination.discard()
        return f"The {self.num_frames} pictures before it are whole."

    def _write_sound(self, num_frames: int, *, last: bool = False) -> None:
        if self._track is None or self._wave is None:
            return
        for samples in self._track.blocks(num_frames, _BLOCK, last=last):
            # writeframesraw leaves the length to close: the header is mended once.
            self._wave.writeframesraw((samples.T * 32767).round().astype("<i2").tobytes())
