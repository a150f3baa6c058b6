"""The embedded suite as ComfyUI's MODEL, CLIP and VAE, without a change to any of its globals.

ComfyUI's own classes hold the UNet and the text encoder, so LoRA, patches, clip skip and memory
work as ever. Its VAE class holds diffusers' autoencoder, whose finest level is narrower than
ComfyUI's own blocks allow. Knows nothing about adapters or frames.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor, nn

from imagineid_core.assets import IMAGINE, check_suite
from imagineid_core.imagine.latent_colours import latent_colours
from imagineid_core.imagine.stable_diffusion import StableDiffusion, load_stable_diffusion
from imagineid_core.interop.ldm import unet_tensors

from .recommended import recommend
from .schema import ImagineNode, gives, node_schema
from .whole_patcher import WholePatcher

_LAST_NOISE = 2e4  # for infinite: ComfyUI's 4518.8 shows in latents; beyond this, rounding does
_FRAME = {  # the smallest autoencoder that ComfyUI's VAE builds, until ours takes its place
    "embed_dim": 4,
    "ddconfig": {
        "double_z": True,
        "z_channels": 4,
        "resolution": 8,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
    },
}


class MiniSuiteLoader(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "MiniSuiteLoader",
            "Mini Suite Loader",
            "imagine",
            "The small diffusion model that comes with the pack: a demonstration on synthetic "
            "people, 128 x 128 pixels. Use a checkpoint loader for Stable Diffusion 1.5.",
            inputs=[],
            outputs=[
                gives(io.Model, "model", "The UNet; 20 steps of ddim with the simple scheduler."),
                gives(io.Clip, "clip", "The text encoder, with a vocabulary of its own."),
                gives(io.Vae, "vae", "The autoencoder, 8 pixels a latent."),
            ],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput(*load_mini_suite())


def load_mini_suite(folder: Path | None = None) -> tuple[Any, Any, Any]:
    """MODEL, CLIP and VAE of a diffusers folder of SD1.x structure; the embedded by default."""
    place = check_suite(IMAGINE) if folder is None else folder
    suite = load_stable_diffusion(place)
    return unet_of(suite), clip_of(suite, place / "tokenizer"), vae_of(suite)


def unet_of(suite: StableDiffusion) -> Any:
    """MODEL: ComfyUI's SD1.x network at the suite's width, with the suite's noise schedule."""
    from comfy import (
        latent_formats,
        model_base,
        model_detection,
        model_management,
        supported_models,
    )

    class SuiteConfig(supported_models.SD15):
        def model_type(self, state_dict: Mapping[str, Tensor], prefix: str = "") -> Any:
            is_v = suite.scheduler.config.prediction_type == "v_prediction"
            return model_base.ModelType.V_PREDICTION if is_v else model_base.ModelType.EPS

    tensors = unet_tensors(suite.unet)
    config = SuiteConfig(model_detection.detect_unet_config(tensors, ""))
    config.unet_config["num_heads"] = suite.unet.config.attention_head_dim
    config.sampling_settings |= _noise_schedule(suite.scheduler.config)
    config.latent_format = _latent_format(latent_formats.LatentFormat(), suite.vae)
    device = model_management.get_torch_device()
    kinds = config.supported_inference_dtypes
    count = sum(tensor.numel() for tensor in tensors.values())
    dtype = model_management.unet_dtype(model_params=count, supported_dtypes=kinds)
    config.set_inference_dtype(dtype, model_management.unet_manual_cast(dtype, device, kinds))
    offload = model_management.unet_offload_device()
    model = config.get_model(tensors, "", device=offload)
    model.load_model_weights(tensors, "")
    if suite.scheduler.config.rescale_betas_zero_snr:
        levels = model.model_sampling.sigmas.clone()
        levels[-1] = _LAST_NOISE
        model.model_sampling.set_sigmas(levels)
    patcher = core_patcher_class()(model, load_device=device, offload_device=offload)
    recommend(patcher, suite.recommended)
    return patcher


def clip_of(suite: StableDiffusion, tokenizer_folder: Path) -> Any:
    """CLIP in float32, over the suite's own vocabulary; `predefined_prompt` is what it learned."""
    from comfy import sd1_clip
    from comfy.sd import CLIP
    from comfy.supported_models_base import ClipTarget

    tokenizer, network = suite.tokenizer, suite.text_encoder
    config = network.config
    shape = {
        "hidden_act": config.hidden_act,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings,
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "eos_token_id": tokenizer.eos_token_id,
    }
    special = {
        "start": tokenizer.bos_token_id,
        "end": tokenizer.eos_token_id,
        "pad": tokenizer.eos_token_id,
    }

    class SuiteClip(sd1_clip.SDClipModel):
        def __init__(self, device: Any = "cpu", dtype: Any = None, **options: Any) -> None:
            super().__init__(
                device=device,
                dtype=dtype,
                textmodel_json_config=dict(shape),
                special_tokens=dict(special),
                return_projected_pooled=False,
                **options,
            )
            words = self.operations.Embedding(
                config.vocab_size, config.hidden_size, dtype=dtype, device=device
            )
            self.transformer.set_input_embeddings(words.requires_grad_(False))

    class SuiteTokenizer(sd1_clip.SDTokenizer):
        def __init__(self, **options: Any) -> None:
            super().__init__(
                tokenizer_path=str(tokenizer_folder), embedding_size=config.hidden_size, **options
            )

    class SuiteTokens(sd1_clip.SD1Tokenizer):
        predefined_prompt = suite.recommended.prompt

        def __init__(self, **options: Any) -> None:
            super().__init__(tokenizer=SuiteTokenizer, **options)

    class SuiteText(sd1_clip.SD1ClipModel):
        def __init__(self, **options: Any) -> None:
            super().__init__(clip_model=SuiteClip, **options)

    import folder_paths

    clip = CLIP(
        ClipTarget(SuiteTokens, SuiteText),
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        model_options={"dtype": torch.float32},
    )
    _fill(clip.cond_stage_model.clip_l.transformer, _text_tensors(network))
    return clip


def vae_of(suite: StableDiffusion) -> Any:
    """VAE: ComfyUI's loading, device and dtype handling around the suite's autoencoder."""
    from comfy.ldm.models.autoencoder import AutoencoderKL
    from comfy.sd import VAE

    vae = VAE(sd=AutoencoderKL(**_copied(_FRAME)).state_dict(), config={"params": _copied(_FRAME)})
    network = SuiteAutoencoder(suite.vae).to(vae.vae_dtype).eval()
    vae.first_stage_model = network
    vae.patcher = WholePatcher(
        network,
        load_device=vae.patcher.load_device,
        offload_device=vae.patcher.offload_device,
    )
    return vae


class SuiteAutoencoder(nn.Module):
    """What ComfyUI's VAE asks of its network, by diffusers' AutoencoderKL."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    @property
    def encoder(self) -> Any:
        return self.network.encoder

    @property
    def decoder(self) -> Any:
        return self.network.decoder

    def encode(self, pixels: Tensor, **_options: Any) -> Tensor:
        return self.network.encode(pixels).latent_dist.mode()

    def decode(self, latent: Tensor, **_options: Any) -> Tensor:
        return self.network.decode(latent, return_dict=False)[0]


def core_patcher_class() -> Any:
    """What ComfyUI puts round its own networks, by whichever name its version has."""
    from comfy import model_patcher

    return getattr(model_patcher, "CoreModelPatcher", model_patcher.ModelPatcher)


def _latent_format(kind: Any, vae: Any) -> Any:
    factors, bias = latent_colours(vae)
    kind.scale_factor = vae.config.scaling_factor
    kind.latent_rgb_factors, kind.latent_rgb_factors_bias = factors.tolist(), bias.tolist()
    return kind


def _noise_schedule(settings: Any) -> dict[str, Any]:
    assert settings.beta_schedule == "scaled_linear"  # which ComfyUI calls linear
    return {
        "beta_schedule": "linear",
        "linear_start": settings.beta_start,
        "linear_end": settings.beta_end,
        "timesteps": settings.num_train_timesteps,
        "zsnr": settings.rescale_betas_zero_snr,
    }


def _text_tensors(network: Any) -> dict[str, Tensor]:
    """By the names of the original code; the projection is nobody's in SD1.x."""
    tensors = network.state_dict()
    prefix = "" if any(name.startswith("text_model.") for name in tensors) else "text_model."
    named = {
        prefix + name: tensor
        for name, tensor in tensors.items()
        if not name.endswith("position_ids")
    }
    return named | {"text_projection.weight": torch.eye(network.config.hidden_size)}


def _fill(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    network.load_state_dict(dict(tensors), strict=True)


def _copied(settings: dict[str, Any]) -> dict[str, Any]:
    """ComfyUI takes what it is given apart."""
    return settings | {"ddconfig": dict(settings["ddconfig"])}


NODES = (MiniSuiteLoader,)
