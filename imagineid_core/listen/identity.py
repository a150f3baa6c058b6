"""Identity from voice: the shape token and the semantics (Sec. 3.1, Eq. 1-2).

Knows nothing about content, emotion or how windows of a long clip are joined.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.listen.transformer import ListenConfig, Transformer, mlp, with_positions
from imagineid_core.values import Identity

ARCHITECTURE = "pad_identity"


class IdentityNet(nn.Module):
    """Phi_E^id with a learned token in front of the window's frames."""

    def __init__(self, config: ListenConfig):
        super().__init__()
        self.config = config
        self.shape_token = nn.Parameter(torch.randn(config.width) * config.width**-0.5)
        self.embed = mlp(config.window_dim, config.width, config.width)
        self.encoder = Transformer(config)
        self.shape_head = mlp(config.width, config.width, config.shape_dim)

    def forward(self, windows: Float[Tensor, "batch frames window"]) -> Identity:
        """alpha-hat = MLPs(token), theta_id = Avg(features) (Eq. 2)."""
        shape, features = self.encode(windows)
        return Identity(shape=shape, semantics=features.mean(dim=1))

    def encode(
        self, windows: Float[Tensor, "batch frames window"]
    ) -> tuple[Float[Tensor, "batch shape"], Float[Tensor, "batch frames dim"]]:
        """Shape of each window and the semantics of each frame before averaging (Eq. 1)."""
        embedded = self.embed(windows)
        token = self.shape_token.expand(embedded.shape[0], 1, -1)
        tokens = self.encoder(with_positions(torch.cat([token, embedded], dim=1)))  # Eq. 1
        return self.shape_head(tokens[:, 0]), tokens[:, 1:]
