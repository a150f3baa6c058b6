"""The one Transformer behind every encoder and decoder of PAD (supplement 0.3).

Pre-norm, GELU, sinusoidal positions: our choices, the paper names none (decisions.md). Knows
nothing about audio or faces.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ListenConfig:
    """Sizes of one network, the paper's; `hidden_width` (4 x width) and dropout are ours."""

    window_dim: int = 1280  # mel window of one frame
    shape_dim: int = 80  # alpha
    expression_dim: int = 64  # beta
    width: int = 512
    hidden_width: int = 2048
    num_layers: int = 4
    num_heads: int = 8
    dropout: float = 0.1  # in training only

    def __post_init__(self) -> None:
        smallest = min(value for value in vars(self).values() if type(value) is int)
        if smallest < 1 or self.width % self.num_heads or not 0 <= self.dropout < 1:
            raise InputError(
                f"{self} is no network. Sizes must be at least 1, width a multiple of num_heads, "
                "dropout in [0, 1)."
            )


class Transformer(nn.Module):
    """Self-attention over all tokens of a window; the same module serves as encoder and decoder."""

    def __init__(self, config: ListenConfig):
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self, tokens: Float[Tensor, "batch tokens dim"]
    ) -> Float[Tensor, "batch tokens dim"]:
        for layer in self.layers:
            tokens = layer(tokens)
        return self.norm(tokens)


class _Layer(nn.Module):
    def __init__(self, config: ListenConfig):
        super().__init__()
        self.num_heads = config.num_heads
        self.dropout = config.dropout
        self.attention_norm = nn.LayerNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.attention_out = nn.Linear(config.width, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.feed_forward = mlp(config.width, config.hidden_width, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self._dropped(self._attend(self.attention_norm(tokens)))
        return tokens + self._dropped(self.feed_forward(self.feed_forward_norm(tokens)))

    def _attend(self, tokens: Tensor) -> Tensor:
        batch, num_tokens, width = tokens.shape
        projected = self.query_key_value(tokens)  # [batch, tokens, 3 * dim]
        query, key, value = projected.view(
            batch, num_tokens, 3, self.num_heads, width // self.num_heads
        ).permute(2, 0, 3, 1, 4)  # each [batch, heads, tokens, dim]
        heads = F.scaled_dot_product_attention(query, key, value)
        return self.attention_out(heads.transpose(1, 2).reshape(batch, num_tokens, width))

    def _dropped(self, tokens: Tensor) -> Tensor:
        return F.dropout(tokens, self.dropout, self.training)


def mlp(in_dim: int, hidden_dim: int, out_dim: int) -> nn.Sequential:
    """The paper's "MLPs": two Linear layers; the GELU between them is ours."""
    return nn.Sequential(nn.Linear(in_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, out_dim))


def with_positions(tokens: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch tokens dim"]:
    """tokens + PE (Eq. 1, 4, 6): sines and cosines of geometrically spaced wavelengths."""
    num_tokens, width = tokens.shape[1:]
    position = torch.arange(num_tokens, device=tokens.device, dtype=torch.float32)[:, None]
    pair = torch.arange(0, width, 2, device=tokens.device, dtype=torch.float32)
    angle = position * torch.exp(-pair / width * torch.log(torch.tensor(10_000.0)))
    positions = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # [tokens, dim]
    return tokens + positions[:, :width].to(tokens.dtype)
