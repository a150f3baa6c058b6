"""The whole loop on Stable Diffusion's own classes at tiny size; calls are counted on them."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest
import torch
from diffusers import ControlNetModel

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.autoregressive import imagine
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.diffusers_host import Control
from imagineid_core.imagine.host import Denoising, Host
from tests.imagine.tiny_diffusion import (
    TEXT_WIDTH,
    UNET,
    TinySpatial,
    mesh_pictures,
    middle,
    texts,
    tiny_host,
    tiny_model,
)

CONFIG = ImagineConfig(seed=3, num_steps=2, meshes_ahead=2)
MESHES = mesh_pictures(4)
# diffusers hands tensors to np.array, which newer numpy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def clip(host, config=CONFIG, meshes=MESHES, **options):
    return list(imagine(host, meshes, config, **options))


def assert_same(made, expected):
    assert len(made) == len(expected)
    for one, other in zip(made, expected, strict=True):
        assert one.index == other.index
        assert torch.equal(one.frame, other.frame)


def test_the_diffusers_host_is_a_host():
    host = tiny_host()
    assert isinstance(host, Host)
    assert (host.latent_channels, host.pixels_per_latent) == (4, 8)


def test_two_runs_are_identical_and_frames_are_pictures():
    made = clip(tiny_host())
    assert_same(clip(tiny_host()), made)
    for done in made:
        assert done.frame.shape == (1, 3, 64, 64)
        assert done.frame.dtype == torch.float32
        assert done.frame.abs().max() <= 1
    assert not torch.equal(made[1].frame, made[2].frame)


def test_calls_of_the_real_networks_for_one_coherent_frame():
    model = tiny_model()
    host = tiny_host(model)
    counted = Counter()
    named = {
        "vae_encode": model.vae.encoder,
        "vae_decode": model.vae.decoder,
        "unet": model.unet,
        "text": model.text_encoder,
        "sca": host.spatial,
    }
    for name, network in named.items():
        network.register_forward_hook(lambda *call, name=name: counted.update([name]))
    counts = []
    for _ in imagine(host, MESHES, replace(CONFIG, meshes_ahead=4)):
        counts.append(counted.copy())
    for before, after in itertools.pairwise(counts[1:]):
        spent = {name: after[name] - before[name] for name in named}
        assert spent == {"vae_encode": 1, "sca": 1, "unet": 2, "vae_decode": 1, "text": 0}
    first = counts[0]
    assert (first["unet"], first["sca"], first["vae_encode"]) == (2, 1, 1)  # CFG: two in a batch


@pytest.mark.parametrize("last", [0, 2])
def test_a_clip_taken_up_again_is_the_clip_that_never_stopped(last):
    whole = clip(tiny_host())
    assert_same(clip(tiny_host(), resume=whole[last]), whole[last + 1 :])


def test_encoding_meshes_ahead_is_encoding_them_one_by_one():
    alone = clip(tiny_host(), replace(CONFIG, meshes_ahead=1))
    for one, other in zip(clip(tiny_host()), alone, strict=True):
        # Convolutions may sum a batch in another order; nothing else differs.
        assert (one.frame - other.frame).abs().max() < 1e-4


def test_resync_every_frame_is_the_plain_path():
    assert_same(clip(tiny_host(), replace(CONFIG, resync=1)), clip(tiny_host()))
    rare = clip(tiny_host(), replace(CONFIG, resync=5))
    assert not torch.equal(rare[2].frame, clip(tiny_host())[2].frame)


def test_every_condition_reaches_the_picture():
    plain = clip(tiny_host())
    without = clip(tiny_host(spatial=None))
    assert not torch.equal(without[0].frame, plain[0].frame)
    unblended = clip(tiny_host(blending=None))
    assert torch.equal(unblended[0].frame, plain[0].frame)
    assert not torch.equal(unblended[1].frame, plain[1].frame)


@pytest.mark.parametrize("guided_share", [1.0, 0.5])
def test_without_adapters_the_first_frame_is_plain_stable_diffusion(guided_share):
    """Against a denoising loop written out: DDIM from the same noise, guidance 7.5."""
    model = tiny_model()
    host = tiny_host(model, spatial=None, blending=None)
    made = clip(host, replace(CONFIG, guided_share=guided_share), MESHES[:2])
    words = texts()
    latent = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(CONFIG.seed))
    model.scheduler.set_timesteps(2)
    for guided, timestep in zip((True, guided_share == 1), model.scheduler.timesteps, strict=True):
        predicted = with_text = model.unet(latent, timestep, words["text"]).sample
        if guided:
            without = model.unet(latent, timestep, words["unguided"]).sample
            predicted = without + 7.5 * (with_text - without)
        latent = model.scheduler.step(predicted, timestep, latent).prev_sample
    expected = model.vae.decode(latent / model.vae.config.scaling_factor).sample.clamp(-1, 1)
    assert torch.allclose(made[0].frame, expected, atol=1e-4)


def test_v_prediction_is_honoured():
    made = clip(tiny_host(tiny_model(prediction_type="v_prediction")), meshes=MESHES[:1])
    assert not torch.equal(made[0].frame, clip(tiny_host(), meshes=MESHES[:1])[0].frame)


@pytest.mark.parametrize(
    "name",
    [
        "EulerDiscreteScheduler",
        "EulerAncestralDiscreteScheduler",
        "DPMSolverMultistepScheduler",
        "UniPCMultistepScheduler",
        "LCMScheduler",
        "PNDMScheduler",
    ],
)
def test_any_scheduler_is_repeatable_and_resumes(name):
    host = tiny_host(tiny_model(name, original_inference_steps=50))
    config = replace(CONFIG, num_steps=3)
    whole = clip(host, config, MESHES[:3])
    assert_same(clip(host, config, MESHES[:3], resume=whole[1]), whole[2:])


def denoised(host, seeds, **way):
    noise = torch.zeros(1, 4, 8, 8)
    features = host.condition(MESHES[0], torch.zeros(1, 4, 8, 8), None, None)
    steps = Denoising(
        num_steps=4, guidance=1.0, step_seed=lambda step: seeds, on_step=lambda step: None, **way
    )
    with torch.no_grad():
        return host.denoise(noise, features, steps)


def test_a_stochastic_scheduler_draws_from_the_seeds_it_is_given():
    ancestral = tiny_host(tiny_model("EulerAncestralDiscreteScheduler"))
    assert torch.equal(denoised(ancestral, 1), denoised(ancestral, 1))
    assert not torch.equal(denoised(ancestral, 1), denoised(ancestral, 2))
    assert torch.equal(denoised(tiny_host(), 1), denoised(tiny_host(), 2))


def test_eta_is_ddims_own_and_draws_from_the_seeds_it_is_given(caplog):
    host, model = tiny_host(spatial=None), tiny_model()
    latent = noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(4))
    model.scheduler.set_timesteps(4)
    for step, timestep in enumerate(model.scheduler.timesteps):
        predicted = model.unet(latent, timestep, texts()["text"]).sample
        drawn = torch.Generator().manual_seed(7 + step)
        latent = model.scheduler.step(
            predicted, timestep, latent, eta=1.0, generator=drawn
        ).prev_sample
    way = Denoising(
        num_steps=4, guidance=1.0, eta=1.0, step_seed=lambda step: 7 + step, on_step=lambda _: None
    )
    with torch.no_grad():
        made = host.denoise(noise, host.condition(MESHES[0], None, None, None), way)
        torch.testing.assert_close(made, latent, atol=1e-5, rtol=0)
        plain = host.denoise(
            noise, host.condition(MESHES[0], None, None, None), replace(way, eta=0.0)
        )
    assert not torch.allclose(made, plain, atol=1e-2)
    assert "has no eta" not in caplog.text
    other = tiny_host(tiny_model("EulerDiscreteScheduler"))
    assert torch.equal(denoised(other, 1, eta=1.0), denoised(other, 1))
    assert "EulerDiscreteScheduler has no eta" in caplog.text


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler"])
def test_a_warm_start_runs_its_share_of_the_steps(name):
    model = tiny_model(name)
    host, calls = tiny_host(model), []
    model.unet.register_forward_hook(lambda *call: calls.append(1))
    denoised(host, 1, start=torch.ones(1, 4, 8, 8), strength=0.5)
    assert len(calls) == 2
    warm = clip(tiny_host(model), replace(CONFIG, warm_start=0.5))
    assert_same(clip(tiny_host(model), replace(CONFIG, warm_start=0.5), resume=warm[1]), warm[2:])


def test_a_given_image_starts_the_clip():
    image = MESHES[3].colour
    made = clip(tiny_host(), image=image)
    assert torch.equal(made[0].frame, image)
    assert not torch.equal(made[1].frame, clip(tiny_host())[1].frame)


def test_a_controlnet_changes_the_picture_by_its_scale():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        shared = {key: value for key, value in UNET.items() if key != "sample_size"}
        network = ControlNetModel(**shared, conditioning_embedding_out_channels=(4, 4, 8, 8))
        for convolution in network.controlnet_down_blocks:
            torch.nn.init.normal_(convolution.weight)
        torch.nn.init.normal_(network.controlnet_cond_embedding.conv_out.weight)
    plain = clip(tiny_host(), meshes=MESHES[:1])[0].frame
    changed = clip(tiny_host(control=Control(network=network)), meshes=MESHES[:1])[0].frame
    assert not torch.equal(plain, changed)
    none = clip(tiny_host(control=Control(network=network, scale=0.0)), meshes=MESHES[:1])
    assert torch.allclose(none[0].frame, plain, atol=1e-5)
    picture = replace(MESHES[0], control=-MESHES[0].colour)
    other = clip(tiny_host(control=Control(network=network)), meshes=[picture])[0].frame
    assert not torch.equal(other, changed)


def test_networks_in_half_precision_take_and_give_float32():
    model = tiny_model()
    model.unet.to(torch.bfloat16)
    made = clip(tiny_host(model), meshes=MESHES[:2])
    assert made[1].frame.dtype == torch.float32
    full = clip(tiny_host(), meshes=MESHES[:2])
    assert 0 < (made[1].frame - full[1].frame).abs().max() < 0.3


def test_a_vae_that_overflows_is_named_with_the_remedy():
    model = tiny_model()
    model.vae.decoder.conv_out.bias.fill_(float("inf"))
    with pytest.raises(InputError, match="VAE decoder gave NaN.*frame 0.*VAE in bf16 or fp32"):
        clip(tiny_host(model))


def test_texts_of_two_lengths_are_guided_by_two_calls():
    model = tiny_model()
    calls = []
    model.unet.register_forward_hook(lambda *call: calls.append(1))
    clip(tiny_host(model, **texts(tokens=9)), meshes=MESHES[:1])
    assert len(calls) == 4


def test_parts_of_another_width_are_named():
    with pytest.raises(WeightsError, match=f"text is 20 wide but this UNet reads {TEXT_WIDTH}"):
        tiny_host(**texts(width=20))
    host = tiny_host(spatial=TinySpatial((8, 8, 8, 8)))
    with pytest.raises(WeightsError, match=r"\[8, 8, 8, 8\] channels but this UNet has \[8, 8, 16"):
        clip(host)


def test_blending_falls_back_on_the_meshs_silhouette():
    with pytest.raises(InputError, match="neither a matte nor the mesh's silhouette"):
        clip(tiny_host(matte=None))
    headed = [replace(picture, head_mask=middle(picture.colour)) for picture in MESHES[:2]]
    found = clip(tiny_host(matte=None), meshes=headed)[1].person_mask
    assert found is not None
    assert 0.1 < found.mean() < 0.9
    nobody = tiny_host(matte=lambda image: torch.zeros_like(image[:, :1]))
    assert torch.equal(clip(nobody, meshes=headed)[1].person_mask, found)
