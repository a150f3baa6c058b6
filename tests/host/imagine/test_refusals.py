"""Models of other kinds beside adapters of SD1.x: refused before the work, with what to connect.

They are ComfyUI's own classes without weights.
"""

from types import SimpleNamespace

import pytest
import torch

from imagineid_core.errors import InputError, WeightsError

SDXL = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 320,
    "channel_mult": [1, 2, 4],
    "num_res_blocks": [1, 1, 1],
    "transformer_depth": [0, 1, 1],
    "transformer_depth_middle": 1,
    "transformer_depth_output": [0, 0, 1, 1, 1, 1],
    "context_dim": 2048,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": True,
    "adm_in_channels": 2816,
    "num_classes": "sequential",
    "num_head_channels": 64,
}
SD3 = {"in_channels": 16, "depth": 1, "adm_in_channels": 2048, "pos_embed_scaling_factor": None}
FLUX = {
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": 768,
    "context_in_dim": 4096,
    "hidden_size": 256,
    "mlp_ratio": 4.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 1,
    "axes_dim": [16, 56, 56],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": True,
    "txt_ids_dims": [],
}


def model_of(kind, config):
    """MODEL of one of ComfyUI's families."""
    from comfy import supported_models
    from comfy.ldm.flux.model import FluxParams
    from comfy.model_patcher import ModelPatcher

    if kind == "Flux":  # older versions have fewer settings
        fields = FluxParams.__dataclass_fields__
        config = {name: value for name, value in config.items() if name in fields}
    made = getattr(supported_models, kind)(dict(config))
    made.set_inference_dtype(torch.float32, None)
    cpu = torch.device("cpu")
    return ModelPatcher(made.get_model({}, "", device="meta"), cpu, cpu)


def vae_of(channels, dimensions=2):
    return SimpleNamespace(latent_channels=channels, latent_dim=dimensions)


@pytest.fixture
def sampled(pack, suite, adapters, mesh):
    def sample(**changes):
        given = {
            "model": suite.model,
            "vae": suite.vae,
            "positive": suite.positive,
            "negative": suite.negative,
            "mesh": mesh(2),
            "seed": 5,
            "steps": 2,
            "cfg": 1.5,
            "sampler_name": "ddim",
            "scheduler": "simple",
            "keep_images": True,
            "show_size": 0,
            "show_label": True,
            "adapters": adapters,
        }
        return pack("sampler").AutoregressiveSampler.execute(**(given | changes))

    return sample


@pytest.mark.parametrize(
    ("kind", "config", "channels", "told"),
    [
        ("SDXL", SDXL, 4, r"levels have \(320, 640, 1280\). Connect the MODEL that the adapter"),
        ("SD3", SD3, 16, "steers the UNet of SD1.x and SD2.x but this MODEL is a .*MMDIT"),
        ("Flux", FLUX, 16, "steers the UNet of SD1.x and SD2.x but this MODEL is a Flux"),
    ],
)
def test_a_model_that_the_spatial_adapter_cannot_steer(sampled, kind, config, channels, told):
    with pytest.raises(WeightsError, match=told):
        sampled(model=model_of(kind, config), vae=vae_of(channels))


def test_a_model_of_other_latents_than_the_vae(sampled):
    with pytest.raises(InputError, match="works on 16 latent channels but the VAE gives 4"):
        sampled(model=model_of("Flux", FLUX))


def test_a_vae_of_video(pack, sampled):
    from comfy.ldm.wan.vae import WanVAE

    with torch.device("meta"):
        network = WanVAE(dim=32, z_dim=16)
    video = SimpleNamespace(latent_channels=16, latent_dim=3, first_stage_model=network)
    with pytest.raises(WeightsError, match="works on video or sound.*Connect the MODEL and VAE"):
        sampled(vae=video)
    from imagineid_core.imagine.mask_blending import MaskBlendingConfig

    with pytest.raises(WeightsError, match="this VAE .WanVAE. does not have.*video VAEs cannot"):
        pack("blending").check_fits(video, MaskBlendingConfig())


@pytest.mark.parametrize(
    ("module", "kind"),
    [("sdxl_clip", "SDXLClipModel"), ("text_encoders.sd3_clip", "SD3ClipModel")],
)
def test_several_text_encoders_cannot_read_the_words(pack, module, kind):
    import importlib

    network = getattr(importlib.import_module(f"comfy.{module}"), kind)(device="meta")
    with pytest.raises(WeightsError, match=f"this CLIP .{kind}. is not one text encoder"):
        pack("text").check_width(SimpleNamespace(cond_stage_model=network), 768)


def test_a_batch_where_a_clip_has_one_picture(sampled):
    with pytest.raises(InputError, match="background is 2 of 128 x 128 .* Give one of that size"):
        sampled(background=torch.rand(2, 128, 128, 3))


def test_no_frame_at_all(sampled, mesh):
    with pytest.raises(InputError, match="mesh has no frame. Use a sound of at least one frame"):
        sampled(mesh=mesh(0))
