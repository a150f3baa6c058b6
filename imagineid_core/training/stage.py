"""What a training stage is to the loop: one network that learns, others that stay as they are.

Knows nothing about optimisers, steps or devices.
"""

from typing import Any

from torch import Tensor, nn


class Stage(nn.Module):
    """`forward(batch)` returns the terms of the loss by name; the one called `loss` is minimised.

    `learned` is the network being trained. Whatever else a stage holds is frozen: no gradients, and
    always in evaluation mode, whatever mode the stage is in.
    """

    def __init__(self, learned: nn.Module) -> None:
        super().__init__()
        self.learned = learned

    def hold(self, name: str, module: nn.Module) -> None:
        """Keep a frozen network of an earlier stage."""
        self.add_module(name, module.requires_grad_(False).eval())

    def train(self, mode: bool = True) -> "Stage":
        super().train(mode)
        for name, child in self.named_children():
            if name != "learned":
                child.eval()
        return self

    def forward(self, batch: Any) -> dict[str, Tensor]:
        raise NotImplementedError
