"""Trains the latent diffusion model: UNet and text encoder together, v-prediction.

    z_t = sqrt(a_t) z + sqrt(1 - a_t) noise,   v = sqrt(a_t) noise - sqrt(1 - a_t) z
    L = mean w (v - v_theta(z_t, t, text))^2 / mean w,    t uniform, or mostly in the middle

Weights w of places make these learn sooner; what is best for each place stays the same.

Knows nothing about pictures; latents come whitened.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.imagine.mini_suite import build_scheduler
from imagineid_core.training.latent_batches import LatentBatch
from imagineid_core.training.noise_levels import any_timestep, fixed_timesteps, middle_timesteps
from imagineid_core.training.stage import Stage


class CaptionedUnet(nn.Module):
    """What a prompt's tokens and a noisy latent become."""

    def __init__(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder

    def forward(
        self,
        noisy: Float[Tensor, "batch channels height width"],
        timestep: Int[Tensor, " batch"],
        tokens: Int[Tensor, "batch tokens"],
    ) -> Float[Tensor, "batch channels height width"]:
        unet: Any = self.unet
        encoder: Any = self.text_encoder
        return unet(noisy, timestep, encoder(tokens).last_hidden_state).sample


class DiffusionStage(Stage[nn.Module]):
    """`learned` is called as a CaptionedUnet is.

    `nothing` is the empty prompt's tokens, which a share of the rows hears (for guidance). In
    validation, `caption_gap` is what the captions of others cost, in the error of the noise.
    """

    def __init__(
        self,
        learned: nn.Module,
        nothing: Int[Tensor, " tokens"],
        *,
        caption_dropout: float,
        in_the_middle: bool = False,
    ) -> None:
        super().__init__(learned)
        self._nothing, self._dropout = nothing, caption_dropout
        self._drawn = middle_timesteps if in_the_middle else any_timestep
        self._scheduler = build_scheduler()

    def forward(self, batch: LatentBatch) -> dict[str, Tensor]:
        return self._learn(batch) if self.training else self._examine(batch)

    def _learn(self, batch: LatentBatch) -> dict[str, Tensor]:
        latents, device = batch.latents, batch.latents.device
        timestep = self._drawn(self._scheduler, latents)
        dropped = torch.rand(len(latents), 1, device=device) < self._dropout
        tokens = torch.where(dropped, self._nothing.to(device), batch.tokens)
        error, _ = self._errors(latents, torch.randn_like(latents), timestep, tokens)
        if batch.weights is None:
            return {"loss": error.mean()}
        return {"loss": (batch.weights * error).mean() / batch.weights.mean()}

    def _examine(self, batch: LatentBatch) -> dict[str, Tensor]:
        latents = batch.latents
        timestep = fixed_timesteps(latents)
        noise = torch.randn_like(latents)
        error, of_noise = self._errors(latents, noise, timestep, batch.tokens)
        others = batch.tokens.roll(1, dims=0)
        _, of_others = self._errors(latents, noise, timestep, others)
        return {
            "loss": error.mean(),
            "noise_error": of_noise.mean(),
            "noise_error_of_others": of_others.mean(),
            "caption_gap": of_others.mean() - of_noise.mean(),
        }

    def _errors(
        self, latents: Tensor, noise: Tensor, timestep: Tensor, tokens: Tensor
    ) -> tuple[
        Float[Tensor, "batch channels height width"], Float[Tensor, "batch channels height width"]
    ]:
        """Squared errors of v and of the noise that v implies: a_t times as large."""
        noisy = self._scheduler.add_noise(latents, noise, timestep)
        velocity = self._scheduler.get_velocity(latents, noise, timestep)
        predicted = self.learned(noisy, timestep, tokens).float()
        error = (predicted - velocity).square()
        kept = self._scheduler.alphas_cumprod.to(error)[timestep].view(-1, 1, 1, 1)
        return error, kept * error
