"""A small network that tells attributes of portraits apart, and how it learns to.

Knows nothing about which attributes, and nothing about models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, interpolate

from imagineid_core.evaluation.imagine.probe_disturbance import Pictures
from imagineid_core.evaluation.imagine.small_net import (
    Progress,
    convolutions,
    num_features,
    train_briefly,
)

UNTOLD = -100
Disturb = Callable[[Pictures, np.random.Generator], Pictures]


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    size: int  # pixels of a thumbnail
    num_steps: int
    dropped: float  # of the features
    channels: tuple[int, ...] = (24, 48, 96, 96)
    batch_size: int = 64
    learning_rate: float = 5e-3


class AttributeReader(nn.Module):
    """Thumbnails to one classifier an attribute; `classes` says how many each has."""

    def __init__(self, config: ReaderConfig, classes: Mapping[str, int]) -> None:
        super().__init__()
        self.config = config
        self.body = convolutions(config.channels)
        seen = num_features(config.channels, config.size, config.size)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(seen, count) for name, count in classes.items()}
        )

    def forward(self, thumbnails: Pictures) -> dict[str, Float[Tensor, "batch classes"]]:
        seen = dropout(self.body(thumbnails), self.config.dropped, self.training)
        return {name: head(seen) for name, head in self.heads.items()}


def thumbnails_of(images: Pictures, size: int) -> Float[Tensor, "batch 3 small small"]:
    return interpolate(images, size=(size, size), mode="area")


def train_reader(
    reader: AttributeReader,
    thumbnails: Float[Tensor, "people frames 3 small small"],
    classes: Mapping[str, Int[Tensor, " people"]],
    disturb: Disturb,
    *,
    seed: int,
    on_progress: Progress | None = None,
) -> None:
    """`classes` are UNTOLD where nothing is known. Draws torch's global numbers for dropout."""
    config = reader.config

    def loss_at(step: int) -> Tensor:
        draw = np.random.default_rng([seed, step])
        people = torch.from_numpy(draw.integers(len(thumbnails), size=config.batch_size))
        frames = torch.from_numpy(draw.integers(thumbnails.shape[1], size=config.batch_size))
        shown = disturb(thumbnails[people, frames].float(), draw)
        guesses = reader(shown.contiguous(memory_format=torch.channels_last))
        losses = [
            cross_entropy(guess, classes[name][people], ignore_index=UNTOLD)
            for name, guess in guesses.items()
        ]
        return torch.stack([loss for loss in losses if bool(loss.isfinite())]).sum()  # 0 / 0

    train_briefly(
        reader,
        loss_at,
        num_steps=config.num_steps,
        learning_rate=config.learning_rate,
        on_progress=on_progress,
    )
