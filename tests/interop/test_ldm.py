"""The original names, checked by who reads them: diffusers' loader of single files."""

import pytest
import torch

from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from imagineid_core.interop.ldm import checkpoint_tensors, save_checkpoint_file
from tests.imagine.tiny_diffusion import TINY_SUITE, save_tiny_suite


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("model")
    save_tiny_suite(place)
    return place


def test_a_model_written_as_one_file_is_the_same_model_when_read_back(folder, tmp_path):
    model = load_stable_diffusion(folder)
    save_checkpoint_file(tmp_path / "one.safetensors", model)
    again = load_stable_diffusion(tmp_path / "one.safetensors", configs=folder)
    for name in ("unet", "vae", "text_encoder"):
        before, after = getattr(model, name).state_dict(), getattr(again, name).state_dict()
        assert set(before) == set(after)
        for key, value in before.items():
            assert torch.equal(value, after[key]), f"{name}.{key}"


def test_names_are_those_of_sd_checkpoints(folder):
    """Names that every SD1.5 checkpoint has, one of each kind, at this depth."""
    names = set(checkpoint_tensors(load_stable_diffusion(folder)))
    assert TINY_SUITE.unet_layers == 1
    for known in (
        "model.diffusion_model.time_embed.0.weight",
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
        "model.diffusion_model.input_blocks.2.0.op.weight",
        "model.diffusion_model.middle_block.1.proj_in.weight",
        "model.diffusion_model.output_blocks.1.1.conv.weight",
        "model.diffusion_model.output_blocks.3.2.conv.weight",
        "model.diffusion_model.out.2.bias",
        "first_stage_model.encoder.down.0.downsample.conv.weight",
        "first_stage_model.decoder.mid.attn_1.q.weight",
        "first_stage_model.decoder.up.3.block.0.conv1.weight",
        "first_stage_model.quant_conv.weight",
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    ):
        assert known in names
