"""MBA around ComfyUI's VAE: the background in the decoder's finest levels (Eq. 10).

Hooks on the VAE's own blocks, gone when the call returns, around its stock encode and decode: so
loading, precision and devices stay ComfyUI's. Knows nothing about matting or about frames.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor, nn

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.mask_blending import MaskBlendingConfig, Plate, blended

from .adapters import AdapterBundle, loaded
from .convert import images_from_core, images_to_core, latent_samples, masks_to_core
from .schema import ImagineNode, gives, node_schema, takes
from .sockets import ADAPTERS


class MaskBlendVAEDecode(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "MaskBlendVAEDecode",
            "Mask Blend VAE Decode",
            "imagine",
            "Decode latents with a given background outside the mask, blended inside the VAE.",
            inputs=[
                takes(io.Latent, "samples", "What is decoded; one picture or a batch."),
                takes(io.Vae, "vae", "The VAE of SD1.x or SD2.x, or the Mini Suite's."),
                takes(
                    io.Image,
                    "background",
                    "I_bg: what is seen where the mask is 0; one picture of the decoded size.",
                ),
                takes(
                    io.Mask,
                    "mask",
                    "m: 1 on the person, 0 on the background; one of the decoded size, or one "
                    "for each latent.",
                ),
                takes(
                    ADAPTERS,
                    "adapters",
                    "The mask blending adapter in it joins both in the decoder's finest level, as "
                    "the paper does. Without one the decoded picture is pasted over the background "
                    "by the mask, pixel by pixel.",
                    optional=True,
                ),
            ],
            outputs=[gives(io.Image, "image", "The pictures.")],
        )

    @classmethod
    def execute(
        cls,
        samples: dict[str, Tensor],
        vae: Any,
        background: Tensor,
        mask: Tensor,
        adapters: AdapterBundle | None = None,
    ) -> io.NodeOutput:
        latents, masks = latent_samples(samples, "samples"), masks_to_core(mask)
        check_sizes(vae, latents, background, masks)
        patcher = None if adapters is None else adapters.blending
        if patcher is None:
            return io.NodeOutput(pasted(vae.decode(latents), background, masks))
        plate = plate_of(vae, patcher, background)
        masks = masks.expand(len(latents), -1, -1, -1)
        pictures = [
            decode_blended(vae, latent, plate, one)
            for latent, one in zip(latents.split(1), masks.split(1), strict=True)
        ]
        return io.NodeOutput(torch.cat(pictures))


def check_sizes(vae: Any, latents: Tensor, background: Tensor, masks: Tensor) -> None:
    """One background and one mask, or one mask each, of the size that will be decoded."""
    cell = vae.spacial_compression_decode()
    size = (latents.shape[-2] * cell, latents.shape[-1] * cell)
    for name, given in (("background", background.shape[1:3]), ("mask", masks.shape[2:])):
        if tuple(given) != size:
            raise InputError(
                f"{name} is {given[1]} x {given[0]} but the picture will be {size[1]} x {size[0]}. "
                "Scale it to that size."
            )
    if len(background) != 1 or len(masks) not in (1, len(latents)):
        raise InputError(
            f"there are {len(background)} backgrounds and {len(masks)} masks for {len(latents)} "
            "latents. Give one background, and one mask or one for each latent."
        )


def pasted(pictures: Tensor, background: Tensor, masks: Tensor) -> Tensor:
    """IMAGE over IMAGE by a mask, without an adapter."""
    joined = blended(images_to_core(pictures), images_to_core(background, "background"), masks)
    return images_from_core(joined)


def plate_of(vae: Any, patcher: Any, background: Tensor) -> Plate:
    """Conv(F_ve) of one picture, [1, height, width, 3] in [0, 1]."""
    encoder, _ = _checked_blocks(vae, patcher.model.config)
    features: list[Tensor] = []

    def keep(_block: nn.Module, _given: Any, made: Tensor) -> None:
        features.append(made)

    with _hooked([(block, keep) for block in encoder]):
        vae.encode(background)
    if len(features) != len(encoder):
        raise InputError(
            f"memory was short, so the VAE encoded the background of {background.shape[2]} x "
            f"{background.shape[1]} in tiles, which mask blending cannot use. Free memory, or make "
            "smaller pictures."
        )
    adapter, weight = loaded(patcher)
    with torch.no_grad():
        return adapter([item.to(weight) for item in features])


def decoder_features(vae: Any, latent: Tensor, num_levels: int) -> tuple[Tensor, ...]:
    """F_vd of the finest levels, finest first, of one latent decoded plainly."""
    features: list[Tensor] = []

    def keep(_block: nn.Module, _given: Any, made: Tensor) -> None:
        features.insert(0, made)

    _, decoder = _level_blocks(vae, num_levels)
    with _hooked([(block, keep) for block in decoder]):
        vae.decode(latent)
    return tuple(features)


def decode_blended(vae: Any, latent: Tensor, plate: Plate, mask: Tensor) -> Tensor:
    """The picture of one latent, [1, height, width, 3], with the plate where `mask` is 0.

    `mask` is [1, 1, height, width], as large as the picture.
    """
    levels = len(plate.levels)
    _, decoder = _level_blocks(vae, levels)

    def blend(level: int) -> Callable[..., Tensor]:
        def hook(_block: nn.Module, _given: Any, made: Tensor) -> Tensor:
            background = plate.levels[level]
            if made.shape[-2:] != background.shape[-2:]:
                raise InputError(
                    f"the VAE decodes {made.shape[-1]} x {made.shape[-2]} at a time but the "
                    f"background is {background.shape[-1]} x {background.shape[-2]}: memory was "
                    "short and it went on in tiles, or the background has another size. Free "
                    "memory, or give a background of the picture's size."
                )
            return blended(made, background, mask if plate.uses_mask else None)

        return hook

    with _hooked([(block, blend(level)) for level, block in enumerate(decoder)]):
        return vae.decode(latent)


def check_fits(vae: Any, config: MaskBlendingConfig) -> None:
    """The VAE has the levels that are blended, as wide as the adapter's."""
    _checked_blocks(vae, config)


def _checked_blocks(
    vae: Any, config: MaskBlendingConfig
) -> tuple[list[nn.Module], list[nn.Module]]:
    encoder, decoder = _level_blocks(vae, len(config.channels))
    widths = tuple(int(getattr(block, "out_channels", 0)) for block in decoder)
    if widths != config.channels:
        raise WeightsError(
            f"the blending adapter is {config.channels} wide but the levels of this VAE are "
            f"{widths}, finest first. Use the adapter trained for this VAE."
        )
    return encoder, decoder


def _level_blocks(vae: Any, count: int) -> tuple[list[nn.Module], list[nn.Module]]:
    """The last residual block of each of the finest levels, of encoder and of decoder."""
    network = vae.first_stage_model
    encoder, decoder = getattr(network, "encoder", None), getattr(network, "decoder", None)
    down, up = _levels(encoder, "down"), _levels(decoder, "up")
    if min(len(down), len(up)) < count or getattr(vae, "latent_dim", 2) != 2:
        raise WeightsError(
            f"mask blending works in the decoder's levels, which this VAE ({type(network).__name__}"
            ") does not have as SD1.x has them. Connect the VAE of SD1.x or SD2.x, or the Mini "
            "Suite's; TAESD and video VAEs cannot blend."
        )
    return [blocks[-1] for blocks in down[:count]], [blocks[-1] for blocks in up[:count]]


def _levels(half: Any, side: str) -> list[Any]:
    """Residual blocks of every level, finest first: ComfyUI's names, or diffusers'."""
    levels = getattr(half, side, None)
    if levels is not None and all(hasattr(level, "block") for level in levels):
        return [level.block for level in levels]
    levels = getattr(half, f"{side}_blocks", None)
    if levels is not None and all(hasattr(level, "resnets") for level in levels):
        blocks = [level.resnets for level in levels]
        return blocks if side == "down" else blocks[::-1]
    return []


@contextmanager
def _hooked(pairs: Sequence[tuple[nn.Module, Callable[..., Any]]]) -> Iterator[None]:
    handles = [block.register_forward_hook(hook) for block, hook in pairs]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


NODES = (MaskBlendVAEDecode,)
