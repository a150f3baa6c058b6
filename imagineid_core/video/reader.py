"""Frames back from what the writers wrote: how many there are, and some of them.

Knows nothing about what they show.
"""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.video.picture import load_picture


def count_frames(path: str | PathLike[str]) -> int:
    """Of a video without decoding it, of a folder its numbered pictures; 0 where nothing is."""
    import av
    from av.error import FFmpegError

    path = Path(path)
    if path.is_dir():
        count = 0
        while _picture(path, count).is_file():
            count += 1
        return count
    if not path.is_file():
        return 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            return sum(packet.size > 0 for packet in container.demux(stream))
    except (FFmpegError, IndexError) as error:
        raise _unreadable(path, error) from error


def frame_size(path: str | PathLike[str]) -> tuple[int, int]:
    """Width and height of a file's frames."""
    frame = next(iter(read_frames(path, [0])))
    return frame.shape[2], frame.shape[1]


def read_frames(
    path: str | PathLike[str], numbers: Sequence[int]
) -> Iterator[Float[Tensor, "3 height width"]]:
    """The frames of these numbers, which must rise; memory does not grow with their count."""
    import av
    from av.error import FFmpegError

    path = Path(path)
    assert all(first < second for first, second in zip(numbers, numbers[1:], strict=False))
    if path.is_dir():
        for number in numbers:
            yield load_picture(_picture(path, number))
        return
    wanted, found = set(numbers), 0
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    found += 1
                    pixels = torch.from_numpy(frame.to_ndarray(format="rgb24"))
                    yield pixels.permute(2, 0, 1).float() / 127.5 - 1
                if found == len(wanted):
                    return
    except (FFmpegError, IndexError) as error:
        raise _unreadable(path, error) from error
    raise InputError(
        f"{path} ends before frame {max(wanted)} (the first is 0). It may be cut off: make it "
        "again."
    )


def _picture(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.png"


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} is not readable as a video ({error}). It may be cut off, or no video: make it "
        "again."
    )
