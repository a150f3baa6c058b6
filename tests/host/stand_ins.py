"""Small files of random weights where people have downloads: a checkpoint, ControlNets, a LoRA.

The checkpoint has Stable Diffusion 1.x's names and widths, by which ComfyUI tells it, and one level
of the UNet's four. Knows nothing about servers.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from imagineid_core.interop.ldm import unet_tensors, vae_tensors

_HINT = (3, 16, 16, 32, 32, 96, 96, 256)  # channels into each convolution of a ControlNet's hint
_WIDTH = 320


def save_sd15(path: Path) -> None:
    """What CheckpointLoaderSimple opens as Stable Diffusion 1.x."""
    from diffusers import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        )
        text = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072))
    words = {name.removeprefix("text_model."): one for name, one in text.state_dict().items()}
    tensors = {
        prefix + name: one
        for prefix, part in (
            ("model.diffusion_model.", _unet_tensors()),
            ("first_stage_model.", vae_tensors(vae)),
            ("cond_stage_model.transformer.text_model.", words),
        )
        for name, one in part.items()
    }
    save_file(_drawn(tensors, seed=0), path)


def save_controlnet(path: Path, seed: int) -> None:
    """What ControlNetLoader opens for `save_sd15`; it acts."""
    tensors = {
        name: one
        for name, one in _unet_tensors().items()
        if name.startswith(("input_blocks.", "middle_block.", "time_embed."))
    }
    for number, (given, made) in enumerate(zip(_HINT, (*_HINT[1:], _WIDTH), strict=True)):
        tensors |= _convolution(f"input_hint_block.{2 * number}", given, made, 3)
    for name in ("zero_convs.0.0", "zero_convs.1.0", "middle_block_out.0"):
        tensors |= _convolution(name, _WIDTH, _WIDTH, 1)
    save_file(_drawn(tensors, seed), path)


def save_lora(path: Path, unet: Any, text_encoder: Any, seed: int = 2, rank: int = 2) -> None:
    """By kohya's names, over the cross attention of these networks and the text's attention."""
    draw = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for prefix, network, endings in (
        ("lora_unet_", unet, ("attn2.to_k", "attn2.to_v")),
        ("lora_te_text_model_", text_encoder, ("self_attn.q_proj", "self_attn.v_proj")),
    ):
        for name, module in network.named_modules():
            if not name.endswith(endings):
                continue
            made, given = module.weight.shape
            key = prefix + name.removeprefix("text_model.").replace(".", "_")
            tensors[f"{key}.lora_down.weight"] = torch.randn(rank, given, generator=draw) * 0.3
            tensors[f"{key}.lora_up.weight"] = torch.randn(made, rank, generator=draw) * 0.3
            tensors[f"{key}.alpha"] = torch.tensor(float(rank))
    save_file(tensors, path)


def _unet_tensors() -> dict[str, Tensor]:
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(
            block_out_channels=(_WIDTH,),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            cross_attention_dim=768,
            attention_head_dim=8,
        )
    return unet_tensors(unet)


def _convolution(name: str, given: int, made: int, size: int) -> dict[str, Tensor]:
    shapes = {"weight": (made, given, size, size), "bias": (made,)}
    return {f"{name}.{part}": torch.empty(at, device="meta") for part, at in shapes.items()}


def _drawn(tensors: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Values for shapes: norms do nothing, what a layer makes is about as large as its input."""
    draw, made = torch.Generator().manual_seed(seed), {}
    for name, one in tensors.items():
        if one.ndim == 1:
            made[name] = torch.full(one.shape, float(name.endswith("weight"))).half()
        else:
            scale = one[0].numel() ** -0.5
            made[name] = (torch.randn(one.shape, generator=draw) * scale).half()
    return made
