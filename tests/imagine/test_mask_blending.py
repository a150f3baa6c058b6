import pytest
import torch
from torch.nn.functional import avg_pool2d

from imagineid_core.checkpoint import config_from_json, config_to_json, save_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.mask_blending import (
    ARCHITECTURE,
    MaskBlendingAdapter,
    MaskBlendingConfig,
    anchored,
    background_features,
    blended,
    check_fits_vae,
    decode_blended,
    decoder_features,
    finish_decoding,
    load_mask_blending,
    variant_config,
)
from imagineid_core.imagine.mini_suite import MiniSuiteConfig, build_vae

CHANNELS = (8, 12, 16, 16)
SUITE = MiniSuiteConfig(vae_channels=CHANNELS, vae_layers=1, vae_norm_groups=4)
SIZE = 32


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return build_vae(SUITE).eval().requires_grad_(False)


def build(variant, seed=0):
    torch.manual_seed(seed)
    config = variant_config(variant, CHANNELS)
    assert config is not None
    return MaskBlendingAdapter(config)


def picture(batch=1):
    return torch.rand(batch, 3, SIZE, SIZE) * 2 - 1


def person(batch=1):
    mask = torch.zeros(batch, 1, SIZE, SIZE)
    mask[..., 8:24, 11:20] = 1
    return mask


@torch.no_grad()
def test_without_a_plate_it_is_the_vaes_own_decoding_to_the_bit(vae):
    latent = torch.randn(2, 4, 4, 6)
    expected = vae.decode(latent).sample
    assert torch.equal(decode_blended(vae, latent), expected)
    assert torch.equal(finish_decoding(vae, decoder_features(vae, latent, 1)[0]), expected)


@torch.no_grad()
def test_a_vae_without_the_two_1x1_convolutions_works_too():
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(4, 8), norm_num_groups=2, use_quant_conv=False,
        use_post_quant_conv=False, down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    ).eval()  # fmt: skip
    latent = torch.randn(1, 4, 6, 6)
    assert torch.equal(decode_blended(vae, latent), vae.decode(latent).sample)


@torch.no_grad()
def test_the_features_are_what_the_encoder_sees_before_it_halves(vae):
    image, seen = picture(2), []
    hooks = [
        block.resnets[-1].register_forward_hook(lambda module, inputs, made: seen.append(made))
        for block in vae.encoder.down_blocks
    ]
    vae.encode(image)
    for hook in hooks:
        hook.remove()
    features = background_features(vae, image, 4)
    assert all(map(torch.equal, features, seen))
    assert len(background_features(vae, image, 1)) == 1


@torch.no_grad()
def test_the_finest_level_is_equation_10(vae):
    """Against a hook on the decoder's last block: where a ComfyUI node would blend."""
    adapter, latent, mask = build("d"), torch.randn(1, 4, 4, 4), person()
    background = picture()
    plate = adapter.background(vae, background)
    got = adapter.decode(vae, latent, plate, mask)
    encoded = background_features(vae, background, 1)[0]

    def equation_10(module, inputs, features):
        return features * mask + adapter.convs[0](encoded) * (1 - mask)

    hook = vae.decoder.up_blocks[-1].resnets[-1].register_forward_hook(equation_10)
    expected = vae.decode(latent).sample
    hook.remove()
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)
    by_parts = blended(decoder_features(vae, latent, 1)[0], plate.levels[0], mask)
    assert torch.equal(finish_decoding(vae, by_parts), got)


@torch.no_grad()
def test_outside_the_mask_features_are_the_backgrounds_inside_the_frames():
    features, background = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4)
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    mixed = blended(features, background, mask)
    assert torch.equal(mixed[..., :2], features[..., :2])
    assert torch.equal(mixed[..., 2:], background[..., 2:])
    soft = blended(features, background, person()[..., 8:16, 8:16])
    share = avg_pool2d(person()[..., 8:16, 8:16], 2)
    torch.testing.assert_close(soft, background + share * (features - background))


@pytest.mark.parametrize(("variant", "levels"), [("a", 4), ("b", 4), ("c", 2), ("d", 1)])
@torch.no_grad()
def test_each_variant_blends_its_levels_and_only_they_are_trained(vae, variant, levels):
    adapter = build(variant)
    assert len(list(adapter.parameters())) == 2 * levels
    assert [conv.weight.shape[0] for conv in adapter.convs] == list(CHANNELS[:levels])
    assert adapter.config.uses_mask == (variant != "a")
    plate = adapter.background(vae, picture())
    latent = torch.randn(1, 4, 4, 4)
    made = decode_blended(vae, latent, plate, person())
    plain = decode_blended(vae, latent)
    if variant == "a":  # starts from the VAE as it is
        assert torch.equal(made, plain)
        torch.nn.init.normal_(adapter.convs[3].weight, std=0.1)
        changed = decode_blended(vae, latent, adapter.background(vae, picture()))
        assert (changed - plain).abs().max() > 1e-3
    else:
        assert (made - plain).abs().max() > 1e-3


def test_none_is_no_adapter_and_the_default_is_the_papers():
    assert variant_config("none") is None
    assert variant_config("d") == MaskBlendingConfig()
    assert sum(p.numel() for p in MaskBlendingAdapter(MaskBlendingConfig()).parameters()) == (
        128 * 128 * 9 + 128
    )
    with pytest.raises(InputError, match="variant is 'e'. Use a, b, c, d or none"):
        variant_config("e")


@torch.no_grad()
def test_a_full_mask_is_the_plain_decoding_and_one_plate_serves_a_batch(vae):
    adapter, latent = build("d"), torch.randn(2, 4, 4, 4)
    plate = adapter.background(vae, picture())
    full = adapter.decode(vae, latent, plate, torch.ones(1, 1, SIZE, SIZE))
    torch.testing.assert_close(full, vae.decode(latent).sample, rtol=0, atol=1e-6)
    both = adapter.decode(vae, latent, plate, person())
    alone = adapter.decode(vae, latent[1:], plate, person())
    torch.testing.assert_close(both[1:], alone, rtol=0, atol=1e-5)


@torch.no_grad()
def test_far_from_the_person_the_background_does_not_move_with_the_latent(vae):
    """norm_out sees the whole picture and conv_out one pixel around, so nearly, not exactly."""
    adapter, mask = build("d"), person()
    plate = adapter.background(vae, picture())
    first, other = (torch.randn(1, 4, 4, 4) for _ in range(2))
    away = (torch.nn.functional.max_pool2d(mask, 3, 1, 1) == 0).expand(-1, 3, -1, -1)

    def moves(plate):
        frames = [decode_blended(vae, latent, plate, mask) for latent in (first, other)]
        return float((frames[0] - frames[1])[away].abs().mean())

    assert moves(plate) < 0.2 * moves(None)


def test_only_the_convolution_learns_and_the_vae_stays(vae):
    adapter = build("d")
    before = {key: value.clone() for key, value in vae.state_dict().items()}
    made = adapter.decode(
        vae, torch.randn(1, 4, 4, 4), adapter.background(vae, picture()), person()
    )
    made.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in adapter.parameters())
    after = vae.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert not any(module._forward_hooks for module in vae.modules())


@pytest.mark.parametrize("variant", ["b", "c", "d"])
@torch.no_grad()
def test_an_anchored_background_is_where_it_shows_as_it_was_decoded(vae, variant):
    adapter, shown, mask = build(variant), torch.randn(1, 4, 4, 4), person()
    plain = adapter.background(vae, picture())
    plate = adapter.background(vae, picture(), shown, mask)
    for level, own in zip(plate.levels, decoder_features(vae, shown, 4), strict=False):
        hidden = torch.nn.functional.adaptive_max_pool2d(mask, level.shape[-2:]) > 0
        open_ = ~hidden.expand_as(level)
        torch.testing.assert_close(level[open_], own[open_], rtol=0, atol=1e-5)
        assert not torch.allclose(level[~open_], own[~open_], atol=1e-2)
    again = adapter.decode(vae, shown, plate, mask)
    unlike = adapter.decode(vae, shown, plain, mask)
    expected = decode_blended(vae, shown)
    away = (avg_pool2d(mask, 9, 1, 4) == 0).expand_as(expected)
    assert float((again - expected).abs()[away].mean()) < 0.2 * float(
        (unlike - expected).abs()[away].mean()
    )
    if variant == "d":  # one level: what is blended is the same on both sides
        torch.testing.assert_close(again, expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_behind_the_person_the_plate_moves_as_its_surroundings_do(vae):
    plate, mask = build("d").background(vae, picture()), person()
    off = torch.arange(8.0)[None, :, None, None]
    (moved,) = anchored(plate, [plate.levels[0] + off], mask).levels
    torch.testing.assert_close(moved, plate.levels[0] + off, rtol=0, atol=1e-4)


@torch.no_grad()
def test_without_a_mask_there_is_nothing_to_anchor(vae):
    adapter, image = build("a"), picture()
    plain = adapter.background(vae, image)
    moved = adapter.background(vae, image, torch.randn(1, 4, 4, 4), person())
    assert all(map(torch.equal, plain.levels, moved.levels))


def test_what_does_not_fit_is_named(vae):
    plate = build("d").background(vae, picture())
    latent = torch.randn(1, 4, 4, 4)
    with pytest.raises(InputError, match="the mask is 16 x 32 but the frame will be 32 x 32"):
        decode_blended(vae, latent, plate, torch.ones(1, 1, 32, 16))
    with pytest.raises(InputError, match="without a mask"):
        decode_blended(vae, latent, plate)
    with pytest.raises(InputError, match="background is 32 x 32 but the frame will be 48 x 40"):
        decode_blended(vae, torch.randn(1, 4, 5, 6), plate, torch.ones(1, 1, 40, 48))
    wide = MaskBlendingAdapter(MaskBlendingConfig())
    with pytest.raises(WeightsError, match=r"\(128,\) wide .* this VAE are \(8, 12, 16, 16\)"):
        wide.background(vae, picture())
    with pytest.raises(InputError, match="kernel 2"):
        MaskBlendingConfig(kernel=2)


def test_a_vae_of_another_make_is_refused():
    from diffusers import AutoencoderTiny

    small = AutoencoderTiny(
        encoder_block_out_channels=(4, 4), decoder_block_out_channels=(4, 4),
        num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1),
    )  # fmt: skip
    with pytest.raises(WeightsError, match="AutoencoderTiny is not built of plain levels"):
        check_fits_vae(MaskBlendingConfig(), small)


@pytest.mark.parametrize("variant", ["a", "c", "d"])
def test_a_file_gives_the_same_adapter(vae, variant, tmp_path):
    adapter, path = build(variant), tmp_path / "mba.safetensors"
    assert config_from_json(config_to_json(adapter.config), MaskBlendingConfig) == adapter.config
    save_checkpoint(path, adapter, architecture=ARCHITECTURE, config=adapter.config)
    loaded, image = load_mask_blending(path), picture()
    assert loaded.config == adapter.config
    with torch.no_grad():
        theirs, ours = loaded.background(vae, image), adapter.background(vae, image)
    assert all(map(torch.equal, theirs.levels, ours.levels))
