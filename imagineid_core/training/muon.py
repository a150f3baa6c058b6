"""Muon: momentum whose matrix updates are made orthogonal, AdamW for all else (Jordan et al. 2024).

    M <- mu M + G,   W <- W - lr * 0.2 sqrt(max(out, rest)) * NewtonSchulz(G + mu M)

The factor gives an update the size AdamW's has, so one learning rate serves both (Liu et al. 2025).
Knows parameters by their number of axes, and nothing about the network they belong to.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)  # pushes all singular values into about 0.7 ... 1.2
_ITERATIONS = 5
_SIZE_OF_ADAM = 0.2  # root mean square of AdamW's update, about


class Muon(torch.optim.Optimizer):
    """Groups marked `orthogonal` take Muon's step, the others AdamW's, at one learning rate."""

    def __init__(
        self,
        groups: list[dict[str, Any]],
        *,
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "betas": betas,
            "eps": eps,
            "orthogonal": False,
        }
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rule = _muon_direction if group["orthogonal"] else _adam_direction
            for weight in group["params"]:
                if weight.grad is not None:
                    direction = rule(weight.grad, self.state[weight], group)
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(direction, alpha=-group["lr"])
        return loss


def muon_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Weights with two axes or more are matrices; biases, norms, tokens and embeddings are not."""
    embeddings = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    learned = [weight for weight in module.parameters() if weight.requires_grad]
    matrices = [w for w in learned if w.ndim >= 2 and id(w) not in embeddings]
    chosen = {id(weight) for weight in matrices}
    others = [weight for weight in learned if id(weight) not in chosen]
    groups = [
        {"params": matrices, "orthogonal": True},
        {"params": others, "orthogonal": False, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def orthogonalised(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """The nearest (semi-)orthogonal matrix, about: five Newton-Schulz steps, no SVD.

    X <- q(X X^T) X with q(G) = a + b G + c G^2. All q commute, so for a matrix much wider than high
    their product is gathered from G alone, G <- q(G)^2 G, and meets X once.
    """
    # Five steps need no precision, and half of it is faster where the device has it.
    x = matrix.to(torch.bfloat16 if matrix.is_cuda else torch.float32)
    x = x.T if matrix.shape[0] > matrix.shape[1] else x
    x = x / (x.norm() + 1e-7)  # the largest singular value is now at most 1
    x = _by_gram(x) if x.shape[1] >= 2 * x.shape[0] else _by_steps(x)
    x = x.T if matrix.shape[0] > matrix.shape[1] else x
    return x.to(matrix.dtype)


def _by_steps(x: Tensor) -> Tensor:
    a, b, c = _QUINTIC
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + torch.addmm(gram, gram, gram, beta=b, alpha=c) @ x
    return x


def _by_gram(x: Tensor) -> Tensor:
    a, b, c = _QUINTIC
    gram, product = x @ x.T, None
    for step in range(_ITERATIONS):
        q = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        q.diagonal().add_(a)
        product = q if product is None else q @ product
        if step < _ITERATIONS - 1:
            gram = q @ (q @ gram)
    assert product is not None
    return product @ x


def _muon_direction(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    momentum = state.setdefault("momentum", torch.zeros_like(gradient))
    momentum.mul_(group["momentum"]).add_(gradient)
    ahead = gradient + group["momentum"] * momentum  # Nesterov
    matrix = ahead.flatten(1)  # [out, rest]
    scale = _SIZE_OF_ADAM * math.sqrt(max(matrix.shape))
    return scale * orthogonalised(matrix).view_as(gradient)


def _adam_direction(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    first = state.setdefault("first", torch.zeros_like(gradient))
    second = state.setdefault("second", torch.zeros_like(gradient))
    state["step"] = step = state.get("step", 0) + 1
    slow, slower = group["betas"]
    first.lerp_(gradient, 1 - slow)
    second.lerp_(gradient.square(), 1 - slower)
    size = (second / (1 - slower**step)).sqrt() + group["eps"]
    return first / (1 - slow**step) / size
