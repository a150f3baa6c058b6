"""The Mini Suite gives in ComfyUI what it gives in diffusers; bounds are float32's rounding."""

import pytest
import torch

from imagineid_core.imagine.textual_inversion import encode_text, prompt_ids


@pytest.mark.parametrize("text", ["portrait of a person", "a woman, 25: red hat! -- ok", ""])
def test_text_is_read_alike(suite, diffusers_suite, text):
    ids = prompt_ids(diffusers_suite.tokenizer, text)
    expected = encode_text(diffusers_suite.text_encoder, ids).states
    ((states, _options),) = suite.clip.encode_from_tokens_scheduled(suite.clip.tokenize(text))
    assert torch.allclose(states, expected, atol=1e-5)


def test_weights_in_brackets_change_what_is_read(suite):
    plain, weighted = (
        suite.clip.encode_from_tokens_scheduled(suite.clip.tokenize(text))[0][0]
        for text in ("a red hat", "a (red:1.5) hat")
    )
    assert weighted.isfinite().all()
    assert (plain - weighted).abs().max() > 1e-3


def test_pictures_are_encoded_and_decoded_alike(suite, diffusers_suite):
    pictures = torch.rand(2, 128, 128, 3, generator=torch.Generator().manual_seed(0))
    latents = suite.vae.encode(pictures)
    vae = diffusers_suite.vae
    expected = vae.encode(pictures.movedim(-1, 1) * 2 - 1).latent_dist.mode()
    assert torch.allclose(latents, expected, atol=1e-4)
    shown = (vae.decode(latents).sample / 2 + 0.5).clamp(0, 1).movedim(1, -1)
    assert torch.allclose(suite.vae.decode(latents), shown, atol=1e-4)


def test_noise_levels_are_the_schedulers_but_for_the_last(suite, diffusers_suite):
    """The last is infinite in the suite; here it is as large as float32 bears well."""
    remaining = diffusers_suite.scheduler.alphas_cumprod
    expected = ((1 - remaining) / remaining).sqrt()
    sigmas = suite.model.get_model_object("model_sampling").sigmas
    assert torch.allclose(sigmas[:-1], expected[:-1], rtol=1e-4)
    assert sigmas[-1] == 2e4


@pytest.mark.parametrize(("timestep", "bound"), [(999, 5e-4), (949, 1e-4), (500, 1e-4), (0, 1e-4)])
def test_the_unet_predicts_the_same_picture(suite, diffusers_suite, timestep, bound):
    """At 999 the noise level is not infinite, which leaves 1/20000 of the noise."""
    noisy = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    text = suite.positive[0][0].expand(2, -1, -1)
    remaining = diffusers_suite.scheduler.alphas_cumprod[timestep]
    velocity = diffusers_suite.unet(noisy, timestep, encoder_hidden_states=text).sample
    expected = remaining.sqrt() * noisy - (1 - remaining).sqrt() * velocity
    model = suite.model.model
    sigma = model.model_sampling.sigmas[timestep]
    denoised = model.apply_model(noisy * (1 + sigma**2).sqrt(), sigma.expand(2), c_crossattn=text)
    assert (denoised - expected).abs().max() < bound


def test_loading_it_says_nothing(pack, caplog):
    pack("mini_suite").load_mini_suite()
    assert [line.getMessage() for line in caplog.records if line.levelname == "WARNING"] == []


def test_a_preview_has_the_colours_of_the_picture(suite):
    from latent_preview import Latent2RGBPreviewer

    kind = suite.model.model.latent_format
    previewer = Latent2RGBPreviewer(kind.latent_rgb_factors, kind.latent_rgb_factors_bias)
    picture = torch.zeros(1, 128, 128, 3)
    picture[:, :, :64, 0] = 0.8
    picture[:, :, 64:, 2] = 0.8
    shown = previewer.decode_latent_to_preview(suite.vae.encode(picture))
    left, right = shown.getpixel((3, 8)), shown.getpixel((12, 8))
    assert left[0] > left[2]
    assert right[2] > right[0]
    assert shown.size == (16, 16)


def test_where_memory_is_short_plain_networks_stay_whole(suite):
    patcher = suite.vae.patcher
    patcher.load(torch.device("cpu"), lowvram_model_memory=1)
    assert patcher.model.model_lowvram is False
    assert patcher.loaded_size() == patcher.model_size()
    assert patcher.partially_unload(torch.device("cpu"), 1) == 0
