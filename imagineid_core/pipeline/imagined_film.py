"""A performance as the person imagined from it, to a film with sound as frames are made (Alg. 1).

Memory does not grow with length. Knows nothing about which host makes the frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import overload

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.pose import PORTRAIT_PLACE
from imagineid_core.imagine.autoregressive import OnStep, imagine
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.host import Host, Image, MeshPicture
from imagineid_core.imagine.resume import ImaginedFrame
from imagineid_core.pipeline.perform import coefficients_from
from imagineid_core.render.camera import d3dfr_camera
from imagineid_core.render.mesh_frame import MeshFrame, render_mesh_frame
from imagineid_core.values import SAMPLE_RATE, FaceBasis, Performance, Speech
from imagineid_core.video.open_writer import open_writer

Show = Callable[[Float[Tensor, "3 height width"]], Float[Tensor, "3 tall wide"]]
CONTROLS = ("colour", "untextured", "normals", "depth")
_DEPTH_RANGE = (9.0 - PORTRAIT_PLACE[2], 11.5 - PORTRAIT_PLACE[2])  # dm from the camera


class MeshPictures(Sequence[MeshPicture]):
    """The meshes of a performance in a portrait's frame, rendered when asked for; none is kept."""

    def __init__(
        self, performance: Performance, basis: FaceBasis, *, size: int, control: str | None = None
    ) -> None:
        if control is not None and control not in CONTROLS:
            raise InputError(
                f"control is '{control}'. A mesh can be shown as {', '.join(CONTROLS)}."
            )
        self.performance, self.basis, self.control = performance, basis, control
        self._camera = d3dfr_camera(size)

    def __len__(self) -> int:
        return len(self.performance.expression)

    @overload
    def __getitem__(self, index: int) -> MeshPicture: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[MeshPicture]: ...
    def __getitem__(self, index: int | slice) -> MeshPicture | Sequence[MeshPicture]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)  # ends iteration
        frame = self.frame(index % len(self))
        return MeshPicture(
            colour=frame.colour,
            mouth_mask=frame.dilated_mouth_mask,
            head_mask=frame.mesh_mask,
            control=None if self.control is None else getattr(frame, self.control),
        )

    def frame(self, number: int) -> MeshFrame:
        """All that is seen of the mesh in one frame, counted from 0."""
        coefficients = coefficients_from(self.performance, self.basis, slice(number, number + 1))
        placed = coefficients.pose + torch.tensor([0.0, 0.0, 0.0, *PORTRAIT_PLACE])
        return render_mesh_frame(
            mesh_from(replace(coefficients, pose=placed), self.basis),
            self._camera,
            depth_range=_DEPTH_RANGE,
            antialias=True,
        )


@dataclass(frozen=True, kw_only=True)
class Film:
    """What was made: the last frame, to go on from, and how many frames the film holds by now."""

    last: ImaginedFrame | None
    num_frames: int
    num_made: int  # this time
    is_whole: bool


def film_imagined(
    meshes: Sequence[MeshPicture],
    speech: Speech,
    host: Host,
    config: ImagineConfig,
    path: str | PathLike[str],
    *,
    image: Image | None = None,
    resume: ImaginedFrame | None = None,
    show: Show | None = None,
    overwrite: bool = False,
    on_step: OnStep | None = None,
    interrupted: Callable[[], bool] | None = None,
    on_frame: Callable[[ImaginedFrame], None] | None = None,
) -> Film:
    """Write every frame as it is made, with the voice; cut short, it plays to where it got.

    With `resume` the film that was cut short behind that frame, at `path`, goes on: its frames stay
    as they are. `show` makes of a frame what the film shows of it.
    """
    first = 0 if resume is None else resume.index + 1
    if first >= len(meshes):
        raise InputError(
            f"frame {first} would be the next but the clip ends at frame {len(meshes) - 1}. "
            "It is whole; there is nothing to go on with."
        )
    last = resume
    with open_writer(
        path,
        fps=speech.fps,
        sound=speech.waveform[None],
        sample_rate=SAMPLE_RATE,
        overwrite=overwrite,
        after=first,
    ) as writer:
        for done in imagine(
            host,
            meshes,
            config,
            image=image,
            resume=resume,
            on_step=on_step,
            interrupted=interrupted,
        ):
            writer.write(done.frame[0] if show is None else show(done.frame[0]))
            last = done
            if on_frame is not None:
                on_frame(done)
    num_frames = 0 if last is None else last.index + 1
    return Film(
        last=last,
        num_frames=num_frames,
        num_made=num_frames - first,
        is_whole=num_frames == len(meshes),
    )
