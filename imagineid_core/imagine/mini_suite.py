"""The mini latent diffusion model: the blocks of Stable Diffusion 1.x at small width.

Real AutoencoderKL, CLIPTextModel and UNet2DConditionModel, v-prediction on a schedule that ends in
pure noise, saved as a diffusers folder. Knows nothing about how they are trained.
"""

import copy
import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import WeightsError
from imagineid_core.imagine.recommended import RecommendedConfig, save_recommended
from imagineid_core.imagine.tokenizer import (
    NUM_POSITIONS,
    ClipVocabulary,
    write_vocabulary,
)

SCHEDULER = "DDIMScheduler"
MODEL_INDEX, PROVENANCE = "model_index.json", "training.json"
_LARGEST_FILE = "12MB"  # a UNet of more is written in parts, which diffusers joins again
# How every caption begins that the mini suite learns, and what serves it best on a CPU.
MINI_RECOMMENDED = RecommendedConfig(
    prompt="portrait of a person",
    num_steps=20,
    guidance=2.0,
    settles=1,
    show_size=512,
    label="demonstration model, trained on synthetic people",
)


@dataclass(frozen=True, kw_only=True)
class MiniSuiteConfig:
    """Widths. Four levels, so latents are an eighth of the picture, as everywhere in SD."""

    size: int = 128  # pixels
    latent_channels: int = 4
    vae_channels: tuple[int, ...] = (16, 32, 64, 128)
    vae_layers: int = 1  # residual blocks a level, one more in the decoder
    vae_norm_groups: int = 8
    text_width: int = 128
    text_layers: int = 2
    text_heads: int = 4
    unet_channels: tuple[int, ...] = (64, 64, 128, 128)
    unet_layers: int = 2
    unet_heads: int = 4
    # SD's own, which other hosts take for granted. With 32 channels a group would be one channel,
    # and neither means nor the timestep would survive the norm.
    unet_norm_groups: int = 32


def build_vae(config: MiniSuiteConfig) -> nn.Module:
    """AutoencoderKL, factor 8; its latents are used as they are (scaling factor 1)."""
    from diffusers import AutoencoderKL  # pyright: ignore[reportPrivateImportUsage]

    levels = len(config.vae_channels)
    net: Any = AutoencoderKL  # whose annotations know tuples of one level only
    return net(
        sample_size=config.size,
        latent_channels=config.latent_channels,
        block_out_channels=config.vae_channels,
        layers_per_block=config.vae_layers,
        norm_num_groups=config.vae_norm_groups,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        scaling_factor=1.0,
    )


def build_text_encoder(config: MiniSuiteConfig, vocabulary: ClipVocabulary) -> nn.Module:
    """CLIPTextModel over `vocabulary`, 77 positions."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocabulary),
            hidden_size=config.text_width,
            intermediate_size=4 * config.text_width,
            num_hidden_layers=config.text_layers,
            num_attention_heads=config.text_heads,
            max_position_embeddings=NUM_POSITIONS,
            projection_dim=config.text_width,
            bos_token_id=vocabulary.start,
            eos_token_id=vocabulary.end,
            pad_token_id=vocabulary.end,
        )
    )


def build_unet(config: MiniSuiteConfig) -> nn.Module:
    """UNet2DConditionModel: cross-attention on all levels but the deepest, as in SD1.x."""
    from diffusers import UNet2DConditionModel  # pyright: ignore[reportPrivateImportUsage]

    attentive = len(config.unet_channels) - 1
    return UNet2DConditionModel(
        sample_size=config.size // 8,
        in_channels=config.latent_channels,
        out_channels=config.latent_channels,
        block_out_channels=config.unet_channels,
        layers_per_block=config.unet_layers,
        norm_num_groups=config.unet_norm_groups,
        cross_attention_dim=config.text_width,
        attention_head_dim=config.unet_heads,  # the number of heads: diffusers' name is SD1.x's
        down_block_types=("CrossAttnDownBlock2D",) * attentive + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * attentive,
    )


def scheduler_settings() -> dict[str, Any]:
    """SD's scaled-linear betas rescaled to end in pure noise; v-prediction; trailing steps."""
    return {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
        "set_alpha_to_one": True,
        "steps_offset": 1,
        "clip_sample": False,
    }


def build_scheduler() -> Any:
    """DDIM with the suite's settings."""
    from diffusers import DDIMScheduler  # pyright: ignore[reportPrivateImportUsage]

    return DDIMScheduler(**scheduler_settings())


@torch.no_grad()
def fold_standardisation(vae: nn.Module, mean: torch.Tensor, spread: torch.Tensor) -> nn.Module:
    """A VAE whose latents are (z - mean) / spread per channel and whose pictures are the same.

    The affine map goes into the 1x1 convolutions on both sides of the latent.
    """
    folded: Any = copy.deepcopy(vae)
    channels = len(mean)
    inward, outward = folded.quant_conv, folded.post_quant_conv
    inward.weight[:channels] /= spread.view(-1, 1, 1, 1)
    inward.bias[:channels] = (inward.bias[:channels] - mean) / spread
    inward.bias[channels:] -= 2 * spread.log()  # the posterior's log-variance
    outward.bias += outward.weight[:, :, 0, 0] @ mean
    outward.weight *= spread.view(1, -1, 1, 1)
    return folded


def save_suite(
    folder: str | PathLike[str],
    *,
    vae: Any,
    text_encoder: Any,
    unet: Any,
    vocabulary: ClipVocabulary,
    about: dict[str, Any],
    recommended: RecommendedConfig | None = None,
    half_precision: bool = True,
) -> None:
    """A diffusers folder, every file under 16 MB; `about` says how it was made."""
    folder = Path(folder)
    for name, net in (("vae", vae), ("text_encoder", text_encoder), ("unet", unet)):
        save_part(folder, name, net, half_precision=half_precision)
    write_vocabulary(folder / "tokenizer", vocabulary)
    build_scheduler().save_pretrained(folder / "scheduler")
    save_index(folder)
    if recommended is not None:
        save_recommended(folder, recommended)
    write_about(folder, about)


def save_index(folder: str | PathLike[str], *parts: str) -> None:
    """What diffusers reads first; of some `parts` only, if a model is not whole yet."""
    known = {
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", SCHEDULER],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
    }
    index = {"_class_name": "StableDiffusionPipeline"}
    index |= {name: made for name, made in known.items() if not parts or name in parts}
    write_whole(Path(folder) / MODEL_INDEX, (json.dumps(index, indent=1) + "\n").encode())


def write_about(folder: str | PathLike[str], about: dict[str, Any]) -> None:
    """How a model was made, beside it."""
    told = json.dumps(about, indent=1, sort_keys=True) + "\n"
    write_whole(Path(folder) / PROVENANCE, told.encode())


def read_about(folder: str | PathLike[str]) -> dict[str, Any]:
    """What `write_about` wrote; empty for a model of another's."""
    path = Path(folder) / PROVENANCE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def save_part(
    folder: str | PathLike[str], name: str, net: nn.Module, *, half_precision: bool = True
) -> None:
    """One network of a diffusers folder, in files of 12 MB at most.

    Where it was loaded from is left out: that is a path of somebody's machine.
    """
    kept: Any = copy.deepcopy(net)
    kept = kept.half() if half_precision else kept
    place = Path(folder) / name
    kept.save_pretrained(place, max_shard_size=_LARGEST_FILE)
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    write_whole(place / "config.json", (json.dumps(config, indent=2) + "\n").encode())


def load_vae(folder: str | PathLike[str]) -> nn.Module:
    """The autoencoder of a diffusers folder alone: it is judged before there is more."""
    from diffusers import AutoencoderKL  # pyright: ignore[reportPrivateImportUsage]

    place = Path(folder) / "vae"
    if not (place / "config.json").is_file():
        raise WeightsError(
            f"{folder} has no vae/config.json. Give a folder as diffusers saves it, or the "
            "'model' that a training writes."
        )
    net: Any = AutoencoderKL.from_pretrained(place, local_files_only=True)
    return net.float().eval()
