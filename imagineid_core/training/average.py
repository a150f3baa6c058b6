"""The exponential moving average of a network's weights (EMA), kept beside it.

Knows nothing about steps or files; the decay of each update is given.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages parameters; buffers, such as those of batch normalisation, are averages already."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.weights = {
            name: weight.detach().clone().float() for name, weight in module.named_parameters()
        }

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """average <- decay * average + (1 - decay) * weights."""
        for name, weight in self._module.named_parameters():
            self.weights[name].lerp_(weight.detach().float(), 1 - decay)

    def load(self, weights: dict[str, Tensor]) -> None:
        for name, weight in self.weights.items():
            weight.copy_(weights[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the network has the averaged weights; after, bit for bit its own."""
        own = {name: weight.detach().clone() for name, weight in self._module.named_parameters()}
        _fill(self._module, self.weights)
        try:
            yield
        finally:
            _fill(self._module, own)


@torch.no_grad()
def _fill(module: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, weight in module.named_parameters():
        weight.copy_(weights[name])
