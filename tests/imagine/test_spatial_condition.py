import pytest
import torch

from imagineid_core.checkpoint import config_from_json, config_to_json, save_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.mini_suite import MiniSuiteConfig, build_unet
from imagineid_core.imagine.spatial_condition import (
    ARCHITECTURE,
    SpatialConditionAdapter,
    SpatialConditionConfig,
    check_fits_unet,
    load_spatial_condition,
    unet_residuals,
)
from tests.parity import SEED, assert_parity, formula_weights, weights

SUITE = MiniSuiteConfig(
    size=64, text_width=8, unet_channels=(8, 16, 16, 16), unet_layers=2, unet_heads=2,
    unet_norm_groups=4,
)  # fmt: skip
TINY = SpatialConditionConfig(channels=SUITE.unet_channels)
DEMONSTRATION = (32, 64, 128, 128)


def build(config=TINY, seed=0):
    torch.manual_seed(seed)
    return SpatialConditionAdapter(config).eval()


def latents(num=3, size=8):
    return torch.randn(num, 2, 4, size, size).unbind()


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    return build_unet(SUITE).eval()


def test_the_papers_adapter_has_282_973_440_parameters():
    with torch.device("meta"):
        network = SpatialConditionAdapter(SpatialConditionConfig())
    assert sum(p.numel() for p in network.parameters()) == 282_973_440


def ours(key: str) -> str:
    """T2I-Adapter's name of a tensor, in our words."""
    if key.startswith("conv_in."):
        return key.replace("conv_in", "mesh_in")
    _, number, rest = key.split(".", 2)
    level, block = divmod(int(number), 2)
    names = {"in_conv": "enter", "block1": "first", "block2": "second", "skep": "skip"}
    part, kind = rest.rsplit(".", 1)
    return f"levels.{level}.{block}.{names.get(part, 'halve')}.{kind}"


@pytest.mark.slow
def test_at_full_size_it_is_the_t2i_adapter_on_latents():
    with torch.device("meta"):
        network = SpatialConditionAdapter(SpatialConditionConfig())
    state = {ours(key): value for key, value in weights("sca").items()}
    network.load_state_dict(state, assign=True)
    latent = torch.from_numpy(formula_weights.noise("sca:latent", (1, 4, 64, 64), SEED))
    with torch.no_grad():
        maps = network(latent)
    # 20 times the reference's own float32 rounding.
    limits = {"map0": 7e-5, "map1": 2e-4, "map2": 3e-4, "map3": 4e-4}
    assert_parity("sca", {f"map{level}": item for level, item in enumerate(maps)}, limits)


def test_the_three_latents_are_summed_first():
    network, (mesh, identity, previous) = build(), latents()
    for given, total in (
        ((mesh, identity, previous), mesh + identity + previous),
        ((mesh, identity), mesh + identity),
        ((mesh, None, previous), mesh + previous),
    ):
        for got, expected in zip(network(*given), network(total), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)


def test_separate_inputs_tell_the_three_apart():
    config = SpatialConditionConfig(channels=(4, 8), separate_inputs=True)
    network, (mesh, identity, previous) = build(config), latents()
    swapped = network(mesh, previous, identity)
    assert (network(mesh, identity, previous)[0] - swapped[0]).abs().max() > 0.01
    added = sum(p.numel() for p in network.parameters()) - sum(
        p.numel() for p in build(SpatialConditionConfig(channels=(4, 8))).parameters()
    )
    assert added == 2 * 4 * 4 * 9


@pytest.mark.parametrize("separate", [False, True])
def test_zeros_stand_for_a_latent_that_is_not_there(separate):
    """So one batch of training mixes coherent and diverse samples."""
    network = build(SpatialConditionConfig(channels=(4, 8), separate_inputs=separate))
    mesh, identity, previous = latents()
    coherent = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
    mixed = network(mesh, identity * coherent, previous * coherent)
    for got, both, alone in zip(
        mixed, network(mesh, identity, previous), network(mesh), strict=True
    ):
        torch.testing.assert_close(got[0], both[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(got[1], alone[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [8, 9, 12])
@torch.no_grad()
def test_the_maps_have_the_sizes_of_the_unets_levels(unet, size):
    features = build()(*latents(size=size))
    seen = []
    hooks = [
        block.resnets[-1].register_forward_hook(lambda module, inputs, made: seen.append(made))
        for block in unet.down_blocks
    ]
    unet(torch.randn(2, 4, size, size), 500, torch.randn(2, 77, 8))
    for hook in hooks:
        hook.remove()
    assert [item.shape for item in features] == [item.shape for item in seen]


@torch.no_grad()
def test_diffusers_adds_every_map_at_the_end_of_its_level_and_into_the_skip(unet):
    """By our own hooks on the same places, over two calls with one set of maps."""
    features = build()(torch.randn(1, 4, 8, 8))
    kept = [item.clone() for item in features]
    noisy, text = torch.randn(2, 4, 8, 8), torch.randn(2, 77, 8)
    got, again = (
        unet(noisy, 500, text, down_intrablock_additional_residuals=unet_residuals(features)).sample
        for _ in range(2)
    )
    assert torch.equal(got, again)
    assert all(torch.equal(a, b) for a, b in zip(features, kept, strict=True))

    def add(level):
        def hook(module, inputs, made):
            hidden = made[0] if isinstance(made, tuple) else made
            return (
                (hidden + kept[level], *made[1:])
                if isinstance(made, tuple)
                else hidden + kept[level]
            )

        return hook

    hooks = [
        (block.attentions[-1] if level < 3 else block.resnets[-1]).register_forward_hook(add(level))
        for level, block in enumerate(unet.down_blocks)
    ]
    expected = unet(noisy, 500, text).sample
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    plain = unet(noisy, 500, text).sample
    assert (got - plain).abs().max() > 0.01
    none = unet_residuals(features, strength=0.0)
    without = unet(noisy, 500, text, down_intrablock_additional_residuals=none).sample
    torch.testing.assert_close(without, plain, rtol=0, atol=0)


def test_zero_outputs_leave_the_unet_alone_and_learn():
    network = build(SpatialConditionConfig(channels=(4, 8, 8), zero_outputs=True))
    maps = network(*latents())
    assert all(not item.any() for item in maps)
    torch.stack([item.sum() for item in maps]).sum().backward()
    gradient = network.exits[1].weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_half_precision_takes_the_latents_as_they_are():
    mesh, identity, previous = latents()
    exact = build()(mesh, identity, previous)
    for half, item in zip(build().bfloat16()(mesh, identity, previous), exact, strict=True):
        assert half.dtype == torch.bfloat16
        # bfloat16 keeps 8 bits, and one convolution follows another.
        torch.testing.assert_close(half.float(), item, rtol=0.1, atol=0.02)


def test_the_demonstration_sizes_work_too():
    config = SpatialConditionConfig(
        channels=DEMONSTRATION, separate_inputs=True, zero_outputs=True, num_blocks=1
    )
    maps = build(config)(*latents(size=16))
    assert [tuple(item.shape[1:]) for item in maps] == [
        (32, 16, 16), (64, 8, 8), (128, 4, 4), (128, 2, 2),
    ]  # fmt: skip


def test_adapters_of_another_model_are_refused_with_both_widths(unet):
    check_fits_unet(TINY, unet)
    wide = SpatialConditionConfig()
    with pytest.raises(WeightsError, match=r"\(320, 640, 1280, 1280\).*\(8, 16, 16, 16\)"):
        check_fits_unet(wide, unet)
    other = SpatialConditionConfig(channels=TINY.channels, in_channels=16)
    with pytest.raises(WeightsError, match="of 16 channels but this UNet works on 4"):
        check_fits_unet(other, unet)
    with pytest.raises(InputError, match="latents have 3 channels but this adapter takes 4"):
        build()(torch.zeros(1, 3, 8, 8))
    with pytest.raises(InputError, match=r"channels is \(\)"):
        SpatialConditionConfig(channels=())


def test_a_unet_that_halves_without_attention_is_refused():
    from diffusers import UNet2DConditionModel

    odd = UNet2DConditionModel(
        block_out_channels=(8, 16), norm_num_groups=4, cross_attention_dim=8, layers_per_block=1,
        attention_head_dim=2, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    with pytest.raises(WeightsError, match="down block 0 of this UNet is DownBlock2D"):
        check_fits_unet(SpatialConditionConfig(channels=(8, 16)), odd)


@pytest.mark.parametrize(
    "config", [TINY, SpatialConditionConfig(channels=(4,), separate_inputs=True, zero_outputs=True)]
)
def test_a_file_gives_the_same_adapter(config, tmp_path):
    assert config_from_json(config_to_json(config), SpatialConditionConfig) == config
    network, path = build(config), tmp_path / "sca.safetensors"
    save_checkpoint(path, network, architecture=ARCHITECTURE, config=config)
    loaded, given = load_spatial_condition(path), latents()
    assert all(map(torch.equal, loaded(*given), network(*given)))
