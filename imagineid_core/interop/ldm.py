"""A Stable Diffusion model as one checkpoint file, with the names of the original code.

Other programs load such files, and so do we (`load_stable_diffusion`). SD1.x and SD2.x at any
width and depth. Knows names and shapes, and nothing about what the networks do.
"""

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor

from imagineid_core.checkpoint import write_whole
from imagineid_core.imagine.stable_diffusion import StableDiffusion

_UNET = "model.diffusion_model."
_VAE = "first_stage_model."
_TEXT = "cond_stage_model.transformer."
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_PARTS = {
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.attentions.0": "mid.attn_1",
    "mid_block.resnets.1": "mid.block_2",
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}


def save_checkpoint_file(path: str | PathLike[str], model: StableDiffusion) -> None:
    """Write `model` as one .safetensors file; what is built of it is not in the file."""
    from safetensors.torch import save

    write_whole(Path(path), save(checkpoint_tensors(model), metadata={"format": "pt"}))


def checkpoint_tensors(model: StableDiffusion) -> dict[str, Tensor]:
    """All weights by their original names."""
    tensors = {_UNET + name: value for name, value in unet_tensors(model.unet).items()}
    tensors |= {_VAE + name: value for name, value in vae_tensors(model.vae).items()}
    text: Mapping[str, Tensor] = model.text_encoder.state_dict()
    prefix = "" if any(name.startswith("text_model.") for name in text) else "text_model."
    tensors |= {_TEXT + prefix + name: value for name, value in text.items()}
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def unet_tensors(unet: Any) -> dict[str, Tensor]:
    """A UNet2DConditionModel's weights, blocks counted through as the original code does."""
    layers = unet.config.layers_per_block
    return {_unet_name(name, layers): value for name, value in unet.state_dict().items()}


def vae_tensors(vae: Any) -> dict[str, Tensor]:
    """An AutoencoderKL's weights; attention is made of 1 x 1 convolutions there."""
    levels = len(vae.config.block_out_channels)
    named = {_vae_name(name, levels): value for name, value in vae.state_dict().items()}
    is_attention = re.compile(r"mid\.attn_1\.(q|k|v|proj_out)\.weight$")
    return {
        name: value[..., None, None] if is_attention.search(name) and value.ndim == 2 else value
        for name, value in named.items()
    }


def _unet_name(name: str, layers: int) -> str:
    for ours, theirs in _UNET_ENDS.items():
        if name.startswith(ours + "."):
            is_resnet = ".resnets." in ours
            return _renamed(theirs + name.removeprefix(ours), _UNET_RESNET if is_resnet else {})
    side, level, kind, index, rest = _in_block(name)
    first = level * (layers + 1)
    if side == "down":
        number = first + (layers + 1 if kind == "downsamplers" else index + 1)
        place = {"resnets": "0", "attentions": "1", "downsamplers": "0.op"}[kind]
    else:
        number = first + (layers if kind == "upsamplers" else index)
        # The deepest level has no attention, so its upsampler comes right behind the block.
        behind = 1 if level == 0 else 2
        place = {"resnets": "0", "attentions": "1", "upsamplers": f"{behind}.conv"}[kind]
    rest = rest.removeprefix("conv.") if kind.endswith("samplers") else rest
    blocks = "input_blocks" if side == "down" else "output_blocks"
    return f"{blocks}.{number}.{place}." + _renamed(rest, _UNET_RESNET if kind == "resnets" else {})


def _vae_name(name: str, levels: int) -> str:
    if re.match(r"(en|de)coder\.(down|up)_blocks\.", name):
        half, _, rest = name.partition(".")
        side, level, kind, index, rest = _in_block(rest)
        level = level if side == "down" else levels - 1 - level
        part = f"block.{index}" if kind == "resnets" else f"{side}sample"
        name = f"{half}.{side}.{level}.{part}.{rest}"
    return _renamed(name, _VAE_PARTS)


def _in_block(name: str) -> tuple[str, int, str, int, str]:
    """down or up, level, kind of part, its number, and what follows."""
    found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)$", name)
    if found is None:
        raise ValueError(f"{name} is no part of an SD1.x or SD2.x model")
    side, level, kind, index, rest = found.groups()
    return side, int(level), kind, int(index), rest


def _renamed(name: str, parts: Mapping[str, str]) -> str:
    for ours, theirs in parts.items():
        name = re.sub(rf"(^|\.){re.escape(ours)}(?=\.)", rf"\g<1>{theirs}", name)
    return name
