import math

import pytest
import torch

from imagineid_core.training.losses import info_nce


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
