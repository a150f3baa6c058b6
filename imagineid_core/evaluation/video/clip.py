"""A video as metrics read it: size, rate and length first, then frames in blocks, and its sound.

Nothing is resized, cut or retimed unless asked. Knows nothing about metrics.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from os import PathLike
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from imagineid_core.audio.decode import probe_sound
from imagineid_core.audio.waveform import load_speech
from imagineid_core.errors import InputError
from imagineid_core.values import PAPER_FPS, SAMPLE_RATE, Speech
from imagineid_core.video.reader import count_frames, frame_size, read_frames

AT_ONCE = 16  # frames
SOUND = "sound.wav"  # in a folder of numbered pictures
_SAME_RATE = 1e-3  # frames a second

Frames = Float[Tensor, "batch 3 height width"]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """`numbers`: of the file's frames, which one each frame of the clip is; they never fall."""

    path: Path
    width: int
    height: int
    fps: Fraction
    numbers: tuple[int, ...]
    has_sound: bool

    @property
    def num_frames(self) -> int:
        return len(self.numbers)

    def blocks(self, *, before: int = 0) -> Iterator[tuple[int, Frames]]:
        """The number of a block's first new frame, and the block; it begins `before` frames
        earlier where there are any."""
        kept: list[Tensor] = []
        first = 0
        for frame in self._frames():
            if frame.shape[1:] != (self.height, self.width):
                frame = interpolate(frame[None], size=(self.height, self.width), mode="area")[0]
            kept.append(frame)
            if len(kept) - min(before, first) == AT_ONCE:
                yield first, torch.stack(kept)
                first, kept = first + AT_ONCE, kept[-before:] if before else []
        if len(kept) > min(before, first):
            yield first, torch.stack(kept)

    def frame(self, number: int) -> Float[Tensor, "3 height width"]:
        return next(iter(replace(self, numbers=self.numbers[number : number + 1])._frames()))

    def speech(self) -> Speech:
        """Its sound, as long as the frames that are measured."""
        file = self.path / SOUND if self.path.is_dir() else self.path
        heard = load_speech(file)
        wanted = round(self.num_frames / self.fps * SAMPLE_RATE)
        return replace(heard, waveform=heard.waveform[:wanted])

    def _frames(self) -> Iterator[Tensor]:
        distinct = sorted(set(self.numbers))
        read = iter(read_frames(self.path, distinct))
        at, frame = -1, None
        for number in self.numbers:
            if number != at:
                at, frame = number, next(read)
            assert frame is not None
            yield frame


def open_clip(path: str | PathLike[str]) -> Clip:
    """A video file, or a folder of numbered pictures (at 25 fps) with `sound.wav`."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"video {path} is not there. Check the path.")
    count = count_frames(path)
    if count == 0:
        raise InputError(
            f"{path} holds no frames. Give a video, or a folder of pictures 000000.png and on."
        )
    width, height = frame_size(path)
    return Clip(
        path=path,
        width=width,
        height=height,
        fps=PAPER_FPS if path.is_dir() else _rate(path),
        numbers=tuple(range(count)),
        has_sound=(path / SOUND).is_file() if path.is_dir() else _has_sound(path),
    )


def at_rate(clip: Clip, fps: Fraction) -> Clip:
    """The same seconds at another rate: each frame is the one shown at its middle."""
    if abs(clip.fps - fps) < _SAME_RATE:
        return clip
    count = max(1, round(clip.num_frames / clip.fps * fps))
    shown = (int((number + Fraction(1, 2)) / fps * clip.fps) for number in range(count))
    last = clip.num_frames - 1
    return replace(clip, fps=fps, numbers=tuple(clip.numbers[min(one, last)] for one in shown))


def beginning(clip: Clip, seconds: float) -> Clip:
    """Its first seconds, or all of it if it is shorter."""
    return replace(clip, numbers=clip.numbers[: max(1, round(seconds * clip.fps))])


def matched(clip: Clip, reference: Clip, *, trim: bool, resize: bool) -> tuple[Clip, Clip]:
    """Two clips that can be compared frame by frame; differences that were not allowed are errors.

    `trim` leaves out the end of the longer; `resize` brings the reference to the clip's size.
    """
    if abs(clip.fps - reference.fps) > _SAME_RATE:
        raise InputError(
            f"{clip.path.name} has {float(clip.fps):g} frames a second but {reference.path.name} "
            f"has {float(reference.fps):g}. Add --fps 25 to read both at one rate."
        )
    if (clip.width, clip.height) != (reference.width, reference.height):
        if not resize:
            raise InputError(
                f"{clip.path.name} is {clip.width} x {clip.height} but {reference.path.name} is "
                f"{reference.width} x {reference.height}. Add --resize to bring the reference to "
                "the video's size, if both show the same crop."
            )
        reference = replace(reference, width=clip.width, height=clip.height)
    if clip.num_frames != reference.num_frames:
        if not trim:
            raise InputError(
                f"{clip.path.name} has {clip.num_frames} frames but {reference.path.name} has "
                f"{reference.num_frames}. Add --trim to compare the beginning they share."
            )
        shared = min(clip.num_frames, reference.num_frames)
        clip = replace(clip, numbers=clip.numbers[:shared])
        reference = replace(reference, numbers=reference.numbers[:shared])
    return clip, reference


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder in order of their names."""
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.name.encode() if path.is_dir() else b"")
            with file.open("rb") as opened:
                while part := opened.read(1 << 20):
                    digest.update(part)
    return digest.hexdigest()


def _rate(path: Path) -> Fraction:
    import av

    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
    if not rate:
        raise InputError(
            f"{path.name} does not say how many frames a second it has. Write it again with a "
            "constant rate."
        )
    return Fraction(rate)


def _has_sound(path: Path) -> bool:
    try:
        probe_sound(path)
    except InputError:
        return False
    return True
