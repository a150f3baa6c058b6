"""The losses of the paper, and of those it builds on, as functions of tensors (Sec. 3.1).

Knows no network and no data set.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def info_nce(
    anchor: Float[Tensor, "batch dim"],
    positive: Float[Tensor, "batch dim"],
    negatives: Float[Tensor, "batch negatives dim"],
    temperature: float = 1.0,
) -> Float[Tensor, ""]:
    """L_con = -log(exp S(p) / (exp S(p) + sum exp S(n))), S the cosine similarity (Eq. 3).

    The paper writes one negative and no temperature; both generalisations default to its form. The
    contrast acts on theta itself: the paper has no projection head, so neither have we.
    """
    near = F.cosine_similarity(anchor, positive, dim=-1)[:, None]
    far = F.cosine_similarity(anchor[:, None], negatives, dim=-1)
    return -torch.log_softmax(torch.cat([near, far], dim=1) / temperature, dim=1)[:, 0].mean()


def distance(
    truth: Float[Tensor, "batch *rest"], predicted: Float[Tensor, "batch *rest"]
) -> Float[Tensor, ""]:
    """||truth - predicted||_2 of each item, then the mean (L_id, L_reg and L_rec of Sec. 3.1).

    The paper prints the norm, not its square, of alpha in R^80 and of beta in R^{L x 64}: so one
    norm a window, which grows with the root of its length.
    """
    return (truth - predicted).flatten(1).norm(dim=1).mean()


def decorrelation(
    first: Float[Tensor, "batch dim"], second: Float[Tensor, "batch dim"]
) -> Float[Tensor, ""]:
    """L_decor = 1/D sum_d cor(first_d, second_d)^2 over the rows (PD-FGC Eq. 6)."""
    first, second = (side - side.mean(dim=0) for side in (first, second))
    size = first.norm(dim=0) * second.norm(dim=0)
    return ((first * second).sum(dim=0) / size.clamp_min(1e-8)).square().mean()


def kl_to_standard_normal(
    mean: Float[Tensor, "batch latent"], log_variance: Float[Tensor, "batch latent"]
) -> Float[Tensor, ""]:
    """KL(N(mean, variance) || N(0, 1)), summed over the latent, mean over the batch."""
    per_value = mean.square() + log_variance.exp() - 1 - log_variance
    return per_value.sum(dim=1).mean() / 2
