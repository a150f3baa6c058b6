"""A LoRA file does to the Mini Suite in ComfyUI what the core does with it on diffusers."""

import copy

import pytest
import torch
from host.stand_ins import save_lora

from imagineid_core.imagine.lora import fold_lora
from imagineid_core.imagine.textual_inversion import encode_text, prompt_ids

TEXT = "portrait of a person, a red hat"


@pytest.fixture(scope="module")
def file(diffusers_suite, tmp_path_factory):
    path = tmp_path_factory.mktemp("loras") / "small.safetensors"
    save_lora(path, diffusers_suite.unet, diffusers_suite.text_encoder)
    return path


@pytest.fixture(scope="module")
def folded(diffusers_suite, file):
    """UNet and text encoder of diffusers with the LoRA in their weights."""
    networks = (
        copy.deepcopy(diffusers_suite.unet),
        copy.deepcopy(diffusers_suite.text_encoder),
    )
    assert fold_lora(file, unet=networks[0], text_encoder=networks[1]) > 10
    return networks


@pytest.fixture(scope="module")
def with_lora(suite, file):
    """MODEL and CLIP as Load LoRA gives them."""
    import comfy.sd
    import comfy.utils

    tensors = comfy.utils.load_torch_file(str(file), safe_load=True)
    return comfy.sd.load_lora_for_models(suite.model, suite.clip, tensors, 1.0, 1.0)


def states_of(clip):
    return clip.encode_from_tokens_scheduled(clip.tokenize(TEXT))[0][0]


def test_every_layer_of_the_file_is_found(suite, file, told):
    import comfy.sd
    import comfy.utils

    tensors = comfy.utils.load_torch_file(str(file), safe_load=True)
    told.clear()
    comfy.sd.load_lora_for_models(suite.model, suite.clip, tensors, 1.0, 1.0)
    assert [line for line in told if "not loaded" in line or "NOT LOADED" in line] == []


def test_the_text_is_read_alike(suite, diffusers_suite, folded, with_lora):
    _, clip = with_lora
    ids = prompt_ids(diffusers_suite.tokenizer, TEXT)
    states = states_of(clip)
    assert torch.allclose(states, encode_text(folded[1], ids).states, atol=1e-4)
    assert (states - states_of(suite.clip)).abs().max() > 1e-2


def test_the_unet_predicts_alike(suite, diffusers_suite, folded, with_lora):
    import comfy.sample
    import comfy.samplers

    model, _ = with_lora
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    text = suite.positive[0][0]
    sampling = model.get_model_object("model_sampling")
    sigma = sampling.sigmas[500]

    def denoised(one):
        """Of a single step to zero: what is predicted."""
        return comfy.sample.sample_custom(
            one,
            noise,
            1.0,
            comfy.samplers.ksampler("euler"),
            torch.stack([sigma, torch.zeros(())]),
            suite.positive,
            suite.negative,
            torch.zeros_like(noise),
            disable_pbar=True,
            seed=0,
        )

    format_ = model.get_model_object("latent_format")
    noisy = noise * sigma / (1 + sigma**2).sqrt()
    remaining = diffusers_suite.scheduler.alphas_cumprod[500]
    velocity = folded[0](noisy, 500, encoder_hidden_states=text).sample
    expected = format_.process_out(remaining.sqrt() * noisy - (1 - remaining).sqrt() * velocity)
    made = denoised(model)
    assert torch.allclose(made, expected, atol=1e-3)
    assert (made - denoised(suite.model)).abs().max() > 1e-2


def test_without_strength_nothing_changes(suite, file):
    import comfy.sd
    import comfy.utils

    tensors = comfy.utils.load_torch_file(str(file), safe_load=True)
    _, clip = comfy.sd.load_lora_for_models(suite.model, suite.clip, tensors, 0.0, 0.0)
    assert torch.equal(states_of(clip), states_of(suite.clip))
