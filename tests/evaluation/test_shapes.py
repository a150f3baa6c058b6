import pytest
import torch

from imagineid_core.evaluation.listen.shapes import shape_cosine, shape_r2


def shapes(seed=0):
    return torch.randn(50, 80, generator=torch.Generator().manual_seed(seed))


def test_the_truth_is_perfect():
    assert shape_cosine(shapes(), shapes()) == pytest.approx(1)
    assert shape_r2(shapes(), shapes()) == 1


def test_the_mean_shape_explains_nothing():
    mean = shapes().mean(dim=0).expand(50, -1)
    assert shape_r2(mean, shapes()) == pytest.approx(0, abs=1e-6)  # float32


def test_other_peoples_shapes_are_worse_than_the_mean():
    assert abs(shape_cosine(shapes(1), shapes())) < 0.05  # 50 x 80 values: one sigma is 0.016
    assert shape_r2(shapes(1), shapes()) < -0.5


def test_half_the_size_has_the_same_direction_and_explains_three_quarters():
    truth = shapes() - shapes().mean(dim=0)
    assert shape_cosine(truth / 2, truth) == pytest.approx(1)
    assert shape_r2(truth / 2, truth) == pytest.approx(0.75)


def test_one_shape_alone_has_no_variance_to_explain():
    assert shape_r2(shapes(), torch.ones(50, 80)) is None
