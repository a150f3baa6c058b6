"""Trains the autoencoder of the latent diffusion model on pictures.

    L = |d| + 2 d^2 + 1/2 sum over scales 1, 2, 4 of (|d_x| + |d_y|) + 1e-6 KL,  d = D(E(x)) - x

The differences of neighbours stand in for a perceptual loss, of which we have no network. Every
term weighs eyes and mouth as the batch says. Knows nothing about what the pictures show.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise
from imagineid_core.training.picture_batches import PictureBatch
from imagineid_core.training.stage import Stage


@dataclass(frozen=True, kw_only=True)
class VaeLossConfig:
    squared: float = 2.0
    edges: float = 0.5
    scales: tuple[int, ...] = (1, 2, 4)
    divergence: float = 1e-6  # of the KL summed over a latent


class VaeStage(Stage[nn.Module]):
    """In training the latent is drawn from its posterior, in validation it is the mean."""

    def __init__(self, vae: nn.Module, loss: VaeLossConfig) -> None:
        super().__init__(vae)
        self._loss = loss

    def forward(self, batch: PictureBatch) -> dict[str, Tensor]:
        vae: Any = self.learned
        posterior = vae.encode(batch.images).latent_dist
        latent = posterior.sample() if self.training else posterior.mode()
        drawn = vae.decode(latent).sample.float()
        difference = drawn - batch.images
        absolute = weighted_mean(difference.abs(), batch.weights)
        squared = weighted_mean(difference.square(), batch.weights)
        edges = torch.stack(
            [edge_distance(difference, batch.weights, scale) for scale in self._loss.scales]
        ).sum()
        divergence = posterior.kl().float().mean()
        loss = absolute + self._loss.squared * squared + self._loss.edges * edges
        loss = loss + self._loss.divergence * divergence
        terms = {"loss": loss, "absolute": absolute, "edges": edges, "divergence": divergence}
        if not self.training:
            truth = batch.images
            crops = (mouth_crops(one, batch.mouth_box) for one in (drawn, truth))
            terms["psnr"] = peak_signal_to_noise(drawn, truth).mean()
            terms["mouth_psnr"] = peak_signal_to_noise(*crops).mean()
        return terms


def weighted_mean(
    values: Float[Tensor, "batch channels height width"],
    weights: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, ""]:
    return (values * weights).sum() / (weights.sum() * values.shape[1])


def edge_distance(
    difference: Float[Tensor, "batch channels height width"],
    weights: Float[Tensor, "batch 1 height width"],
    scale: int,
) -> Float[Tensor, ""]:
    """How far the slopes are apart, at a picture `scale` times smaller."""
    if scale > 1:
        difference, weights = avg_pool2d(difference, scale), avg_pool2d(weights, scale)
    across = (difference[..., 1:] - difference[..., :-1]).abs()
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs()
    return weighted_mean(across, weights[..., 1:]) + weighted_mean(down, weights[..., 1:, :])
