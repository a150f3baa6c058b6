"""The writer that a name asks for: .mp4, .webm, or a folder of pictures.

Knows nothing about how any of them writes.
"""

from fractions import Fraction
from os import PathLike
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.video.frame_writer import FrameWriter
from imagineid_core.video.picture_writer import PictureWriter
from imagineid_core.video.writer import ENDINGS, VideoWriter


def open_writer(
    path: str | PathLike[str],
    *,
    fps: Fraction,
    sound: Float[Tensor, "channels samples"] | None = None,
    sample_rate: int = 0,
    overwrite: bool = False,
    after: int = 0,
) -> FrameWriter:
    """MP4 or WebM by the ending; a name without one, or a folder that exists, holds pictures.

    With `after` the file goes on behind the frames it holds; `sound` is then that of all frames.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if path.is_dir() or not ending:
        kind = PictureWriter
    elif ending in ENDINGS:
        kind = VideoWriter
    else:
        raise InputError(
            f"{path.name} ends in {ending}, which is not written here. Use {' or '.join(ENDINGS)}, "
            "or a name without an ending for a folder of numbered pictures."
        )
    return kind(
        path, fps=fps, sound=sound, sample_rate=sample_rate, overwrite=overwrite, after=after
    )
