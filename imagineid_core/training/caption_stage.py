"""Teaches a text encoder what captions say, before any picture: one classifier an attribute.

Stands in for CLIP's own training, which binds words to what is seen. Knows nothing about pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from imagineid_core.training.caption_batches import UNTOLD, CaptionBatch
from imagineid_core.training.stage import Stage


class CaptionReader(nn.Module):
    """The text encoder, and linear classifiers on the mean of its tokens' states."""

    def __init__(
        self, text_encoder: nn.Module, classes: Mapping[str, Sequence[str]], *, end: int
    ) -> None:
        super().__init__()
        self.text_encoder, self._end = text_encoder, end
        encoder: Any = text_encoder
        width = int(encoder.config.hidden_size)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width, len(names)) for name, names in classes.items()}
        )

    def forward(
        self, tokens: Int[Tensor, "batch tokens"]
    ) -> dict[str, Float[Tensor, "batch classes"]]:
        encoder: Any = self.text_encoder
        states = encoder(tokens).last_hidden_state
        # All up to the first end; what follows is padding.
        spoken = ((tokens == self._end).cumsum(dim=1) <= 1)[..., None].float()
        mean = (states * spoken).sum(dim=1) / spoken.sum(dim=1)
        return {name: head(mean) for name, head in self.heads.items()}


class CaptionStage(Stage[CaptionReader]):
    def forward(self, batch: CaptionBatch) -> dict[str, Tensor]:
        guesses = self.learned(batch.tokens)
        losses, right = [], []
        for guess, truth in zip(guesses.values(), batch.classes.t(), strict=True):
            told = truth != UNTOLD
            # A sum over a share of none is 0, where a mean would be NaN.
            loss = cross_entropy(guess, truth, ignore_index=UNTOLD, reduction="sum")
            losses.append(loss / told.sum().clamp_min(1))
            right.append((guess.argmax(dim=1) == truth)[told].float().mean())  # NaN where untold
        shares = torch.stack(right)
        return {
            "loss": torch.stack(losses).mean(),
            "accuracy": shares.nanmean(),
            "worst_accuracy": shares.nan_to_num(nan=1.0).min(),
        }
