"""SCA among ComfyUI's own controls: strength, range, order, how often it runs."""

import pytest
import torch

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.spatial_condition import (
    SpatialConditionAdapter,
    SpatialConditionConfig,
)

STEPS = 3


@pytest.fixture
def sampled(suite):
    """A latent of three steps under these conditionings."""

    def sample(positive, negative, size=16):
        import comfy.sample

        noise = torch.randn(1, 4, size, size, generator=torch.Generator().manual_seed(1))
        return comfy.sample.sample(
            suite.model,
            noise,
            STEPS,
            2.0,
            "euler",
            "simple",
            positive,
            negative,
            torch.zeros_like(noise),
            disable_pbar=True,
            seed=1,
        )

    return sample


@pytest.fixture
def steer(pack, suite, adapters, mesh):
    """Positive and negative out of the node."""

    def steered(positive, negative, strength=1.0, start=0.0, end=1.0, size=128):
        picture = mesh(1, size)[0]
        return (
            pack("spatial_control")
            .SpatialAdapter.execute(
                positive=positive,
                negative=negative,
                adapters=adapters,
                vae=suite.vae,
                mesh=pack("convert").images_from_core(picture.colour),
                strength=strength,
                start_percent=start,
                end_percent=end,
            )
            .args
        )

    return steered


def test_it_acts_and_at_strength_0_or_out_of_range_it_does_not(suite, sampled, steer):
    texts = (suite.positive, suite.negative)
    plain, acting = sampled(*texts), sampled(*steer(*texts))
    assert (plain - acting).abs().max() > 0.1
    assert torch.allclose(sampled(*steer(*texts, strength=0.0)), plain, atol=1e-4)
    assert torch.allclose(sampled(*steer(*texts, start=0.999)), plain, atol=1e-4)


def test_two_halves_are_a_whole(suite, sampled, steer):
    texts = (suite.positive, suite.negative)
    halves = steer(*steer(*texts, strength=0.5), strength=0.5)
    assert torch.allclose(sampled(*halves), sampled(*steer(*texts)), atol=1e-4)


def test_the_order_with_a_stock_adapter_does_not_matter(suite, sampled, steer):
    texts = (suite.positive, suite.negative)

    def stock(positive, negative):
        control = _stock_adapter().set_cond_hint(torch.full((1, 3, 128, 128), 0.3), 0.7)
        return [
            [
                [states, {**options, "control": _behind(control, options)}]
                for states, options in conditioning
            ]
            for conditioning in (positive, negative)
        ]

    ours_last, ours_first = sampled(*steer(*stock(*texts))), sampled(*stock(*steer(*texts)))
    assert torch.allclose(ours_last, ours_first, atol=1e-4)
    assert (ours_last - sampled(*steer(*texts))).abs().max() > 1e-2
    assert (ours_last - sampled(*stock(*texts))).abs().max() > 1e-2


def test_it_runs_once_however_many_steps(suite, sampled, steer, networks):
    calls = []
    handle = networks.spatial.register_forward_hook(lambda *_: calls.append(1))
    try:
        sampled(*steer(suite.positive, suite.negative))
    finally:
        handle.remove()
    assert len(calls) == 1


def test_a_mesh_of_another_size_is_refused(suite, sampled, steer):
    texts = steer(suite.positive, suite.negative, size=64)
    with pytest.raises(InputError, match="8 x 8 latents large but .* 16 x 16"):
        sampled(*texts)


def test_pictures_of_another_size_than_the_mesh_are_refused(pack, suite):
    with pytest.raises(InputError, match="identity is 32 x 64 but the mesh is 64 x 64"):
        pack("spatial_control").encoded(
            suite.vae, torch.zeros(1, 64, 64, 3), identity=torch.zeros(1, 64, 32, 3)
        )


def test_the_mouth_is_hidden_before_the_frame_is_encoded(pack, suite):
    frame, mouth = torch.rand(1, 64, 64, 3), torch.zeros(1, 64, 64)
    mouth[:, 40:48] = 1
    painted = frame.clone()
    painted[:, 40:48] = 0
    latents = pack("spatial_control").encoded(suite.vae, frame, previous=frame, mouth=mouth)
    assert torch.allclose(latents.previous, suite.vae.encode(painted), atol=1e-5)


def test_an_adapter_of_other_widths_is_refused_with_both(pack, suite, sampled):
    config = SpatialConditionConfig(channels=(320, 640, 1280, 1280), num_blocks=1)
    with torch.device("meta"):
        other = SpatialConditionAdapter(config)
    ours = pack("spatial_control")
    with pytest.raises(WeightsError, match=r"\(320, 640.*\(64, 64, 128, 128\).* Connect"):
        ours.map_slots(suite.model.model.diffusion_model, other.config)
    with pytest.raises(WeightsError, match="this MODEL is a Linear"):
        ours.map_slots(torch.nn.Linear(1, 1), other.config)


def test_slots_are_those_of_sd15(pack):
    class Unet:
        model_channels, channel_mult, num_res_blocks = 320, (1, 2, 4, 4), [2, 2, 2, 2]

    assert pack("spatial_control").map_slots(Unet, SpatialConditionConfig()) == (2, 5, 8, 11)


def test_without_an_adapter_the_node_says_so(pack, suite):
    ours = pack("spatial_control")
    with pytest.raises(WeightsError, match="no spatial condition adapter.*Adapter Loader"):
        ours.SpatialAdapter.execute(
            positive=suite.positive,
            negative=suite.negative,
            adapters=pack("adapters").AdapterBundle(),
            vae=suite.vae,
            mesh=torch.zeros(1, 64, 64, 3),
            strength=1.0,
            start_percent=0.0,
            end_percent=1.0,
        )


def _stock_adapter():
    import comfy.controlnet
    import comfy.t2i_adapter.adapter

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = comfy.t2i_adapter.adapter.Adapter(
            channels=[64, 64, 128, 128],
            nums_rb=1,
            cin=64 * 3,
            ksize=1,
            sk=True,
            use_conv=False,
            xl=False,
        )
    return comfy.controlnet.T2IAdapter(network, 3, 8, "nearest-exact")


def _behind(control, options):
    return control.copy().set_previous_controlnet(options.get("control"))
