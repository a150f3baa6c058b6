"""Alg. 1's host on ComfyUI: any MODEL, sampler, scheduler and conditioning, through its own calls.

Latents have the scale of the UNet here, as Alg. 1 has them; ComfyUI's LATENT has the VAE's. Knows
nothing about the order of frames, and writes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import comfy.samplers
import torch
from comfy import model_management
from torch import Tensor

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.background import matte_or_silhouette
from imagineid_core.imagine.host import Denoising, Image, Latent, Mask, MeshPicture, Plate
from imagineid_core.imagine.mask_blending import anchored
from imagineid_core.imagine.smooth_fill import smooth_fill

from .adapters import AdapterBundle, loaded
from .blending import check_fits, decode_blended, decoder_features, plate_of
from .convert import images_from_core, images_to_core
from .frame_control import Conditioning, of_frame
from .spatial_control import SpatialControl, SpatialLatents, map_slots, steered


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a frame is denoised; a SAMPLER or `sigmas` take the place of what is named."""

    sampler_name: str
    scheduler: str
    sampler: Any = None
    sigmas: Tensor | None = None

    @property
    def sampler_object(self) -> Any:
        if self.sampler is not None:
            return self.sampler
        return comfy.samplers.sampler_object(self.sampler_name)


@dataclass(frozen=True, kw_only=True)
class FramePicture(MeshPicture):
    """A mesh that knows which frame it is: ControlNets have a picture for each."""

    number: int


class ComfyHost:
    """`matte` and `background` are the user's own, in the ranges of the core, or None."""

    def __init__(
        self,
        model: Any,
        vae: Any,
        positive: Conditioning,
        negative: Conditioning,
        *,
        num_frames: int,
        sampling: Sampling,
        adapters: AdapterBundle,
        matte: Mask | None = None,
        background: Image | None = None,
        on_latent: Callable[[Tensor], None] | None = None,
    ) -> None:
        self.model, self.vae, self.sampling, self.adapters = model, vae, sampling, adapters
        self._latest: Tensor | None = None  # z_0 of the last frame that was denoised
        self._positive, self._negative, self._num_frames = positive, negative, num_frames
        self._own_matte, self._own_background = matte, background
        self._on_latent = on_latent
        self._format = model.get_model_object("latent_format")
        _check_parts(model, vae)
        if adapters.spatial is not None:
            map_slots(model.model.diffusion_model, adapters.spatial.model.config)
        if adapters.blending is not None:
            check_fits(vae, adapters.blending.model.config)

    @property
    def latent_channels(self) -> int:
        return self._format.latent_channels

    @property
    def pixels_per_latent(self) -> int:
        return self.vae.spacial_compression_encode()

    @property
    def is_steered(self) -> bool:
        return self.adapters.spatial is not None

    @property
    def blends(self) -> bool:
        return self.adapters.blending is not None

    def encode(self, images: Image) -> Latent:
        return self._format.process_in(self.vae.encode(images_from_core(images)))

    def condition(
        self,
        picture: MeshPicture,
        mesh: Latent | None,
        identity: Latent | None,
        previous: Latent | None,
    ) -> tuple[Conditioning, Conditioning]:
        assert isinstance(picture, FramePicture)
        shared: dict[int, Any] = {}
        texts = [
            of_frame(text, picture.number, self._num_frames, shared)
            for text in (self._positive, self._negative)
        ]
        if self.adapters.spatial is not None:
            assert mesh is not None
            latents = SpatialLatents(
                mesh=self._format.process_out(mesh),
                identity=None if identity is None else self._format.process_out(identity),
                previous=None if previous is None else self._format.process_out(previous),
            )
            texts = steered(SpatialControl(self.adapters.spatial, latents), *texts)
        positive, negative = texts
        return positive, negative

    def denoise(
        self, noise: Latent, features: tuple[Conditioning, Conditioning], way: Denoising
    ) -> Latent:
        model_management.throw_exception_if_processing_interrupted()
        sigmas, first = self._sigmas(way)
        last_guided = way.guided_share * (first + len(sigmas) - 1)
        guider = comfy.samplers.CFGGuider(self.model)
        guider.set_conds(*features)

        def guide(step: int) -> None:
            guider.set_cfg(way.guidance if first + step < last_guided else 1.0)

        def done(step: int, denoised: Tensor, _latent: Tensor, _steps: int) -> None:
            guide(step + 1)
            if self._on_latent is not None:
                self._on_latent(denoised)
            way.on_step(step + 1)

        guide(0)
        start = torch.zeros_like(noise)  # which no latent format shifts
        if way.start is not None:
            start = self._format.process_out(way.start)
        with torch.random.fork_rng(devices=_seeded_devices(self.model)):  # some samplers seed it
            made = guider.sample(
                noise,
                start,
                self.sampling.sampler_object,
                sigmas,
                callback=done,
                disable_pbar=True,
                seed=way.step_seed(0),
            )
        self._latest = made.to(model_management.intermediate_device())
        return self._format.process_in(self._latest)

    def drawn(self, noise: Any, size: tuple[int, int]) -> Latent:
        """What a NOISE gives for a frame of this height and width; stock ones seed everything."""
        cell = self.pixels_per_latent
        empty = torch.zeros(1, self.latent_channels, *(side // cell for side in size))
        with torch.random.fork_rng(devices=_seeded_devices(self.model)):
            return noise.generate_noise({"samples": empty}).float().cpu()

    def latent_of_last(self, frame: Image) -> Tensor:
        """What LATENT holds of the last frame; one that was given, not imagined, is encoded."""
        if self._latest is None:
            return self.vae.encode(images_from_core(frame))
        return self._latest

    def background(
        self, image: Image, shown: Latent | None = None, mask: Mask | None = None
    ) -> Plate:
        plate = plate_of(self.vae, self.adapters.blending, images_from_core(image))
        if shown is None or mask is None or self._own_background is not None:
            return plate  # another place than the first frame's
        own = decoder_features(self.vae, self._format.process_out(shown), len(plate.levels))
        return anchored(plate, own, mask)

    def decode(self, latent: Latent, plate: Plate | None, mask: Mask | None) -> Image:
        unscaled = self._format.process_out(latent)
        if plate is None:
            return images_to_core(self.vae.decode(unscaled))
        assert mask is not None
        return images_to_core(decode_blended(self.vae, unscaled, plate, mask))

    def matte(self, image: Image, head: Mask | None) -> Mask:
        if self._own_matte is not None:
            return self._own_matte
        return matte_or_silhouette(
            image, head, None if self.adapters.matting is None else self._matted
        )

    def inpaint(self, image: Image, mask: Mask) -> Image:
        if self._own_background is not None:
            return self._own_background
        return smooth_fill(image, mask)

    def _matted(self, images: Image) -> Mask:
        network, weight = loaded(self.adapters.matting)
        with torch.no_grad():
            return network(images.to(weight)).to(images)

    def _sigmas(self, way: Denoising) -> tuple[Tensor, int]:
        """Noise levels from the first that is denoised to zero, and that one's number."""
        sigmas = self.sampling.sigmas
        if sigmas is None:
            sigmas = comfy.samplers.KSampler(
                self.model,
                steps=way.num_steps,
                device=self.model.load_device,
                sampler=self.sampling.sampler_name,
                scheduler=self.sampling.scheduler,
                denoise=1.0,
                model_options=self.model.model_options,
            ).sigmas
        if way.start is None:
            return sigmas, 0
        steps = len(sigmas) - 1
        first = steps - max(1, int(steps * way.strength))
        return sigmas[first:], first


def _check_parts(model: Any, vae: Any) -> None:
    made, read = model.get_model_object("latent_format"), getattr(vae, "latent_channels", None)
    if getattr(made, "latent_dimensions", 2) != 2 or getattr(vae, "latent_dim", 2) != 2:
        raise WeightsError(
            f"{type(model.model).__name__} or its VAE works on video or sound, not on pictures. "
            "Connect the MODEL and VAE of SD1.x or SD2.x."
        )
    if read != made.latent_channels:
        raise InputError(
            f"the MODEL works on {made.latent_channels} latent channels but the VAE gives {read}. "
            "Connect the VAE that belongs to the MODEL."
        )


def _seeded_devices(model: Any) -> list[Any]:
    device = model.load_device
    return [device] if getattr(device, "type", "cpu") == "cuda" else []
