"""The encoder-decoder from sound to expression that content and emotion share (supplement Fig. 2).

Knows nothing about which of the two it is, nor what is added between encoder and decoder.
"""

from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.listen.transformer import ListenConfig, Transformer, mlp, with_positions


class ExpressionNet(nn.Module):
    """Phi_E and Phi_D with their MLPs."""

    def __init__(self, config: ListenConfig):
        super().__init__()
        self.config = config
        self.embed = mlp(config.window_dim, config.width, config.width)
        self.encoder = Transformer(config)
        self.shape_embed = mlp(config.shape_dim, config.width, config.width)
        self.decoder = Transformer(config)
        self.expression_head = mlp(config.width, config.width, config.expression_dim)

    def encode(
        self, windows: Float[Tensor, "batch frames window"]
    ) -> Float[Tensor, "batch frames dim"]:
        """Phi_E(MLPs(A) + PE) (Eq. 4; inside Eq. 6)."""
        return self.encoder(with_positions(self.embed(windows)))

    def express(
        self, features: Float[Tensor, "batch frames dim"], shape: Float[Tensor, "batch shape"]
    ) -> Float[Tensor, "batch frames expression"]:
        """MLPs(Phi_D(features + MLPs(alpha-hat))) (Eq. 5, 7)."""
        identity = self.shape_embed(shape)[:, None]
        return self.expression_head(self.decoder(features + identity))
