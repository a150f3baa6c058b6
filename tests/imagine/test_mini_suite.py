import json

import pytest
import torch

from imagineid_core.imagine.mini_suite import (
    MiniSuiteConfig,
    build_scheduler,
    build_text_encoder,
    build_unet,
    build_vae,
    fold_standardisation,
    save_suite,
)
from imagineid_core.imagine.tokenizer import token_numbers, vocabulary_of
from imagineid_core.training.imagine_presets import smoke

TINY = smoke().suite
WORDS = vocabulary_of(["a", "red", "hat"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_saved_suite_loads_with_diffusers_as_the_same_model(tmp_path):
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion

    torch.manual_seed(0)
    vae, text, unet = build_vae(TINY), build_text_encoder(TINY, WORDS), build_unet(TINY)
    save_suite(
        tmp_path, vae=vae, text_encoder=text, unet=unet, vocabulary=WORDS, about={"seed": 0},
        half_precision=False,
    )  # fmt: skip
    model = load_stable_diffusion(tmp_path)
    tokens = model.tokenizer(
        ["a red hat"], padding="max_length", max_length=77, return_tensors="pt"
    ).input_ids
    assert torch.equal(tokens, token_numbers(["a red hat"], WORDS))
    noisy, states = torch.randn(1, 4, 4, 4), text.eval()(tokens).last_hidden_state
    loaded = model.text_encoder(tokens).last_hidden_state
    torch.testing.assert_close(loaded, states)
    time = torch.tensor([700])
    ours, theirs = unet.eval()(noisy, time, states), model.unet(noisy, time, states)
    torch.testing.assert_close(theirs.sample, ours.sample)
    picture = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(model.vae(picture).sample, vae.eval()(picture).sample)
    assert model.vae.config.scaling_factor == 1
    assert model.scheduler.config.prediction_type == "v_prediction"
    assert json.loads((tmp_path / "training.json").read_text()) == {"seed": 0}


def test_folding_whitens_the_latents_and_leaves_the_pictures():
    torch.manual_seed(0)
    vae = build_vae(TINY).eval()
    with torch.no_grad():
        vae.quant_conv.bias.normal_()  # type: ignore[union-attr]
    pictures = torch.rand(6, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        before = vae.encode(pictures).latent_dist
        mean, spread = before.mean.mean((0, 2, 3)), before.mean.std((0, 2, 3))
        folded = fold_standardisation(vae, mean, spread)
        after = folded.encode(pictures).latent_dist
        whitened = after.mean.transpose(0, 1).flatten(1)
        torch.testing.assert_close(whitened.mean(1), torch.zeros(4), atol=1e-4, rtol=0)
        torch.testing.assert_close(whitened.std(1), torch.ones(4), atol=1e-4, rtol=0)
        ratio = before.std / after.std
        torch.testing.assert_close(ratio, spread.view(1, 4, 1, 1).expand_as(ratio))
        torch.testing.assert_close(
            folded.decode(after.mean).sample, vae.decode(before.mean).sample, atol=1e-4, rtol=1e-4
        )


def test_the_schedule_ends_in_pure_noise_and_begins_its_steps_there():
    scheduler = build_scheduler()
    assert scheduler.alphas_cumprod[-1] == 0
    scheduler.set_timesteps(20)
    assert scheduler.timesteps[0] == 999
    latent, noise = torch.ones(1, 4, 2, 2), torch.full((1, 4, 2, 2), 5.0)
    assert torch.equal(scheduler.add_noise(latent, noise, torch.tensor([999])), noise)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_file_of_the_full_mini_suite_is_small_enough_to_ship(tmp_path):
    config = MiniSuiteConfig()
    save_suite(
        tmp_path,
        vae=build_vae(config),
        text_encoder=build_text_encoder(config, WORDS),
        unet=build_unet(config),
        vocabulary=WORDS,
        about={},
    )
    sizes = {path: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    assert max(sizes.values()) < 16e6
    assert 20e6 < sum(sizes.values()) < 28e6
