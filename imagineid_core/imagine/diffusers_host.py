"""Alg. 1's host on the parts of Stable Diffusion as diffusers has them.

Every adapter may be missing: without SCA frames are held by z_T, text and a ControlNet alone,
without MBA they are decoded plainly. Latents are float32 between steps, whatever the networks run
in. Knows nothing about the order of frames, and encodes no text: Y is given.
"""

import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.errors import WeightsError
from imagineid_core.imagine.background import Inpaint, Matte, matte_or_silhouette
from imagineid_core.imagine.config import LARGEST_SEED
from imagineid_core.imagine.host import Denoising, Image, Latent, Mask, MeshPicture, Plate
from imagineid_core.imagine.smooth_fill import smooth_fill
from imagineid_core.imagine.stable_diffusion import StableDiffusion, scheduler_from

_LOG = logging.getLogger(__name__)


@runtime_checkable
class SpatialAdapter(Protocol):
    """SCA: F_sc of Eq. 9 from the latents that are there, finest map first."""

    def __call__(
        self, mesh: Latent, identity: Latent | None, previous: Latent | None
    ) -> Sequence[Tensor]: ...


@runtime_checkable
class BlendingAdapter(Protocol):
    """MBA: Eq. 10 around a VAE; latents as the VAE has them, without its scaling factor."""

    def background(
        self, vae: Any, image: Image, shown: Latent | None, mask: Mask | None
    ) -> Plate: ...

    def decode(self, vae: Any, latent: Latent, plate: Plate, mask: Mask) -> Image: ...


@dataclass(frozen=True, kw_only=True)
class Control:
    """A ControlNet of diffusers and how strongly it acts."""

    network: Any
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What holds one frame: F_sc for the UNet's four levels, and a ControlNet's picture."""

    features: tuple[Float[Tensor, "1 _ _ _"], ...] = ()
    control: Float[Tensor, "1 3 height width"] | None = None  # in [0, 1], as ControlNets are fed


class DiffusersHost:
    """`text` is Y, pseudo-words included; `unguided` the text that guidance moves away from.

    Without a `matte`, and where it finds nobody, the silhouette of the mesh stands in.
    """

    def __init__(
        self,
        model: StableDiffusion,
        *,
        text: Float[Tensor, "1 tokens dim"],
        unguided: Float[Tensor, "1 others dim"],
        spatial: SpatialAdapter | None = None,
        blending: BlendingAdapter | None = None,
        matte: Matte | None = None,
        inpaint: Inpaint = smooth_fill,
        control: Control | None = None,
    ) -> None:
        self.model, self.control = model, control
        self.spatial, self.blending = spatial, blending
        self._matte, self._inpaint = matte, inpaint
        self._device, self._dtype = model.unet.device, model.unet.dtype
        self._text = text.to(self._device, self._dtype)
        self._unguided = unguided.to(self._device, self._dtype)
        width = model.unet.config.cross_attention_dim
        if text.shape[-1] != width:
            raise WeightsError(
                f"the text is {text.shape[-1]} wide but this UNet reads {width}. Encode it with "
                "the text encoder of the same model."
            )

    @property
    def latent_channels(self) -> int:
        return self.model.vae.config.latent_channels

    @property
    def pixels_per_latent(self) -> int:
        return 2 ** (len(self.model.vae.config.block_out_channels) - 1)

    @property
    def is_steered(self) -> bool:
        return self.spatial is not None

    @property
    def blends(self) -> bool:
        return self.blending is not None

    def encode(self, images: Image) -> Latent:
        vae = self.model.vae
        posterior = vae.encode(images.to(vae.device, vae.dtype)).latent_dist
        return posterior.mode().float() * vae.config.scaling_factor

    def condition(
        self,
        picture: MeshPicture,
        mesh: Latent | None,
        identity: Latent | None,
        previous: Latent | None,
    ) -> Conditions:
        features: tuple[Tensor, ...] = ()
        if self.spatial is not None:
            drawn, *others = (
                _as_weights(self.spatial, latent) for latent in (mesh, identity, previous)
            )
            assert drawn is not None
            made = self.spatial(drawn, *others)
            features = tuple(item.to(self._device, self._dtype) for item in made)
            self._check_features(features)
        shown = None
        if self.control is not None:
            shown = picture.colour if picture.control is None else picture.control
            shown = (shown.to(self._device, self._dtype) + 1) / 2
        return Conditions(features=features, control=shown)

    def denoise(self, noise: Latent, features: Conditions, way: Denoising) -> Latent:
        scheduler, timesteps, first = self._schedule(way)
        latent = noise.to(self._device)
        if way.start is None:
            latent = latent * scheduler.init_noise_sigma
        else:
            latent = scheduler.add_noise(way.start.to(latent), latent, timesteps[:1])
        last_guided = way.guided_share * (first + len(timesteps))
        taken = inspect.signature(scheduler.step).parameters
        if way.eta and "eta" not in taken:
            _LOG.warning(
                "%s has no eta, so its own steps are taken; DDIMScheduler has one",
                type(scheduler).__name__,
            )
        for step, timestep in enumerate(timesteps, start=first):
            scaled = scheduler.scale_model_input(latent, timestep)
            guidance = way.guidance if step < last_guided else 1.0
            predicted = self._guided(scaled, timestep, features, guidance)
            extra: dict[str, Any] = {"eta": way.eta} if way.eta and "eta" in taken else {}
            if "generator" in taken:
                extra["generator"] = torch.Generator().manual_seed(way.step_seed(step))
            latent = scheduler.step(predicted, timestep, latent, return_dict=False, **extra)[0]
            way.on_step(step - first + 1)
        return latent

    def background(
        self, image: Image, shown: Latent | None = None, mask: Mask | None = None
    ) -> Plate:
        assert self.blending is not None
        vae = self.model.vae
        if shown is not None:
            shown = (shown / vae.config.scaling_factor).to(vae.device, vae.dtype)
        return self.blending.background(vae, image.to(vae.device, vae.dtype), shown, mask)

    def decode(self, latent: Latent, plate: Plate | None, mask: Mask | None) -> Image:
        vae = self.model.vae
        unscaled = (latent / vae.config.scaling_factor).to(vae.device, vae.dtype)
        if plate is None:
            return vae.decode(unscaled, return_dict=False)[0].float()
        assert self.blending is not None
        assert mask is not None
        return self.blending.decode(vae, unscaled, plate, mask.to(vae.device, vae.dtype)).float()

    def matte(self, image: Image, head: Mask | None) -> Mask:
        return matte_or_silhouette(image, head, self._matte)

    def inpaint(self, image: Image, mask: Mask) -> Image:
        return self._inpaint(image, mask)

    def _schedule(self, way: Denoising) -> tuple[Any, Tensor, int]:
        """A scheduler at its start, the timesteps to take, and the number of the first."""
        settings = dict(self.model.scheduler.config)
        if "noise_sampler_seed" in settings:  # one that draws without being handed a generator
            settings["noise_sampler_seed"] = way.step_seed(0) & LARGEST_SEED
        scheduler = scheduler_from(type(self.model.scheduler).__name__, settings)
        scheduler.set_timesteps(way.num_steps, device=self._device)
        if way.start is None:
            return scheduler, scheduler.timesteps, 0
        order = getattr(scheduler, "order", 1)
        first = order * (way.num_steps - max(1, int(way.num_steps * way.strength)))
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
        return scheduler, scheduler.timesteps[first:], first

    def _guided(
        self, latent: Latent, timestep: Tensor, conditions: Conditions, guidance: float
    ) -> Latent:
        """Classifier-free guidance, in one call of two where the texts have one length."""
        text, unguided = self._text, self._unguided
        if guidance == 1:
            return self._predicted(latent, timestep, conditions, text)
        if text.shape == unguided.shape:
            both = self._predicted(
                latent.repeat(2, 1, 1, 1), timestep, conditions, torch.cat([unguided, text])
            )
            without, with_text = both.chunk(2)
        else:
            without = self._predicted(latent, timestep, conditions, unguided)
            with_text = self._predicted(latent, timestep, conditions, text)
        return without + guidance * (with_text - without)

    def _predicted(
        self, latent: Latent, timestep: Tensor, conditions: Conditions, text: Tensor
    ) -> Latent:
        inputs: dict[str, Any] = {"encoder_hidden_states": text}
        scaled = latent.to(self._dtype)
        if conditions.features:
            # The UNet takes them off the list one by one.
            inputs["down_intrablock_additional_residuals"] = list(conditions.features)
        if self.control is not None:
            assert conditions.control is not None
            down, middle = self.control.network(
                scaled,
                timestep,
                encoder_hidden_states=text,
                controlnet_cond=conditions.control.expand(len(scaled), -1, -1, -1),
                conditioning_scale=self.control.scale,
                return_dict=False,
            )
            inputs["down_block_additional_residuals"] = down
            inputs["mid_block_additional_residual"] = middle
        return self.model.unet(scaled, timestep, return_dict=False, **inputs)[0].float()

    def _check_features(self, features: Sequence[Tensor]) -> None:
        given = [item.shape[1] for item in features]
        needed = list(self.model.unet.config.block_out_channels)
        if given != needed:
            raise WeightsError(
                f"the spatial adapter gives maps of {given} channels but this UNet has {needed}. "
                "Use the adapter trained for this model."
            )


def _as_weights(adapter: SpatialAdapter, latent: Latent | None) -> Latent | None:
    """In the precision and on the device of the adapter's own weights, if it has any."""
    if latent is None or not isinstance(adapter, nn.Module):
        return latent
    weight = next(adapter.parameters(), None)
    return latent if weight is None else latent.to(weight)
