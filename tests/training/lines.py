"""The smallest stage there is: a network that learns a line from points drawn by the step."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from imagineid_core.training.processes import Share
from imagineid_core.training.stage import Stage

BATCH = 8


@dataclass(frozen=True)
class Points:
    x: Tensor
    y: Tensor

    def to(self, device: torch.device) -> "Points":
        return Points(self.x.to(device), self.y.to(device))


def points(index: int, share: Share) -> Points:
    x = torch.randn(BATCH, 3, generator=torch.Generator().manual_seed(index))
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    rows = share.rows(BATCH)
    return Points(x[rows], y[rows])


class LineStage(Stage):
    """Dropout and a frozen network, so that random numbers and frozen weights can go wrong."""

    def __init__(self, dropout: float = 0.2) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            super().__init__(nn.Sequential(nn.Linear(3, 16), nn.GELU(), nn.Linear(16, 1)))
            self.hold("teacher", nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)))
        self.dropout = dropout

    def forward(self, batch: Points) -> dict[str, Tensor]:
        x = nn.functional.dropout(self.teacher(batch.x), self.dropout, self.training)
        error = (self.learned(x) - batch.y).square().mean()
        return {"loss": error, "size": batch.x.square().mean()}
