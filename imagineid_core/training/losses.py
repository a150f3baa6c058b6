"""The losses of the paper as functions of tensors (Sec. 3.1). Knows no network and no data set."""

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
