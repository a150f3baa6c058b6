"""Frames to an MP4 as they are made, with the sound trimmed to the picture; memory does not grow.

An interrupted run leaves a playable file of what it made. Knows nothing about who makes frames.
"""

from fractions import Fraction
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from imagineid_core.errors import InputError

CRF = 18  # H.264 quality: visually near lossless
_AAC_BITS = 192_000  # per second
_AAC_BLOCK = 1024  # samples


class VideoWriter:
    """`with VideoWriter(path, fps=25) as w: w.write(frame)`; the first frame sets the size.

    `sound`: [channels, samples] in [-1, 1] at `sample_rate`, one or two channels. What is longer
    than the video is left out, what is shorter ends in silence.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        fps: Fraction,
        sound: Float[Tensor, "channels samples"] | None = None,
        sample_rate: int = 0,
        overwrite: bool = False,
    ) -> None:
        self.path, self.fps, self.num_frames = Path(path), Fraction(fps), 0
        self._sound, self._sample_rate = sound, sample_rate
        self._sounded = 0  # samples encoded so far
        self._container: Any = None
        if self.path.suffix.lower() != ".mp4":
            raise InputError(f"{self.path.name} does not end in .mp4. Give the video that ending.")
        if self.path.exists() and not overwrite:
            raise InputError(f"{self.path} exists already. Choose another name, or overwrite it.")
        if sound is not None and (sample_rate <= 0 or not 1 <= sound.shape[0] <= 2):
            raise InputError(
                f"sound has {sound.shape[0]} channels at {sample_rate} Hz. "
                "Give one or two channels and their rate."
            )

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, frame: Float[Tensor, "rgb=3 height width"]) -> None:
        """Encode one frame in [-1, 1]; values beyond are clipped, NaN is an error."""
        if not bool(torch.isfinite(frame).all()):
            raise InputError(
                f"frame {self.num_frames} has values that are NaN or infinite. "
                f"The {self.num_frames} frames before it are in {self.path.name}."
            )
        pixels = ((frame.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        self.write_pixels(pixels.permute(1, 2, 0).cpu().numpy())

    def write_pixels(self, pixels: UInt8[np.ndarray, "height width rgb=3"]) -> None:
        import av

        container = self._container or self._open(pixels.shape[1], pixels.shape[0])
        if pixels.shape[:2] != (self._video.height, self._video.width):
            raise InputError(
                f"frame {self.num_frames} is {pixels.shape[1]} x {pixels.shape[0]} but the video "
                f"is {self._video.width} x {self._video.height}. Keep one size."
            )
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        picture.pts = self.num_frames
        container.mux(self._video.encode(picture))
        self.num_frames += 1
        self._encode_sound(until=round(self.num_frames / self.fps * self._sample_rate))

    def close(self) -> None:
        """Finish the file. Without a single frame there is no file."""
        if self._container is None:
            return
        self._encode_sound(until=round(self.num_frames / self.fps * self._sample_rate), last=True)
        self._container.mux(self._video.encode(None))
        self._container.close()
        self._container = None

    def _open(self, width: int, height: int) -> Any:
        import av

        if width % 2 or height % 2:
            raise InputError(
                f"frames are {width} x {height} but H.264 needs even sizes. "
                f"Use {width + width % 2} x {height + height % 2}."
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(
            str(self.path.absolute()), "w", options={"movflags": "+faststart"}
        )
        self._video = self._container.add_stream("libx264", rate=self.fps)
        self._video.width, self._video.height = width, height
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = 1 / self.fps
        self._video.options = {"crf": str(CRF)}
        if self._sound is not None:
            layout = "mono" if self._sound.shape[0] == 1 else "stereo"
            self._audio = self._container.add_stream("aac", rate=self._sample_rate, layout=layout)
            self._audio.bit_rate = _AAC_BITS
        return self._container

    def _encode_sound(self, *, until: int, last: bool = False) -> None:
        """Whole AAC blocks up to sample `until`; what is left over only at the end."""
        import av

        if self._sound is None:
            return
        while self._sounded < until and (last or until - self._sounded >= _AAC_BLOCK):
            stop = min(self._sounded + _AAC_BLOCK, until)
            part = self._sound[:, self._sounded : stop].detach().float().cpu()
            part = torch.nn.functional.pad(part, (0, stop - self._sounded - part.shape[1]))
            block = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(part.clamp(-1, 1).numpy()),
                format="fltp",
                layout=self._audio.layout.name,
            )
            block.sample_rate, block.pts = self._sample_rate, self._sounded
            block.time_base = Fraction(1, self._sample_rate)
            self._container.mux(self._audio.encode(block))
            self._sounded = stop
        if last:
            self._container.mux(self._audio.encode(None))
