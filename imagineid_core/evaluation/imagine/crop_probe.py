"""A small network that reads something off crops of pictures, trained on renders it knows all of.

What it is trained on is moved, mirrored, blurred, made noisy and off in colour at random, so that
it reads generated pictures, too. Knows nothing about what the crops show.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from imagineid_core.evaluation.imagine.small_net import Progress, train_briefly

Loss = Callable[[Tensor, Tensor], Tensor]
_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class CropProbeConfig:
    """Crops are a little larger than what the network sees; training moves the window."""

    pixels: int
    num_outputs: int
    channels: tuple[int, ...] = (16, 32, 64)
    slack: int = 4  # pixels of the crop that are not seen
    dropout: float = 0.2


@dataclass(frozen=True, kw_only=True)
class ProbeTraining:
    num_steps: int = 1_200
    batch_size: int = 64
    learning_rate: float = 3e-3
    seed: int = 0


class CropProbe(nn.Module):
    """Crops to numbers. Pictures are RGB in [-1, 1]."""

    def __init__(self, config: CropProbeConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before, side = 3, config.pixels - config.slack
        for width in config.channels:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.BatchNorm2d(width)]
            layers += [nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)]
            layers += [nn.ReLU()]
            before, side = width, (side + 1) // 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(config.dropout))
        self.head = nn.Linear(before * side * side, config.num_outputs)

    def forward(
        self, windows: Float[Tensor, "batch 3 rows columns"]
    ) -> Float[Tensor, "batch outputs"]:
        return self.head(self.body(windows))

    @torch.no_grad()
    def read(
        self, crops: Float[Tensor, "frames 3 pixels pixels"]
    ) -> Float[Tensor, "frames outputs"]:
        """What it sees in the middle of each crop, and in its mirror image: their mean."""
        self.eval()
        middle = _window(crops, self.config, self.config.slack // 2, self.config.slack // 2)
        read = [(self(part) + self(part.flip(-1))) / 2 for part in middle.split(_AT_ONCE)]
        return torch.cat(read)


def train_crop_probe(
    config: CropProbeConfig,
    crops: UInt8[Tensor, "rows 3 pixels pixels"],
    truth: Float[Tensor, "rows ..."],
    loss: Loss,
    training: ProbeTraining,
    *,
    on_progress: Progress | None = None,
) -> CropProbe:
    """Learn `truth` by `loss`; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        probe = CropProbe(config)

        def loss_at(step: int) -> Tensor:
            draw = np.random.default_rng([training.seed, step, 61])
            rows = torch.from_numpy(draw.integers(len(crops), size=training.batch_size))
            seen = _disturbed(crops[rows].float() / 127.5 - 1, config, draw)
            return loss(probe(seen), truth[rows])

        train_briefly(
            probe,
            loss_at,
            num_steps=training.num_steps,
            learning_rate=training.learning_rate,
            on_progress=on_progress,
        )
    return probe


def _window(crops: Tensor, config: CropProbeConfig, row: int, column: int) -> Tensor:
    side = config.pixels - config.slack
    return crops[..., row : row + side, column : column + side]


def _disturbed(crops: Tensor, config: CropProbeConfig, draw: np.random.Generator) -> Tensor:
    """The same shift for a batch, all else for each crop by itself."""
    row, column = draw.integers(config.slack + 1, size=2).tolist()
    seen = _window(crops, config, row, column)

    def some(share: float) -> Tensor:
        return torch.from_numpy(draw.random(len(seen)) < share)[:, None, None, None]

    def amounts(spread: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(draw.normal(0, spread, (len(seen), channels, 1, 1))).float()

    seen = torch.where(some(0.5), seen.flip(-1), seen)
    for share in (0.5, 0.3):  # once, and some of all again
        blurred = avg_pool2d(seen, 3, stride=1, padding=1, count_include_pad=False)
        seen = torch.where(some(share), (seen + blurred) / 2, seen)
    seen = seen * (1 + amounts(0.12)) + amounts(0.08) + amounts(0.04, 3)
    noise = torch.from_numpy(draw.standard_normal(tuple(seen.shape), dtype=np.float32))
    return seen + noise * torch.from_numpy(draw.uniform(0, 0.08, (len(seen), 1, 1, 1))).float()
