"""SCA as one of ComfyUI's controls: it rides in CONDITIONING and chains with ControlNets (Eq. 9).

The maps are made once for a picture, at the batch of its latents, by weights that ComfyUI loads
and unloads together with the UNet. Knows nothing about frames or about how latents are made.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from comfy.controlnet import ControlBase, broadcast_image_to
from comfy_api.latest import io
from torch import Tensor

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.autoregressive import hide_mouth
from imagineid_core.imagine.spatial_condition import SpatialConditionConfig

from .adapters import AdapterBundle
from .convert import images_from_core, images_to_core, masks_to_core
from .frame_control import Conditioning
from .schema import ImagineNode, gives, node_schema, takes
from .sockets import ADAPTERS


class SpatialAdapter(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        share = {"default": 0.0, "min": 0.0, "max": 1.0, "step": 0.001}
        return node_schema(
            "SpatialConditionalAdapter",
            "Spatial Conditional Adapter",
            "imagine",
            "Mesh, first and previous frame steer the UNet, beside any ControlNet and in any "
            "order. The Autoregressive Sampler does this by itself for every frame.",
            inputs=[
                takes(io.Conditioning, "positive", "What guidance moves towards."),
                takes(io.Conditioning, "negative", "What guidance moves away from."),
                takes(ADAPTERS, "adapters", "The spatial condition adapter in it is used."),
                takes(io.Vae, "vae", "The VAE of the MODEL: the adapter reads latents."),
                takes(
                    io.Image,
                    "mesh",
                    "I_rd: the rendered mesh at the picture's size in pixels, one or one for each "
                    "latent of the batch.",
                ),
                takes(
                    io.Image,
                    "identity",
                    "I_id: the first frame of the clip. Without it and `previous` the paper's "
                    "diverse mode.",
                    optional=True,
                ),
                takes(io.Image, "previous", "I_ad: the frame before.", optional=True),
                takes(
                    io.Mask,
                    "mouth",
                    "What is painted black in `previous`, so that the mouth is not copied.",
                    optional=True,
                ),
                takes(
                    io.Float,
                    "strength",
                    "Factor on the maps; the paper: 1.",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                ),
                takes(io.Float, "start_percent", "Share of the steps before it acts.", **share),
                takes(
                    io.Float,
                    "end_percent",
                    "Share of the steps after which it acts no more.",
                    **(share | {"default": 1.0}),
                ),
            ],
            outputs=[
                gives(
                    io.Conditioning,
                    "positive_steered",
                    "For the sampler's positive input.",
                    display_name="positive",
                ),
                gives(
                    io.Conditioning,
                    "negative_steered",
                    "For the sampler's negative input.",
                    display_name="negative",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        positive: Conditioning,
        negative: Conditioning,
        adapters: AdapterBundle,
        vae: Any,
        mesh: Tensor,
        strength: float,
        start_percent: float,
        end_percent: float,
        **others: Tensor | None,
    ) -> io.NodeOutput:
        if adapters.spatial is None:
            raise WeightsError(
                "adapters holds no spatial condition adapter. Choose one in the Adapter Loader, or "
                "leave this node out."
            )
        control = SpatialControl(adapters.spatial, encoded(vae, mesh, **others))
        within = (start_percent, end_percent)
        return io.NodeOutput(
            *steered(control, positive, negative, strength=strength, within=within)
        )


@dataclass(frozen=True, kw_only=True)
class SpatialLatents:
    """E(I_rd), E(I_id), E(I_ad) as ComfyUI's VAE gives them; the last two None: diverse mode."""

    mesh: Tensor
    identity: Tensor | None = None
    previous: Tensor | None = None


class SpatialControl(ControlBase):
    def __init__(self, patcher: Any, latents: SpatialLatents) -> None:
        super().__init__()
        self._patcher, self._latents = patcher, latents
        self._maps: list[Tensor] | None = None
        self._slots: tuple[int, ...] = ()
        self._format: Any = None

    def pre_run(self, model: Any, percent_to_timestep_function: Any) -> None:
        super().pre_run(model, percent_to_timestep_function)
        self._slots = map_slots(model.diffusion_model, self._patcher.model.config)
        self._format = model.latent_format

    def get_models(self) -> list[Any]:
        return [*super().get_models(), self._patcher]

    def get_control(
        self, x_noisy: Tensor, t: Tensor, cond: Any, batched_number: int, transformer_options: Any
    ) -> Any:
        before = None
        if self.previous_controlnet is not None:
            before = self.previous_controlnet.get_control(
                x_noisy, t, cond, batched_number, transformer_options
            )
        if self.timestep_range is not None:
            first, last = self.timestep_range
            if t[0] > first or t[0] < last:
                return before
        if self._maps is None:
            self._maps = self._made(x_noisy)
        listed: list[Tensor | None] = [None] * (self._slots[-1] + 1)
        for slot, item in zip(self._slots, self._maps, strict=True):
            # Merging multiplies by the strength in place.
            listed[slot] = broadcast_image_to(item, x_noisy.shape[0], batched_number).clone()
        return self.control_merge({"input": listed[::-1]}, before, x_noisy.dtype)

    def copy(self) -> "SpatialControl":
        made = SpatialControl(self._patcher, self._latents)
        self.copy_to(made)
        return made

    def deepclone_multigpu(self, load_device: Any, autoregister: bool = False) -> "SpatialControl":
        """For ComfyUI versions that sample on several GPUs at once."""
        made = self.copy()
        made._patcher = type(self._patcher)(
            copy.deepcopy(self._patcher.model),
            load_device=load_device,
            offload_device=self._patcher.offload_device,
        )
        if autoregister:
            self.multigpu_clones[load_device] = made
        return made

    def cleanup(self) -> None:
        super().cleanup()
        self._maps = None

    @torch.no_grad()
    def _made(self, x_noisy: Tensor) -> list[Tensor]:
        adapter = self._patcher.model
        weight = next(adapter.parameters())
        given = (self._latents.mesh, self._latents.identity, self._latents.previous)
        latents = (
            None if one is None else self._format.process_in(one.to(weight)) for one in given
        )
        maps = [item.to(x_noisy) for item in adapter(*latents)]
        if maps[0].shape[-2:] != x_noisy.shape[-2:]:
            raise InputError(
                f"the mesh is {maps[0].shape[-1]} x {maps[0].shape[-2]} latents large but the "
                f"picture that is sampled is {x_noisy.shape[-1]} x {x_noisy.shape[-2]}. Render the "
                "mesh at the picture's size."
            )
        return maps


def map_slots(unet: Any, config: SpatialConditionConfig) -> tuple[int, ...]:
    """The input block of each level that a map is added to: the last before the size halves."""
    multiples = getattr(unet, "channel_mult", None)
    if multiples is None:
        raise WeightsError(
            f"the spatial adapter steers the UNet of SD1.x and SD2.x but this MODEL is a "
            f"{type(unet).__name__}. Connect an SD1.x or SD2.x MODEL, or leave the adapter out."
        )
    widths = tuple(unet.model_channels * multiple for multiple in multiples)
    if widths != config.channels:
        raise WeightsError(
            f"the spatial adapter gives maps of {config.channels} channels but this MODEL's "
            f"levels have {widths}. Connect the MODEL that the adapter was trained for."
        )
    slots, block = [], 0
    for count in unet.num_res_blocks:
        slots.append(block + count)
        block += count + 1
    return tuple(slots)


def encoded(
    vae: Any,
    mesh: Tensor,
    identity: Tensor | None = None,
    previous: Tensor | None = None,
    mouth: Tensor | None = None,
) -> SpatialLatents:
    """The latents of pictures of one size."""
    given = {"identity": identity, "previous": previous, "mouth": mouth}
    for name, picture in given.items():
        if picture is not None and picture.shape[1:3] != mesh.shape[1:3]:
            raise InputError(
                f"{name} is {picture.shape[2]} x {picture.shape[1]} but the mesh is "
                f"{mesh.shape[2]} x {mesh.shape[1]}. Give pictures of one size."
            )
    if previous is not None and mouth is not None:
        hidden = hide_mouth(images_to_core(previous, "previous"), masks_to_core(mouth, "mouth"))
        previous = images_from_core(hidden)
    return SpatialLatents(
        mesh=vae.encode(mesh),
        identity=None if identity is None else vae.encode(identity),
        previous=None if previous is None else vae.encode(previous),
    )


def steered(
    control: SpatialControl,
    *conditionings: Conditioning,
    strength: float = 1.0,
    within: tuple[float, float] = (0.0, 1.0),
) -> list[Conditioning]:
    """The conditionings with `control` behind whatever controls they carry."""
    made: dict[int, SpatialControl] = {}  # those that share controls go on sharing

    def behind(before: Any) -> SpatialControl:
        if id(before) not in made:
            one = control.copy().set_cond_hint(None, strength, within)
            made[id(before)] = one.set_previous_controlnet(before)
        return made[id(before)]

    return [
        [
            [
                states,
                options
                | {"control": behind(options.get("control")), "control_apply_to_uncond": False},
            ]
            for states, options in conditioning
        ]
        for conditioning in conditionings
    ]


NODES = (SpatialAdapter,)
