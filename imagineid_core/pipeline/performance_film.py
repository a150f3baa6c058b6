"""A performance as the mesh shows it, frame by frame or as a video with sound (Eq. 9, I_rd).

Frames leave as they are made: memory does not grow with length. Knows nothing about who made the
performance.
"""

from collections.abc import Callable, Iterator
from os import PathLike

from imagineid_core.face.mesh import mesh_from
from imagineid_core.pipeline.perform import coefficients_from
from imagineid_core.render.camera import d3dfr_camera
from imagineid_core.render.mesh_frame import MeshFrame, render_mesh_frame
from imagineid_core.values import SAMPLE_RATE, FaceBasis, Performance, Speech
from imagineid_core.video.open_writer import open_writer

Progress = Callable[[int, int], None]  # frames done, frames in all
_FRAMES_AT_ONCE = 1  # at 256 pixels 0.09 s a frame on one core; 16 together leave its cache: 0.24 s


def film_performance(
    performance: Performance,
    speech: Speech | None,
    basis: FaceBasis,
    path: str | PathLike[str],
    *,
    size: int = 256,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> None:
    """Write a film of the mesh, with the speech as its sound. Cut short, it plays to where it got.

    `path` as for `open_writer`; `size` is in pixels a side, even for MP4.
    """
    with open_writer(
        path,
        fps=performance.motion.fps,
        sound=None if speech is None else speech.waveform[None],
        sample_rate=SAMPLE_RATE,
        overwrite=overwrite,
    ) as writer:
        for _, frames in mesh_frames(performance, basis, size=size, on_progress=on_progress):
            for frame in frames.colour:
                writer.write(frame)


def mesh_frames(
    performance: Performance,
    basis: FaceBasis,
    *,
    size: int,
    on_progress: Progress | None = None,
) -> Iterator[tuple[int, MeshFrame]]:
    """The number of the first frame of each batch, and the batch."""
    camera = d3dfr_camera(size)
    total = len(performance.expression)
    for first in range(0, total, _FRAMES_AT_ONCE):
        span = slice(first, min(first + _FRAMES_AT_ONCE, total))
        mesh = mesh_from(coefficients_from(performance, basis, span), basis)
        yield first, render_mesh_frame(mesh, camera, antialias=True)
        if on_progress is not None:
            on_progress(span.stop, total)
