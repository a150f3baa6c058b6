"""Frames to MP4 or WebM as they are made, the sound trimmed to the picture; memory does not grow.

An interrupted run leaves a playable file of what it made. Knows nothing about who makes frames.
"""

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.video.destination import Destination
from imagineid_core.video.frame_writer import FrameWriter
from imagineid_core.video.soundtrack import Soundtrack, check_sound

_BLOCK = 1024  # samples, for a codec that takes any number
_REORDERED = 2  # frames that a frame of libx264 waits for, at most


@dataclass(frozen=True, kw_only=True)
class _Format:
    container_options: dict[str, str]
    clock_option: str | None  # its ticks a second; MP4 else ends sound at whole milliseconds
    video_codec: str
    video_options: dict[str, str]
    needs_even_sizes: bool
    stream_filter: str | None  # packets of a file as its encoder made them, for another file
    sound_codec: str
    sound_bits: int  # per second
    sound_rates: tuple[int, ...]  # other rates become the first


_FORMATS = {
    ".mp4": _Format(
        container_options={"movflags": "+faststart"},
        clock_option="movie_timescale",
        video_codec="libx264",
        video_options={"crf": "18"},  # visually near lossless
        needs_even_sizes=True,
        stream_filter="h264_mp4toannexb",
        sound_codec="aac",
        sound_bits=192_000,
        sound_rates=(48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000),
    ),
    ".webm": _Format(
        container_options={},
        clock_option=None,
        video_codec="libvpx-vp9",
        # b:v 0 makes crf a quality; cpu-used 4 takes a third of the default's time.
        video_options={"crf": "20", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
        needs_even_sizes=False,
        stream_filter=None,
        sound_codec="libopus",
        sound_bits=128_000,
        sound_rates=(48_000, 24_000, 16_000, 12_000, 8_000),
    ),
}
ENDINGS = tuple(_FORMATS)


class VideoWriter(FrameWriter):
    """`with VideoWriter(path, fps=25) as w: w.write(frame)`; the first frame sets the size.

    `sound`: [channels, samples] in [-1, 1] at `sample_rate`, one or two channels. What is longer
    than the video is left out, what is shorter ends in silence. MP4 (H.264, AAC) holds even sizes
    only; WebM (VP9, Opus) any. Frames that are there already are copied as they were encoded.
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
        ending = self.path.suffix.lower()
        if ending not in _FORMATS:
            raise InputError(
                f"{self.path.name} does not end in {' or '.join(_FORMATS)}. "
                "Give the video one of these endings."
            )
        self._format = _FORMATS[ending]
        self._destination = Destination(self.path, overwrite=overwrite or after > 0)
        if sound is not None:
            check_sound(sound, sample_rate)
        self._sound, self._sample_rate = sound, sample_rate
        self._container: Any = None
        self._track: Soundtrack | None = None
        self._sounded = 0  # samples encoded so far

    def _check_size(self, width: int, height: int) -> None:
        if self._format.needs_even_sizes and (width % 2 or height % 2):
            raise InputError(
                f"frames are {width} x {height} but H.264 needs even sizes. "
                f"Use {width + width % 2} x {height + height % 2}, or a .webm or a folder of "
                "pictures, which hold any size."
            )

    def _begin(self, width: int, height: int) -> None:
        import av

        chosen = self._format
        options = dict(chosen.container_options)
        if self._sound is not None:
            rates = chosen.sound_rates
            rate = self._sample_rate if self._sample_rate in rates else rates[0]
            self._track = Soundtrack(self._sound, self._sample_rate, fps=self.fps, rate=rate)
            if chosen.clock_option:
                options[chosen.clock_option] = str(rate)
        self._container = av.open(str(self._destination.begin()), "w", options=options)
        self._video = self._container.add_stream(chosen.video_codec, rate=self.fps)
        self._video.width, self._video.height = width, height
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = 1 / self.fps
        self._video.options = chosen.video_options
        if self._track is not None:
            self._add_sound(self._track)
        if self.after:
            self._copy_before()

    def _add_sound(self, track: Soundtrack) -> None:
        layout = "mono" if track.num_channels == 1 else "stereo"
        self._audio = self._container.add_stream(
            self._format.sound_codec, rate=track.rate, layout=layout
        )
        self._audio.bit_rate = self._format.sound_bits

    def _copy_before(self) -> None:
        """What was encoded is not encoded again; its sound is, in step, so that little waits.

        H.264 packets bring their parameters along: those of the file are the new encoder's.
        """
        import av
        from av.bitstream import BitStreamFilterContext

        with av.open(str(self.path)) as before:
            kept = before.streams.video[0]
            name, number = self._format.stream_filter, 0
            copied = None if name is None else BitStreamFilterContext(name, kept)
            for packet in before.demux(kept):
                if not packet.size:  # the end
                    continue
                for one in [packet] if copied is None else copied.filter(packet):
                    one.time_base = kept.time_base  # which the filter forgets
                    if copied is not None:
                        # A film of one frame is not reordered, so its times leave no room.
                        one.dts = round((number - _REORDERED) / self.fps / one.time_base)
                    one.stream = self._video
                    self._container.mux(one)
                    number += 1
                    self._encode_sound(number)

    def _put(self, pixels: UInt8[np.ndarray, "height width rgb=3"]) -> None:
        import av

        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        picture.pts = self.num_frames
        self._container.mux(self._video.encode(picture))
        self._encode_sound(self.num_frames + 1)

    def _finish(self) -> None:
        self._encode_sound(self.num_frames, last=True)
        self._container.mux(self._video.encode(None))
        self._container.close()
        self._destination.keep()

    def _abandon(self) -> str:
        if self._container is not None:
            with suppress(OSError):
                self._container.close()
        self._destination.discard()
        return "The unfinished file is removed."

    def _encode_sound(self, num_frames: int, *, last: bool = False) -> None:
        import av

        if self._track is None:
            return
        size = self._audio.codec_context.frame_size or _BLOCK
        for samples in self._track.blocks(num_frames, size, last=last):
            block = av.AudioFrame.from_ndarray(
                samples, format="fltp", layout=self._audio.layout.name
            )
            block.sample_rate, block.pts = self._track.rate, self._sounded
            block.time_base = Fraction(1, self._track.rate)
            self._container.mux(self._audio.encode(block))
            self._sounded += samples.shape[1]
        if last:
            self._container.mux(self._audio.encode(None))
