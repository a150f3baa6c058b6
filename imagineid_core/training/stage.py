"""What a training stage is to the loop: one network that learns, others that stay as they are.

Knows nothing about optimisers, steps or devices.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


class Stage(nn.Module, ABC, Generic[Net]):
    """`forward(batch)` returns the terms of the loss by name; the one called `loss` is minimised.

    `learned` is the network being trained. Whatever else a stage holds is frozen: no gradients, and
    always in evaluation mode, whatever mode the stage is in.
    """

    slow: Mapping[str, float] = {}  # parts of `learned` that take a share of the learning rate

    def __init__(self, learned: Net) -> None:
        super().__init__()
        self.learned: Net = learned
        self._held: list[str] = []

    def hold(self, name: str, module: nn.Module) -> None:
        """Keep a frozen network of an earlier stage."""
        self.add_module(name, module.requires_grad_(False).eval())
        self._held.append(name)

    def held(self) -> dict[str, nn.Module]:
        """The frozen networks by name."""
        return {name: self.get_submodule(name) for name in self._held}

    def moving_state(self) -> dict[str, Tensor]:
        """What training changes: the learned network, and buffers of the stage's own."""
        frozen = tuple(f"{name}." for name in self.held())
        state = self.state_dict()
        return {key: value for key, value in state.items() if not key.startswith(frozen)}

    def frozen_digest(self) -> str:
        """SHA-256 of the frozen networks: the same earlier stages, or another training."""
        digest = hashlib.sha256()
        for name, module in self.held().items():
            for key, value in module.state_dict().items():
                digest.update(f"{name}.{key}".encode())
                digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def train(self, mode: bool = True) -> "Stage[Net]":
        super().train(mode)
        for module in self.held().values():
            module.eval()
        return self

    @abstractmethod
    def forward(self, batch: Any) -> dict[str, Tensor]: ...
