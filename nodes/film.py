"""A clip of the Autoregressive Sampler to VIDEO and IMAGE, with ComfyUI's bar, preview and stop.

The film grows on disk as frames are made. Knows nothing about how frames are made.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, overload
from uuid import uuid4

import comfy.utils
import folder_paths
import latent_preview
import torch
from comfy import model_management
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.imagine.autoregressive import imagine
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.host import Image, Mask, MeshPicture
from imagineid_core.pipeline.imagined_film import MeshPictures
from imagineid_core.video.frame_writer import FrameWriter
from imagineid_core.video.open_writer import open_writer
from imagineid_core.video.shown import Shown

from .adapters import AdapterBundle
from .comfy_host import ComfyHost, FramePicture
from .convert import (
    Audio,
    images_from_core,
    images_to_core,
    latent_from,
    masks_to_core,
    one_waveform,
    refuse_more_than_fits,
    video_from_file,
)
from .unfinished import UNFINISHED, Asked, Unfinished

_LOG = logging.getLogger(__name__)
_BYTES = 4 * 3  # of a pixel of IMAGE


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What a clip is made of, in ComfyUI's layouts."""

    mesh: MeshPictures
    keep_images: bool
    shown: Shown = field(default_factory=Shown)
    adapters: AdapterBundle = field(default_factory=AdapterBundle)
    audio: Audio | None = None
    image: Tensor | None = None
    matte: Tensor | None = None
    background: Tensor | None = None
    noise: Any = None  # ComfyUI's NOISE

    def __post_init__(self) -> None:
        if len(self.mesh) == 0:
            raise InputError("mesh has no frame. Use a sound of at least one frame (0.04 s).")

    @property
    def core_image(self) -> Image | None:
        return None if self.image is None else images_to_core(self.image, "image")

    @property
    def core_matte(self) -> Mask | None:
        return None if self.matte is None else self._of_size("matte", masks_to_core(self.matte))

    @property
    def core_background(self) -> Image | None:
        if self.background is None:
            return None
        return self._of_size("background", images_to_core(self.background, "background"))

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame."""
        height, width = self.mesh[0].colour.shape[-2:]
        return height, width

    def _of_size(self, name: str, given: Tensor) -> Tensor:
        size = self.size
        if len(given) != 1 or given.shape[-2:] != size:
            raise InputError(
                f"{name} is {len(given)} of {given.shape[-1]} x {given.shape[-2]} but the frames "
                f"will be {size[1]} x {size[0]}. Give one of that size."
            )
        return given


class Progress:
    """ComfyUI's bar over all steps of all frames, and the latent that is being denoised."""

    def __init__(self, model: Any, total: int) -> None:
        self._bar, self._total = comfy.utils.ProgressBar(total), total
        self._previewer = latent_preview.get_previewer(
            model.load_device, model.get_model_object("latent_format")
        )
        self._preview: Any = None

    def show(self, denoised: Tensor) -> None:
        if self._previewer is not None:
            self._preview = self._previewer.decode_latent_to_preview_image("JPEG", denoised)

    def on_step(self, frame: int, step: int, steps: int) -> None:
        """Raises where the user has pressed stop."""
        model_management.throw_exception_if_processing_interrupted()
        self._bar.update_absolute(frame * steps + step, self._total, self._preview)


class NumberedMeshes(Sequence[FramePicture]):
    def __init__(self, meshes: Sequence[MeshPicture]) -> None:
        self._meshes = meshes

    def __len__(self) -> int:
        return len(self._meshes)

    @overload
    def __getitem__(self, index: int) -> FramePicture: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[FramePicture]: ...
    def __getitem__(self, index: int | slice) -> FramePicture | Sequence[FramePicture]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        picture = self._meshes[index]
        known = {one.name: getattr(picture, one.name) for one in fields(MeshPicture)}
        return FramePicture(number=index % len(self), **known)


def filmed(
    host: ComfyHost, clip: Clip, config: ImagineConfig, progress: Progress, asked: Asked
) -> tuple[Any, Tensor, Tensor, dict[str, Tensor]]:
    """VIDEO, IMAGE of every frame or of the last, of the first, and LATENT of the last.

    A clip that was stopped goes on behind its last frame when the same is `asked` for again.
    """
    begun = UNFINISHED.take(asked)
    if begun is None:
        path, images, last = _new_film(), _room(clip), None
    else:
        path, images, last = begun.path, begun.images, begun.last
        _LOG.info("the clip that was stopped goes on behind its frame %d", last.index + 1)
    try:
        with _writer(path, clip, after=0 if last is None else last.index + 1) as writer:
            for last in imagine(
                host,
                NumberedMeshes(clip.mesh),
                config,
                image=clip.core_image if begun is None else None,
                noise=None if clip.noise is None else host.drawn(clip.noise, clip.size),
                resume=None if begun is None else begun.last,
                on_step=progress.on_step,
            ):
                writer.write(clip.shown(last.frame[0]))
                if images is not None:
                    images[last.index] = images_from_core(last.frame)[0]
    except BaseException:
        if last is not None and last.index + 1 < len(clip.mesh):
            UNFINISHED.keep(Unfinished(asked=asked, path=path, last=last, images=images))
        raise
    assert last is not None
    return (
        video_from_file(path),
        images_from_core(last.frame) if images is None else images,
        images_from_core(last.first_frame),
        latent_from(host.latent_of_last(last.frame)),
    )


def _new_film() -> Path:
    return Path(folder_paths.get_temp_directory()) / f"imagineid_{uuid4().hex}.mp4"


def _writer(path: Path, clip: Clip, after: int) -> FrameWriter:
    return open_writer(
        path,
        fps=clip.mesh.performance.motion.fps,
        sound=None if clip.audio is None else one_waveform(clip.audio),
        sample_rate=0 if clip.audio is None else int(clip.audio["sample_rate"]),
        after=after,
    )


def _room(clip: Clip) -> Tensor | None:
    """Where all frames are kept, if they are to be kept and fit."""
    if not clip.keep_images:
        return None
    height, width = clip.size
    refuse_more_than_fits(
        len(clip.mesh) * height * width * _BYTES,
        model_management.get_free_memory(torch.device("cpu")),
        f"IMAGE of {len(clip.mesh)} frames of {width} x {height}",
        "Switch keep_images off and use the video, or make a shorter clip.",
    )
    return torch.empty(len(clip.mesh), height, width, 3)
