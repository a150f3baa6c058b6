"""Trains TIA on a frozen diffusion model (Sec. 3.2, Eq. 8).

    L = mean (target - theta(z_t, t, Y))^2,   Y of the prompt and F_TI(theta_id, theta_e)

Validation looks at ten fixed noise levels and measures in v. Knows nothing about voices.
"""

from typing import Any

import torch
from torch import Tensor, nn

from imagineid_core.imagine.textual_inversion import TextualInversionAdapter, encode_text
from imagineid_core.training.noise_levels import (
    Noised,
    any_timestep,
    fixed_timesteps,
    noised,
    squared_error,
)
from imagineid_core.training.stage import Stage
from imagineid_core.training.word_batches import WordBatch


class WordStage(Stage[TextualInversionAdapter]):
    """In validation: the error of v without pseudo-words (`none`), with another's (`others`), and
    what those cost (`others_penalty`): 0 where words say nothing of the voice."""

    def __init__(
        self,
        learned: TextualInversionAdapter,
        *,
        unet: nn.Module,
        text_encoder: nn.Module,
        scheduler: Any,
    ) -> None:
        super().__init__(learned)
        self.hold("unet", unet)
        self.hold("text_encoder", text_encoder)
        self._scheduler = scheduler

    def forward(self, batch: WordBatch) -> dict[str, Tensor]:
        words = self.learned(batch.semantics, batch.style[:, None])[:, 0]
        noise = torch.randn_like(batch.latents)
        timestep = (
            any_timestep(self._scheduler, batch.latents)
            if self.training
            else fixed_timesteps(batch.latents)
        )
        shown = noised(self._scheduler, batch.latents, noise, timestep)
        error = self._error(batch, shown, words)
        if self.training:
            return {"loss": error.mean()}
        share = shown.velocity_share
        loss = (error * share).mean()
        none = (self._error(batch, shown, None) * share).mean()
        others = (self._error(batch, shown, words.roll(1, dims=0)) * share).mean()
        return {"loss": loss, "none": none, "others": others, "others_penalty": others - loss}

    def _error(self, batch: WordBatch, shown: Noised, words: Tensor | None) -> Tensor:
        unet: Any = self.get_submodule("unet")
        text = encode_text(self.get_submodule("text_encoder"), batch.tokens, words).states
        return squared_error(unet(shown.noisy, shown.timestep, text).sample, shown)
