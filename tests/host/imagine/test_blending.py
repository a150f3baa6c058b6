"""MBA around ComfyUI's VAE gives what the core gives around diffusers'."""

import pytest
import torch
from torch.nn.functional import interpolate

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.mask_blending import MaskBlendingAdapter, MaskBlendingConfig

NARROW = {  # SD's autoencoder as ComfyUI builds it, at a quarter of its width
    "embed_dim": 4,
    "ddconfig": {
        "double_z": True,
        "z_channels": 4,
        "resolution": 64,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 2, 4, 4],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
    },
}


@pytest.fixture(scope="module")
def stock_vae(pack):
    """ComfyUI's own blocks, with random weights."""
    import copy

    from comfy.ldm.models.autoencoder import AutoencoderKL
    from comfy.sd import VAE

    draw = torch.Generator().manual_seed(6)
    tensors = {
        name: torch.ones(value.shape)
        if "norm" in name and name.endswith("weight")
        else torch.randn(value.shape, generator=draw) * 0.05
        for name, value in AutoencoderKL(**copy.deepcopy(NARROW)).state_dict().items()
    }
    return VAE(sd=tensors, config={"params": copy.deepcopy(NARROW)})


def adapter_of(pack, *channels):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = MaskBlendingAdapter(MaskBlendingConfig(channels=channels))
    return pack("adapters").AdapterBundle(blending=pack("adapters").patched(network))


def given(count=1, size=64, seed=8):
    """Latents, a background, and a mask that is 1 on the left."""
    draw = torch.Generator().manual_seed(seed)
    latents = torch.randn(count, 4, size // 8, size // 8, generator=draw)
    background = interpolate(torch.rand(1, 3, 4, 4, generator=draw), (size, size), mode="bilinear")
    mask = torch.zeros(1, size, size)
    mask[..., : size // 2] = 1
    return latents, background.movedim(1, -1), mask


def decoded(pack, vae, latents, background, mask, adapters=None):
    (pictures,) = (
        pack("blending")
        .MaskBlendVAEDecode.execute({"samples": latents}, vae, background, mask, adapters)
        .args
    )
    return pictures


def hooks_of(vae):
    return [hook for part in vae.first_stage_model.modules() for hook in part._forward_hooks]


def test_it_is_the_cores_blending(pack, suite, adapters, diffusers_suite):
    latents, background, mask = given(size=128)
    network = adapters.blending.model
    plate = network.background(diffusers_suite.vae, background.movedim(-1, 1) * 2 - 1)
    expected = network.decode(diffusers_suite.vae, latents, plate, mask[:, None])
    made = decoded(pack, suite.vae, latents, background, mask, adapters)
    assert torch.allclose(made, (expected / 2 + 0.5).clamp(0, 1).movedim(1, -1), atol=1e-5)
    assert hooks_of(suite.vae) == []


@pytest.mark.parametrize("channels", [(32,), (32, 64)])
def test_in_stock_blocks_the_mask_divides_person_and_background(pack, stock_vae, channels):
    adapters = adapter_of(pack, *channels)
    latents, background, mask = given()
    plain = stock_vae.decode(latents)
    everywhere = decoded(pack, stock_vae, latents, background, mask * 0 + 1, adapters)
    assert torch.equal(everywhere, plain)
    nowhere, of_another = (
        decoded(pack, stock_vae, one, background, mask * 0, adapters) for one in (latents, -latents)
    )
    if len(channels) == 1:
        assert torch.equal(nowhere, of_another)
    joined = decoded(pack, stock_vae, latents, background, mask, adapters)
    assert (joined - plain)[:, :, 48:].abs().max() > 1e-3
    assert hooks_of(stock_vae) == []
    assert torch.equal(stock_vae.decode(latents), plain)


def test_a_batch_is_its_pictures_one_by_one(pack, stock_vae):
    adapters = adapter_of(pack, 32)
    latents, background, mask = given(count=2)
    masks = torch.cat([mask, 1 - mask])
    together = decoded(pack, stock_vae, latents, background, masks, adapters)
    for number in range(2):
        one = slice(number, number + 1)
        alone = decoded(pack, stock_vae, latents[one], background, masks[one], adapters)
        assert torch.equal(together[one], alone)


def test_without_an_adapter_the_picture_is_pasted(pack, stock_vae):
    latents, background, mask = given()
    made = decoded(pack, stock_vae, latents, background, mask)
    assert torch.allclose(made[:, :, :32], stock_vae.decode(latents)[:, :, :32], atol=1e-6)
    assert torch.allclose(made[:, :, 32:], background[:, :, 32:], atol=1e-6)


def test_a_mask_or_background_of_another_size_is_refused(pack, stock_vae):
    latents, background, mask = given()
    with pytest.raises(InputError, match="mask is 32 x 64 but the picture will be 64 x 64"):
        decoded(pack, stock_vae, latents, background, mask[..., :32])
    with pytest.raises(InputError, match="background is 64 x 32 but the picture will be 64 x 64"):
        decoded(pack, stock_vae, latents, background[:, :32], mask)
    with pytest.raises(InputError, match="3 masks for 1 latents"):
        decoded(pack, stock_vae, latents, background, mask.expand(3, -1, -1))


def test_a_vae_without_the_layer_is_refused(pack):
    import comfy.taesd.taesd
    from comfy.sd import VAE

    tensors = comfy.taesd.taesd.TAESD(latent_channels=4).state_dict()
    taesd = VAE(sd={name: torch.zeros(value.shape) for name, value in tensors.items()})
    with pytest.raises(WeightsError, match="this VAE .TAESD. does not have.*Connect the VAE"):
        decoded(pack, taesd, *given(), adapter_of(pack, 32))


def test_an_adapter_of_another_width_is_refused(pack, stock_vae):
    with pytest.raises(WeightsError, match=r"\(128,\) wide but .* this VAE are \(32,\)"):
        decoded(pack, stock_vae, *given(), adapter_of(pack, 128))


def test_tiles_are_refused_in_our_words_and_leave_no_hook(pack, stock_vae):
    ours = pack("blending")
    latents, background, mask = given()
    plate = ours.plate_of(stock_vae, adapter_of(pack, 32).blending, background)
    with pytest.raises(InputError, match="went on in tiles"):
        ours.decode_blended(stock_vae, latents[..., :4], plate, mask[:, None])
    assert hooks_of(stock_vae) == []
