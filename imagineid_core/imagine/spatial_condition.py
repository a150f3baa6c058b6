"""SCA: mesh, identity and previous frame steer the UNet's encoder (Sec. 3.2, Eq. 9).

F_sc = F_SC(E(I_rd) + E(I_id) + E(I_ad)) in coherent mode, F_SC(E(I_rd)) in diverse mode: a
T2I-Adapter on latents, one feature map for each level of the UNet, the same at every step, so made
once a frame. Knows nothing about how latents are made or who adds the maps.
"""

from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.checkpoint import load_checkpoint
from imagineid_core.errors import InputError, WeightsError

ARCHITECTURE = "spatial_condition"
Latent = Float[Tensor, "batch latent rows columns"]
Features = tuple[Float[Tensor, "batch _ _ _"], ...]
UNet = Any  # UNet2DConditionModel of diffusers


@dataclass(frozen=True, kw_only=True)
class SpatialConditionConfig:
    """The defaults have the paper's 282.9 M parameters; `channels` are the UNet's, level by level.

    `separate_inputs` (not the paper's): each latent passes a convolution of its own before the sum,
    so three pictures need not share four channels. `zero_outputs` (not the paper's): a 1x1
    convolution of zeros behind each map, so that training starts from the UNet as it is.
    """

    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    num_blocks: int = 2  # a level
    in_channels: int = 4
    separate_inputs: bool = False
    zero_outputs: bool = False

    def __post_init__(self) -> None:
        if not self.channels or self.num_blocks < 1:
            raise InputError(
                f"channels is {self.channels} and num_blocks {self.num_blocks}, but every level "
                "needs channels and a block. Give the UNet's, for example (320, 640, 1280, 1280)."
            )


class SpatialConditionAdapter(nn.Module):
    def __init__(self, config: SpatialConditionConfig) -> None:
        super().__init__()
        self.config = config
        first = config.channels[0]
        self.mesh_in = _conv(config.in_channels, first)
        if config.separate_inputs:
            # Without bias a latent of zeros is one that is not there, so a batch may mix modes.
            self.identity_in = _conv(config.in_channels, first, bias=False)
            self.previous_in = _conv(config.in_channels, first, bias=False)
        narrower = (first, *config.channels[:-1])
        self.levels = nn.ModuleList(
            _level(a, b, config.num_blocks, halve=depth > 0)
            for depth, (a, b) in enumerate(zip(narrower, config.channels, strict=True))
        )
        self.exits = nn.ModuleList(
            _zero_conv(width) if config.zero_outputs else nn.Identity() for width in config.channels
        )

    def forward(
        self, mesh: Latent, identity: Latent | None = None, previous: Latent | None = None
    ) -> Features:
        """F_sc, finest map first, from E(I_rd), E(I_id), E(I_ad); the last two None: diverse mode.

        Either of the two alone is the paper's ablation. Zeros in place of a latent count as None.
        """
        x = self._entered(mesh, identity, previous)
        features = []
        for level, leave in zip(self.levels, self.exits, strict=True):
            x = level(x)
            features.append(leave(x))
        return tuple(features)

    def _entered(self, mesh: Latent, identity: Latent | None, previous: Latent | None) -> Tensor:
        if mesh.shape[1] != self.config.in_channels:
            raise InputError(
                f"latents have {mesh.shape[1]} channels but this adapter takes "
                f"{self.config.in_channels}. Use the VAE of the model it was trained for."
            )
        weight = self.mesh_in.weight  # latents are float32, the adapter may be of half precision
        mesh = mesh.to(weight)
        identity, previous = (None if x is None else x.to(weight) for x in (identity, previous))
        if not self.config.separate_inputs:
            there = [item for item in (mesh, identity, previous) if item is not None]
            return self.mesh_in(torch.stack(there).sum(dim=0))
        x = self.mesh_in(mesh)
        if identity is not None:
            x = x + self.identity_in(identity)
        if previous is not None:
            x = x + self.previous_in(previous)
        return x


class _Block(nn.Module):
    """T2I-Adapter's residual block with its own defaults: 3x3 everywhere and a learned skip."""

    def __init__(self, channels_in: int, channels_out: int, *, halve: bool) -> None:
        super().__init__()
        self.halve = _conv(channels_in, channels_in, stride=2) if halve else nn.Identity()
        self.enter = _conv(channels_in, channels_out)
        self.first = _conv(channels_out, channels_out)
        self.second = _conv(channels_out, channels_out)
        self.skip = _conv(channels_out, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(self.halve(x))
        return self.second(torch.relu(self.first(x))) + self.skip(x)


def load_spatial_condition(path: str | PathLike[str]) -> SpatialConditionAdapter:
    return load_checkpoint(
        str(path),
        SpatialConditionAdapter,
        architecture=ARCHITECTURE,
        config_class=SpatialConditionConfig,
    )


def unet_residuals(features: Features, strength: float = 1.0) -> list[Tensor]:
    """What diffusers' UNet2DConditionModel takes as `down_intrablock_additional_residuals`.

    One map for each down block, finest first: four for SD1.x and SD2.x (320 x 64 x 64,
    640 x 32 x 32, 1280 x 16 x 16, 1280 x 8 x 8 at 512 pixels) and for the demonstration model (64,
    64, 128, 128 at 16, 8, 4, 2). A block with cross-attention adds its map behind its last pair of
    resnet and attention, before it halves the size; the last block, which has neither attention nor
    halving, behind its last resnet. So each map enters the skip connection too: ComfyUI's input
    blocks 2, 5, 8, 11. The UNet empties the list: make one for every call. The maps themselves stay
    as they are, and maps of batch 1 serve a batch of two under guidance.
    """
    return [item if strength == 1 else item * strength for item in features]


def check_fits_unet(config: SpatialConditionConfig, unet: UNet) -> None:
    """The maps fit the UNet's levels in number, width and size."""
    widths = tuple(unet.config.block_out_channels)
    if config.channels != widths:
        raise WeightsError(
            f"the spatial adapter gives maps of {config.channels} channels but this UNet's levels "
            f"have {widths}. Use the adapter trained for this model."
        )
    if config.in_channels != unet.config.in_channels:
        raise WeightsError(
            f"the spatial adapter takes latents of {config.in_channels} channels but this UNet "
            f"works on {unet.config.in_channels}. Use the adapter trained for this model."
        )
    for depth, block in enumerate(unet.down_blocks):
        attentive = getattr(block, "has_cross_attention", False)
        if not attentive and block.downsamplers is not None:
            # diffusers would add the map after halving, where it does not fit.
            raise WeightsError(
                f"down block {depth} of this UNet is {type(block).__name__}, which halves without "
                "cross-attention; no map can be added before that. Use an SD1.x or SD2.x UNet."
            )


def _level(channels_in: int, channels_out: int, num_blocks: int, *, halve: bool) -> nn.Sequential:
    rest = (_Block(channels_out, channels_out, halve=False) for _ in range(num_blocks - 1))
    return nn.Sequential(_Block(channels_in, channels_out, halve=halve), *rest)


def _conv(channels_in: int, channels_out: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=bias)


def _zero_conv(width: int) -> nn.Conv2d:
    conv = nn.Conv2d(width, width, kernel_size=1)
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv
