import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagineid_core.training.losses import (
    decorrelation,
    distance,
    info_nce,
    kl_to_standard_normal,
)


def test_info_nce_is_equation_3_by_hand():
    anchor = torch.tensor([[1.0, 0.0]])
    positive = torch.tensor([[2.0, 2.0]])  # cosine 1/sqrt(2): length does not matter
    negative = torch.tensor([[[0.0, 3.0]]])  # cosine 0
    near = math.exp(1 / math.sqrt(2))
    assert info_nce(anchor, positive, negative).item() == pytest.approx(
        -math.log(near / (near + 1)), abs=1e-6
    )


def test_info_nce_falls_as_the_positive_nears_and_the_negative_leaves():
    anchor = torch.tensor([[1.0, 0.0]])
    right = info_nce(anchor, anchor, -anchor[:, None])
    wrong = info_nce(anchor, -anchor, anchor[:, None])
    assert right < math.log(2) < wrong


def test_more_negatives_raise_the_loss():
    vectors = torch.randn(4, 7, 8)
    few = info_nce(vectors[:, 0], vectors[:, 1], vectors[:, 2:3])
    many = info_nce(vectors[:, 0], vectors[:, 1], vectors[:, 2:])
    assert many > few


def test_distance_is_one_norm_an_item():
    truth = torch.zeros(2, 2, 2)
    predicted = torch.tensor([[[3.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 1.0]]])
    assert distance(truth, predicted).item() == pytest.approx((5 + 1) / 2)


@given(seed=st.integers(0, 1000), rows=st.integers(3, 40))
def test_decorrelation_is_the_mean_squared_correlation_of_numpy(seed, rows):
    first, second = torch.randn(2, rows, 4, generator=torch.Generator().manual_seed(seed))
    expected = [np.corrcoef(first[:, i].numpy(), second[:, i].numpy())[0, 1] ** 2 for i in range(4)]
    # float32 against numpy's float64
    assert decorrelation(first, second).item() == pytest.approx(np.mean(expected), abs=1e-4)


def test_decorrelation_of_a_feature_that_never_moves_is_zero_not_nan():
    assert decorrelation(torch.ones(5, 3), torch.randn(5, 3)).item() == 0


def test_kl_is_that_of_torch_distributions():
    mean, log_variance = torch.randn(2, 6, 3)
    ours = torch.distributions.Normal(mean, (log_variance / 2).exp())
    standard = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(ours, standard).sum(dim=1).mean()
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)
