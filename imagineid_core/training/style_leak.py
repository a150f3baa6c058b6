"""How much of the style a straight cut through l-bar still tells, as a loss: not the paper's.

The paper keeps emotion out of l-bar by what it trains on; a network on mel hears it all the same.
Here a ridge regression from the mean of l-bar to the style is solved at every step, on running
moments, and the content network moves against it. Knows nothing about networks or sound.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid_core.training.processes import gathered

_MEMORY = 0.8  # of the moments at each step: the network turns fast, old rows tell nothing
_RIDGE = 1e-2  # of a feature's variance: what a probe of a few hundred clips can use


class StyleLeak(nn.Module):
    """The share of the styles' variance explained: 0 tells nothing, 1 tells all.

    Gradients reach the features only, not the regression. In evaluation the moments stay.
    """

    mean: Tensor
    products: Tensor
    styles: Tensor
    told: Tensor
    seen: Tensor

    def __init__(self, width: int, num_styles: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("products", torch.zeros(width, width))
        self.register_buffer("styles", torch.zeros(width, num_styles))
        self.register_buffer("told", torch.zeros(num_styles))
        self.register_buffer("seen", torch.zeros(()))

    def forward(
        self, features: Float[Tensor, "batch dim"], style: Int[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            num_styles = self.styles.shape[1]
            told = F.one_hot(style, num_styles).float()
            if self.training:
                self._remember(gathered(features.detach()), gathered(told))
            if not float(self.seen):
                return features.new_zeros(())
            guessed = (features - self.mean / self.seen) @ self._regression()
            told = told - self.told / self.seen
            return (guessed * told).sum(dim=1).mean() / told.square().sum(dim=1).mean()

    @torch.no_grad()
    def _remember(self, features: Tensor, told: Tensor) -> None:
        """All of them shrink alike, so that dividing by `seen` gives means from step one on."""
        share = (1 - _MEMORY) / len(features)
        self.mean.mul_(_MEMORY).add_(features.sum(dim=0), alpha=share)
        self.products.mul_(_MEMORY).add_(features.T @ features, alpha=share)
        self.styles.mul_(_MEMORY).add_(features.T @ told, alpha=share)
        self.told.mul_(_MEMORY).add_(told.sum(dim=0), alpha=share)
        self.seen.mul_(_MEMORY).add_(1 - _MEMORY)

    @torch.no_grad()
    def _regression(self) -> Float[Tensor, "dim styles"]:
        mean = self.mean / self.seen
        covariance = self.products / self.seen - torch.outer(mean, mean)
        with_styles = self.styles / self.seen - torch.outer(mean, self.told / self.seen)
        spread = covariance.diagonal().clamp_min(1e-8).sqrt()
        correlation = covariance / spread[:, None] / spread
        ridge = _RIDGE * torch.eye(len(mean), device=mean.device)
        weights = torch.linalg.solve(correlation + ridge, with_styles / spread[:, None])
        return weights / spread[:, None]
