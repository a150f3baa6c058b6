"""Against scikit-image, torchmetrics and cpbd: what they said once, and themselves where there."""

import json

import numpy as np
import pytest
import torch

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.edges import canny_edges
from imagineid_core.evaluation.video.fidelity import psnr, ssim
from imagineid_core.evaluation.video.frechet import frechet_distance
from imagineid_core.evaluation.video.inception import FidInception, load_inception
from imagineid_core.evaluation.video.sharpness import cpbd, laplacian_variance
from tests.evaluation.video.pictures import pair, scene, two_sets
from tests.parity import GOLDEN, SEED, formula_weights

PUBLIC = json.loads((GOLDEN / "public_metrics.json").read_text(encoding="utf-8"))
WITHIN = 1e-4


def test_psnr_and_ssim_are_those_of_scikit_image():
    truth, frames = pair()
    assert psnr(frames, truth).tolist() == pytest.approx(PUBLIC["psnr"], abs=WITHIN)
    assert ssim(frames, truth).tolist() == pytest.approx(PUBLIC["ssim"], abs=WITHIN)


def test_the_frechet_distance_is_that_of_torchmetrics():
    assert frechet_distance(*two_sets()) == pytest.approx(PUBLIC["frechet_distance"], abs=WITHIN)


def test_cpbd_is_that_of_the_public_package_at_every_blur():
    ours = [cpbd(scene(float(sigma))) for sigma in PUBLIC["cpbd_by_blur"]]
    assert ours == pytest.approx(list(PUBLIC["cpbd_by_blur"].values()), abs=WITHIN)


def test_stored_values_are_those_of_scikit_image_where_it_is_installed():
    metrics = pytest.importorskip("skimage.metrics")
    feature = pytest.importorskip("skimage.feature")
    truth, frames = pair()
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for number, stored in enumerate(PUBLIC["ssim"]):
        one, other = (each[number].permute(1, 2, 0).double().numpy() for each in (truth, frames))
        found = metrics.structural_similarity(one, other, data_range=2.0, channel_axis=2, **options)
        assert found == pytest.approx(stored, abs=1e-9)
    assert np.array_equal(canny_edges(scene()), feature.canny(scene()))


def test_ssim_inside_the_border_is_that_of_torchmetrics_where_it_is_installed():
    """Its mean also counts windows over mirrored borders; pixel by pixel the two agree."""
    image = pytest.importorskip("torchmetrics.functional.image")
    truth, frames = pair()
    _, index = image.structural_similarity_index_measure(
        frames, truth, data_range=2.0, return_full_image=True
    )
    inside = index[..., 5:-5, 5:-5].flatten(1).mean(dim=1)
    assert torch.allclose(ssim(frames, truth), inside, atol=WITHIN)


def test_equal_frames_are_perfect():
    truth, _ = pair()
    assert psnr(truth, truth).tolist() == [100.0] * 3
    assert ssim(truth, truth).tolist() == pytest.approx([1.0] * 3, abs=1e-5)
    first, _ = two_sets()
    assert frechet_distance(first, first) == pytest.approx(0.0, abs=1e-8)
    assert frechet_distance(first, first[::-1]) == pytest.approx(0.0, abs=1e-8)  # a set, no order


def test_a_known_error_has_a_known_psnr():
    """A tenth of the range off everywhere is 20 dB."""
    truth = torch.zeros(2, 3, 16, 16)
    assert psnr(truth + 0.2, truth).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)


def test_fidelity_falls_with_the_damage():
    truth, _ = pair()
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=truth.shape)).float()
    damaged = [truth + amount * noise for amount in (0.02, 0.05, 0.1, 0.3)]
    for measure in (psnr, ssim):
        values = [float(measure(frames, truth).mean()) for frames in damaged]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == len(values)


def test_sets_that_move_apart_have_a_larger_frechet_distance():
    """Moved as a whole by v, the distance grows by exactly |v|^2."""
    first, _ = two_sets()
    distances = [frechet_distance(first + step, first) for step in (0.0, 0.5, 1.0)]
    assert distances == pytest.approx([0.0, 24 * 0.25, 24.0], abs=1e-6)
    assert frechet_distance(2 * first, first) > 0  # same means up to scale, wider spread


def test_few_samples_of_many_numbers_have_a_distance():
    """Fewer samples than numbers: the covariances are singular, square roots of them are not."""
    wide = np.random.default_rng(1).normal(size=(12, 64))
    assert frechet_distance(wide, wide) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(wide + 1, wide) == pytest.approx(64.0, abs=1e-6)


def test_sharpness_falls_with_the_blur():
    everywhere = np.ones((192, 256), bool)
    blurs = (0.0, 0.5, 0.7, 1.0, 2.0)
    laplacian = [laplacian_variance(scene(sigma), everywhere) for sigma in blurs]
    assert laplacian == sorted(laplacian, reverse=True)
    sharp = [cpbd(scene(sigma)) for sigma in blurs]
    assert sharp == sorted(sharp, reverse=True)
    assert sharp[0] > 0.7
    assert sharp[-1] == 0.0


def test_what_has_no_edges_or_no_pixels():
    assert cpbd(np.full((64, 64), 90.0)) == 0.0
    assert np.isnan(laplacian_variance(scene(), np.zeros((192, 256), bool)))


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        (lambda: cpbd(np.zeros((63, 80))), "80 x 63 but CPBD"),
        (lambda: ssim(torch.zeros(1, 3, 10, 20), torch.zeros(1, 3, 10, 20)), "20 x 10 but SSIM"),
        (lambda: frechet_distance(np.zeros((4, 3)), np.zeros((4, 2))), "3 and 2 numbers"),
        (lambda: frechet_distance(np.zeros((1, 3)), np.zeros((4, 3))), "got 1 and 4"),
    ],
)
def test_what_cannot_be_measured_is_said(measure, told):
    with pytest.raises(InputError, match=told):
        measure()


def test_fid_s_inception_is_that_of_pytorch_fid(tmp_path):
    """Weights by formula, read as users have them: pytorch-fid's file also holds a classifier."""
    shapes = {key: tuple(value.shape) for key, value in FidInception().state_dict().items()}
    state = formula_weights.fill(shapes, SEED, {r".*conv\.weight": 1.41421356}, {})
    state |= {"fc.weight": torch.zeros(2, 2), "fc.bias": torch.zeros(2)}
    torch.save(state, tmp_path / "inception.pth")
    image = formula_weights.image("inception:image", (2, 3, 128, 160), SEED, -1.0, 1.0)
    with torch.inference_mode():
        found = load_inception(tmp_path / "inception.pth")(torch.from_numpy(image)).double()
    stored = PUBLIC["fid_inception"]
    assert found.mean(dim=1).tolist() == pytest.approx(stored["mean"], abs=WITHIN)
    assert found.std(dim=1, unbiased=False).tolist() == pytest.approx(stored["std"], abs=WITHIN)
    for part, values in (("first", found[:, :6]), ("last", found[:, -6:])):
        assert np.allclose(values.numpy(), stored[part], atol=WITHIN), part
