"""Takes out of features what a straight cut could tell of a factor: x - A (x - mean).

An option of ours behind Eq. 4, identity unless it was fitted (LEACE, Belrose et al. 2023, is the
rule: `training/style_erasure.py`). Knows nothing about the factor.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Erasure(nn.Module):
    mean: Tensor
    removed: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("removed", torch.zeros(width, width))  # A

    def forward(self, features: Float[Tensor, "*rows dim"]) -> Float[Tensor, "*rows dim"]:
        return features - (features - self.mean) @ self.removed.T

    @torch.no_grad()
    def set_to(self, mean: Float[Tensor, " dim"], removed: Float[Tensor, "dim dim"]) -> None:
        self.mean.copy_(mean)
        self.removed.copy_(removed)
