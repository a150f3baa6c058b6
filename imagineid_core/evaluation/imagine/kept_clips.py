"""Clips as Alg. 1 makes them, kept frame by frame as pictures, and taken up where they stopped.

A clip lies in a folder of its own whose name ends in a digest of all that decides it, so another
model, voice or setting is another clip. Knows nothing about what is measured in it.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.checkpoint import config_to_json, write_whole
from imagineid_core.evaluation.imagine.crops import still_landmarks
from imagineid_core.evaluation.lips import Openings, lip_gaps
from imagineid_core.face.pose import PORTRAIT_PLACE
from imagineid_core.imagine.adapters import Adapters, host_for
from imagineid_core.imagine.autoregressive import imagine
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.host import Host, Image
from imagineid_core.imagine.recommended import RecommendedConfig
from imagineid_core.imagine.resume import ImaginedFrame, load_frame, save_frame
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.pipeline.imagined_film import MeshPictures
from imagineid_core.values import FaceBasis, Performance
from imagineid_core.video.picture import load_picture, save_picture

_LAST = "last.safetensors"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class KeptClip:
    """All frames and, of each, z_0, the mask m (from the second frame on) and the mesh's truth."""

    name: str
    frames: Float[Tensor, "frames 3 height width"]
    latents: Float[Tensor, "frames channels rows columns"]
    masks: Float[Tensor, "others 1 height width"] | None
    gaps: Openings  # dm
    landmarks: Float[Tensor, "frames landmarks 2"]  # of the head at rest


@dataclass(frozen=True, kw_only=True)
class ClipMaker:
    """What all clips of an evaluation have in common; `made_with` names the weights."""

    model: StableDiffusion
    adapters: Adapters
    basis: FaceBasis
    folder: Path
    made_with: str
    on_progress: Progress | None = None

    @property
    def size(self) -> int:
        levels = len(self.model.vae.config.block_out_channels)
        return int(self.model.unet.config.sample_size) * 2 ** (levels - 1)

    def host(self, performance: Performance, prompt: str = "", *, heard: bool = True) -> Host:
        """Without what was `heard` there are no pseudo-words in the text."""
        adapters = self.adapters
        if not heard:
            adapters = Adapters(
                spatial=adapters.spatial, blending=adapters.blending, matting=adapters.matting
            )
        return host_for(
            self.model,
            adapters,
            prompt,
            semantics=performance.semantics,
            style=performance.style,
        )

    def meshes(self, performance: Performance) -> MeshPictures:
        return MeshPictures(performance, self.basis, size=self.size)

    def clip(
        self,
        name: str,
        performance: Performance,
        config: ImagineConfig,
        *,
        prompt: str = "",
        image: Image | None = None,
        heard: bool = True,
    ) -> KeptClip:
        """Make the frames that are not there yet, and give them all."""
        digest = self._digest(performance, config, prompt, image, heard)
        folder = self.folder / f"{name}-{digest[:12]}"
        count = len(performance.expression)
        if not _beside(folder, count - 1).is_file():
            before = _last_of(folder)
            host = self.host(performance, prompt, heard=heard)
            first = None if before is not None else image
            for done in imagine(host, self.meshes(performance), config, image=first, resume=before):
                _keep(folder, done)
                if self.on_progress is not None:
                    self.on_progress(name, done.index + 1, count)
            (folder / _LAST).unlink(missing_ok=True)  # nothing comes behind it
        return self._read(name, folder, performance)

    def landmarks(self, performance: Performance) -> Float[Tensor, "frames landmarks 2"]:
        """Where the head at rest stands in each frame."""
        placed = performance.motion.pose + torch.tensor([0.0, 0.0, 0.0, *PORTRAIT_PLACE])
        return still_landmarks(self._shape(performance), placed, self.basis, self.size)

    def gaps(self, performance: Performance) -> Openings:
        """How far the mesh's mouth is open in each frame, in dm."""
        return lip_gaps(self._shape(performance), performance.expression, self.basis)

    def _shape(self, performance: Performance) -> Float[Tensor, " shape"]:
        if performance.shape is None:
            return torch.zeros(self.basis.shape_basis.shape[-1])
        return performance.shape

    def _read(self, name: str, folder: Path, performance: Performance) -> KeptClip:
        frames, latents, masks = [], [], []
        for index in range(len(performance.expression)):
            frames.append(load_picture(_picture(folder, index)))
            with np.load(_beside(folder, index)) as stored:
                latents.append(torch.from_numpy(stored["latent"]))
                if "mask" in stored:
                    masks.append(torch.from_numpy(stored["mask"]).float() / 255)
        return KeptClip(
            name=name,
            frames=torch.stack(frames),
            latents=torch.stack(latents),
            masks=torch.stack(masks) if masks else None,
            gaps=self.gaps(performance),
            landmarks=self.landmarks(performance),
        )

    def _digest(
        self,
        performance: Performance,
        config: ImagineConfig,
        prompt: str,
        image: Image | None,
        heard: bool,
    ) -> str:
        said = (self.made_with, self.basis.name, self.size, config_to_json(config), prompt, heard)
        digest = hashlib.sha256(repr(said).encode())
        motion = performance.motion
        tensors: list[Any] = [getattr(performance, one.name) for one in fields(Performance)]
        for tensor in (*tensors, motion.pose, motion.blink, image):
            if isinstance(tensor, Tensor):
                digest.update(repr(tuple(tensor.shape)).encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def clip_config(recommended: RecommendedConfig, seed: int, **chosen: Any) -> ImagineConfig:
    """As the model wants to be used; `resync=1` keeps every z_0 and changes no bit of a frame."""
    return recommended.config(seed=seed, resync=1, **chosen)


def _keep(folder: Path, done: ImaginedFrame) -> None:
    """The picture, what lies beside it, and last of all what it takes to go on."""
    save_picture(done.frame[0], _picture(folder, done.index))
    assert done.latent is not None
    latent, buffer = done.latent[0].float().cpu().numpy(), io.BytesIO()
    if done.person_mask is None:
        np.savez(buffer, latent=latent)
    else:
        mask = (done.person_mask[0].float().cpu() * 255).round().to(torch.uint8)
        np.savez(buffer, latent=latent, mask=mask.numpy())
    write_whole(_beside(folder, done.index), buffer.getvalue())
    save_frame(folder / _LAST, done)


def _last_of(folder: Path) -> ImaginedFrame | None:
    path = folder / _LAST
    return load_frame(path) if path.is_file() else None


def _picture(folder: Path, index: int) -> Path:
    return folder / f"frame_{index:04d}.png"


def _beside(folder: Path, index: int) -> Path:
    return folder / f"frame_{index:04d}.npz"
