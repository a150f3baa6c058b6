import logging

import numpy as np
import pytest
import torch

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.background import (
    Inpaint,
    Matte,
    MatteOrElse,
    MeshMatte,
    dilate,
    hole_of,
    leaves_background,
    matte_problem,
    shows_nobody,
)
from imagineid_core.imagine.matting import (
    ARCHITECTURE,
    MattingConfig,
    MattingNet,
    load_matting,
)
from imagineid_core.imagine.smooth_fill import smooth_fill

TINY = MattingConfig(channels=(8, 8, 16), short_side=32)


def disc(size: int, radius: float, row: float = 0.5, column: float = 0.5) -> torch.Tensor:
    at = (torch.arange(size) + 0.5) / size
    away = ((at[:, None] - row) ** 2 + (at[None] - column) ** 2).sqrt()
    return (away < radius).float()[None, None]


def ramp(size: int) -> torch.Tensor:
    """Red rises downward, green to the right, blue is plain."""
    at = torch.linspace(-0.8, 0.8, size)
    down, right = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([down, right, torch.full_like(down, 0.3)])[None]


@pytest.fixture(scope="module")
def net() -> MattingNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MattingNet(TINY).eval()


def test_dilation_grows_a_dot_to_a_disc_and_keeps_soft_values():
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., 20, 20] = 0.5
    grown = dilate(mask, 0.1)
    rows, columns = torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij")
    expected = 0.5 * (((rows - 20) ** 2 + (columns - 20) ** 2) <= 16).float()
    assert torch.equal(grown[0, 0], expected)
    assert torch.equal(dilate(mask, 0.0), mask)
    with pytest.raises(InputError, match="dilation is -0.1"):
        dilate(mask, -0.1)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (61, 47), (33, 100)])
def test_only_the_hole_is_filled_and_always_alike(height, width):
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = torch.zeros(2, 1, height, width)
    mask[0, :, 10:30, 5:25] = 1
    mask[1, :, 20:, 10:] = 1
    filled = smooth_fill(images, mask)
    hole = (mask > 0).expand_as(images)
    assert torch.equal(filled[~hole], images[~hole])
    assert not torch.equal(filled[hole], images[hole])
    assert torch.equal(filled, smooth_fill(images, mask))
    # The mean of neighbours is never beyond them.
    assert images.min() <= filled.min() <= filled.max() <= images.max()


def test_pictures_of_a_batch_do_not_touch():
    images = torch.cat([ramp(48), -ramp(48)])
    mask = torch.cat([disc(48, 0.3), disc(48, 0.2, row=0.3)])
    both = smooth_fill(images, mask)
    alone = torch.cat([smooth_fill(images[i : i + 1], mask[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(both, alone, atol=1e-6, rtol=0)


def test_a_gradient_goes_on_through_the_hole():
    """A plane is its own membrane: what a hole hides of it comes back."""
    image = ramp(96)
    filled = smooth_fill(image, disc(96, 0.3))
    assert (filled - image).abs().max() < 0.08  # of a rise of 1.6; 24 sweeps a level are not all
    assert (filled - image).square().mean().sqrt() < 0.015


def test_there_is_no_seam():
    """Steps across the hole's edge are no larger than steps beside it."""
    at = torch.linspace(0, 6, 128)
    image = (at.sin()[:, None] * at.cos()[None]).expand(1, 3, -1, -1)
    mask = disc(128, 0.3)
    filled = smooth_fill(image, mask)
    steps = filled.diff(dim=-1).abs()
    edge = mask.diff(dim=-1).abs().expand_as(steps) > 0
    assert steps[edge].max() < 1.5 * image.diff(dim=-1).abs().max()


def test_colours_of_the_hole_never_leak_out():
    image = ramp(64)
    mask = disc(64, 0.3)
    loud = torch.where(mask > 0, 100.0, image)
    assert torch.equal(smooth_fill(loud, mask), smooth_fill(image, mask))


def test_a_soft_mask_hides_all_that_has_any_of_the_person():
    mask = torch.tensor([0.0, 0.04, 0.06, 0.5, 1.0]).expand(1, 1, 5, 5)
    assert hole_of(mask)[0, 0, 0].tolist() == [False, False, True, True, True]


def test_a_mask_over_everything_is_refused_and_over_nothing_changes_nothing():
    images = torch.zeros(2, 3, 8, 8)
    full = torch.cat([torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)])
    with pytest.raises(InputError, match=r"covers all of picture 1.* leave out mask blending"):
        smooth_fill(images, full)
    assert smooth_fill(images, torch.zeros(2, 1, 8, 8)) is images


def test_half_precision_pictures_stay_half_precision():
    filled = smooth_fill(ramp(32).to(torch.bfloat16), disc(32, 0.3))
    assert filled.dtype == torch.bfloat16
    assert torch.isfinite(filled).all()


def test_empty_and_full_mattes_are_told_with_their_share():
    half = disc(64, 0.3)
    assert matte_problem(half) is None
    assert "picture 1 finds nobody: 0.00%" in str(matte_problem(torch.cat([half, 0 * half])))
    assert "picture 0 finds no background: 100.00%" in str(matte_problem(0 * half + 1))
    assert "NaN" in str(matte_problem(half / 0))


def test_a_mask_is_judged_by_its_weight_and_by_what_it_leaves():
    half = disc(64, 0.3)
    assert not shows_nobody(half)
    assert shows_nobody(half * 0.01)
    faint = torch.full((1, 1, 64, 64), 0.06)  # nobody whole, and yet nothing to fill from
    assert matte_problem(faint) is None
    assert not leaves_background(faint)
    assert leaves_background(half)
    assert leaves_background(faint * 0.5)


def test_the_other_matte_is_asked_only_where_the_first_fails(caplog):
    images = torch.zeros(1, 3, 64, 64)
    good, empty = (lambda _: disc(64, 0.3)), (lambda _: torch.zeros(1, 1, 64, 64))

    def never(images):
        raise AssertionError("asked without need")

    assert torch.equal(MatteOrElse(first=good, otherwise=never)(images), disc(64, 0.3))
    with caplog.at_level(logging.WARNING):
        assert torch.equal(MatteOrElse(first=empty, otherwise=good)(images), disc(64, 0.3))
    assert "finds nobody" in caplog.text


def test_the_mesh_matte_covers_head_hair_and_shoulders():
    head = disc(128, 0.22, row=0.45)
    matte = MeshMatte(head=head)(torch.zeros(2, 3, 128, 128))
    assert matte.shape == (2, 1, 128, 128)
    assert torch.equal(matte[0], matte[1])
    assert (matte[:1] >= head).all()
    mask = matte[0, 0] > 0.5
    first = int(head[0, 0].any(1).nonzero()[0])
    assert int(mask.any(1).nonzero()[0]) < first - 5  # hair
    widths = mask.sum(1)
    assert widths[127] > widths[100] > 50  # shoulders, and below the ears
    assert widths[0] == 0
    assert mask[:, :5].sum() == 0 or mask[:60, :5].sum() == 0  # the background beside the head


def test_the_mesh_matte_takes_one_head_for_all_or_one_each():
    heads = torch.cat([disc(64, 0.2), disc(64, 0.2, column=0.6)])
    mattes = MeshMatte(head=heads)(torch.zeros(2, 3, 64, 64))
    assert not torch.equal(mattes[0], mattes[1])
    assert MeshMatte(head=heads[:1])(torch.zeros(3, 3, 128, 96)).shape == (3, 1, 128, 96)
    assert (MeshMatte(head=0 * heads)(torch.zeros(2, 3, 64, 64)) == 0).all()
    with pytest.raises(InputError, match="head has 2 silhouettes but there are 3 pictures"):
        MeshMatte(head=heads)(torch.zeros(3, 3, 64, 64))


def test_what_is_here_fits_the_protocols(net):
    assert isinstance(net, Matte)
    assert isinstance(MeshMatte(head=disc(8, 0.3)), Matte)
    assert isinstance(smooth_fill, Inpaint)


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (50, 70), (17, 90)])
def test_a_matte_has_the_size_of_its_picture(net, size):
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        matte = net(images)
        assert matte.shape == (2, 1, *size)
        assert 0 <= matte.min() <= matte.max() <= 1
        # Convolutions of another batch size may add in another order.
        torch.testing.assert_close(net(images[1:]), matte[1:], atol=1e-5, rtol=0)


def test_a_larger_picture_is_seen_at_the_size_of_training(net):
    small = ramp(32)
    large = torch.nn.functional.interpolate(small, scale_factor=4, mode="bilinear")
    with torch.no_grad():
        one = net(small)
        other = torch.nn.functional.avg_pool2d(net(large), 4)
    torch.testing.assert_close(one, other, atol=0.05, rtol=0)  # enlarging bends edges a little


def test_the_full_size_has_about_0_2_million_parameters():
    count = sum(weight.numel() for weight in MattingNet(MattingConfig()).parameters())
    assert 180_000 < count < 220_000


def test_a_saved_matting_net_is_the_one_loaded(net, tmp_path):
    path = tmp_path / "matting.safetensors"
    save_checkpoint(path, net, architecture=ARCHITECTURE, config=TINY)
    loaded = load_matting(path)
    assert loaded.config == TINY
    assert not loaded.training
    with torch.no_grad():
        assert torch.equal(loaded(ramp(32)), net(ramp(32)))
    save_checkpoint(path, net, architecture="other", config=TINY)
    with pytest.raises(WeightsError, match="holds 'other' but 'matting' is needed"):
        load_matting(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"channels": (8, 12)}, r"channels are \(8, 12\) but must be multiples of 8"),
        ({"channels": ()}, r"channels are \(\)"),
        ({"short_side": 100}, "short_side is 100 .* multiple of 16"),
    ],
)
def test_configs_that_cannot_be_built_are_refused(change, told):
    with pytest.raises(InputError, match=told):
        MattingConfig(**change)


def test_a_hole_to_the_border_is_filled_from_its_other_sides():
    """A person stands on the lower border: what is there comes from beside them."""
    image = ramp(64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:, 16:48] = 1
    filled = smooth_fill(image, mask)
    inside = filled[0, 1, 40:, 16:48].numpy()
    assert np.all(np.diff(inside, axis=1) > -1e-3)  # green still rises to the right
    assert np.abs(inside - image[0, 1, 40:, 16:48].numpy()).max() < 0.2
