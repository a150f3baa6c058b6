"""How near a heard face shape is to the true one (Eq. 2). Knows nothing about voices."""

import torch
from jaxtyping import Float
from torch import Tensor


def shape_cosine(heard: Float[Tensor, "clips shape"], truth: Float[Tensor, "clips shape"]) -> float:
    """Mean cosine of alpha-hat and alpha; 1 is best, 0 is chance. Sizes of shapes do not count."""
    return float(torch.nn.functional.cosine_similarity(heard, truth, dim=1).mean())


def shape_r2(
    heard: Float[Tensor, "clips shape"], truth: Float[Tensor, "clips shape"]
) -> float | None:
    """1 - squared error / variance of alpha about its mean, summed over clips and coefficients.

    1 is exact, 0 is as good as always naming the mean shape, below 0 is worse. None if all true
    shapes are one.
    """
    variance = (truth.double() - truth.double().mean(dim=0)).square().sum()
    if variance <= 0:
        return None
    return float(1 - (heard.double() - truth.double()).square().sum() / variance)
