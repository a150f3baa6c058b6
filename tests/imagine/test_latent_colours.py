import torch
from torch.nn.functional import avg_pool2d, interpolate

from imagineid_core.assets import IMAGINE, check_suite
from imagineid_core.imagine.latent_colours import latent_colours
from imagineid_core.imagine.mini_suite import load_vae


def test_the_shipped_vaes_colours_are_a_linear_map_of_its_latents():
    """A preview need not be right, but far nearer than one grey."""
    vae = load_vae(check_suite(IMAGINE))
    factors, bias = latent_colours(vae)
    draw = torch.Generator().manual_seed(1)
    coarse = torch.rand(2, 3, 4, 4, generator=draw) * 1.6 - 0.8
    picture = interpolate(coarse, (128, 128), mode="bilinear")
    with torch.no_grad():
        latents = vae.encode(picture).latent_dist.mode()
    shown = (latents.movedim(1, -1) @ factors + bias).movedim(-1, 1)
    expected = avg_pool2d(picture, 8)
    assert (shown - expected).abs().mean() < 0.5 * expected.sub(expected.mean()).abs().mean()


def test_they_are_the_same_every_time_and_leave_the_random_state():
    vae, before = load_vae(check_suite(IMAGINE)), torch.random.get_rng_state()
    one, two = latent_colours(vae), latent_colours(vae)
    torch.testing.assert_close(one[0], two[0], rtol=0, atol=1e-5)  # LAPACK rounds by where it lies
    assert torch.equal(torch.random.get_rng_state(), before)
