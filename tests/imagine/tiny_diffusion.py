"""Stable Diffusion's own classes at tiny size with random weights, 64 pixels, and tiny adapters."""

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from torch.nn.functional import avg_pool2d
from transformers import CLIPTextConfig, CLIPTextModel

from imagineid_core.bench.count import TINY_SUITE
from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.imagine import mask_blending, matting, spatial_condition, textual_inversion
from imagineid_core.imagine.diffusers_host import DiffusersHost
from imagineid_core.imagine.host import MeshPicture
from imagineid_core.imagine.mini_suite import (
    build_text_encoder,
    build_unet,
    build_vae,
    save_suite,
)
from imagineid_core.imagine.stable_diffusion import StableDiffusion, scheduler_from
from imagineid_core.imagine.tokenizer import vocabulary_of

WIDTHS = (8, 8, 16, 16)
TEXT_WIDTH = 12
SIZE = 64
SETTINGS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
    "skip_prk_steps": True,
}
UNET = {
    "sample_size": SIZE // 8,
    "block_out_channels": WIDTHS,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": TEXT_WIDTH,
    "attention_head_dim": 2,
}
VAE = {
    "block_out_channels": (4, 4, 8, 8),
    "norm_num_groups": 4,
    "layers_per_block": 1,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "sample_size": SIZE,
}


def tiny_model(scheduler="DDIMScheduler", **settings):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet, vae = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE)
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=60,
                hidden_size=TEXT_WIDTH,
                intermediate_size=24,
                num_hidden_layers=2,
                num_attention_heads=2,
                bos_token_id=58,
                eos_token_id=59,
                pad_token_id=59,
            )
        )
    parts = [part.eval().requires_grad_(False) for part in (unet, vae, text_encoder)]
    return StableDiffusion(
        unet=parts[0],
        vae=parts[1],
        text_encoder=parts[2],
        tokenizer=None,
        scheduler=scheduler_from(scheduler, SETTINGS | settings),
    )


class TinySpatial(nn.Module):
    """Maps for the UNet's four levels from the sum of the latents."""

    def __init__(self, widths=WIDTHS):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.levels = nn.ModuleList(nn.Conv2d(4, width, 3, padding=1) for width in widths)

    @torch.no_grad()
    def forward(self, mesh, identity, previous):
        total = sum(latent for latent in (mesh, identity, previous) if latent is not None)
        return [level(avg_pool2d(total, 2**depth)) for depth, level in enumerate(self.levels)]


class TinyBlending(nn.Module):
    """Blends pictures, through the encoder once so that its calls are counted."""

    def background(self, vae, image, shown=None, mask=None):
        return vae.encode(image).latent_dist.mode(), image

    def decode(self, vae, latent, plate, mask):
        picture = vae.decode(latent, return_dict=False)[0]
        return picture * mask + plate[1] * (1 - mask)


def middle(image):
    mask = torch.zeros_like(image[:, :1])
    mask[..., 16:48, 16:48] = 1
    return mask


def texts(width=TEXT_WIDTH, tokens=6):
    generator = torch.Generator().manual_seed(2)
    return {
        "text": torch.randn(1, tokens, width, generator=generator),
        "unguided": torch.randn(1, 6, width, generator=generator),
    }


def tiny_host(model=None, **options):
    parts = {
        "spatial": TinySpatial(),
        "blending": TinyBlending(),
        "matte": middle,
        "inpaint": lambda image, mask: image * (1 - mask),
        **texts(),
    }
    return DiffusersHost(tiny_model() if model is None else model, **(parts | options))


def mesh_pictures(count, size=SIZE):
    pictures = []
    for index in range(count):
        generator = torch.Generator().manual_seed(index)
        mouth = torch.zeros(1, 1, size, size)
        mouth[..., 40:50, 26:38] = 1
        colour = torch.rand(1, 3, size, size, generator=generator) * 2 - 1
        pictures.append(MeshPicture(colour=colour, mouth_mask=mouth))
    return pictures


def save_tiny_suite(folder, identity_dim=6, emotion_dim=5):
    """A diffusers folder with the three adapters and the matting net beside it, all random."""
    words = vocabulary_of(["a", "face", "red", "hat"])
    parts = {
        "textual_inversion": (
            textual_inversion.TextualInversionAdapter,
            textual_inversion.TextualInversionConfig(
                identity_dim=identity_dim,
                emotion_dim=emotion_dim,
                hidden_dim=7,
                num_words=2,
                text_dim=12,
                prompt="a face",
            ),
        ),
        "spatial_condition": (
            spatial_condition.SpatialConditionAdapter,
            spatial_condition.SpatialConditionConfig(channels=(8, 8, 16, 16), num_blocks=1),
        ),
        "mask_blending": (
            mask_blending.MaskBlendingAdapter,
            mask_blending.MaskBlendingConfig(channels=(4,)),
        ),
        "matting": (matting.MattingNet, matting.MattingConfig()),
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_suite(
            folder,
            vae=build_vae(TINY_SUITE),
            text_encoder=build_text_encoder(TINY_SUITE, words),
            unet=build_unet(TINY_SUITE),
            vocabulary=words,
            about={},
        )
        for name, (build, config) in parts.items():
            save_checkpoint(
                folder / f"{name}.safetensors", build(config), architecture=name, config=config
            )
