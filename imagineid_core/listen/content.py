"""What is said: linguistic features and the lip-only expression (Sec. 3.1, Eq. 4-5).

Knows the shape it is conditioned on only as numbers; knows nothing about emotion.
"""

from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.listen.transformer import ListenConfig, Transformer, mlp, with_positions
from imagineid_core.values import Content

ARCHITECTURE = "pad_content"


class ContentNet(nn.Module):
    """Phi_E^c and Phi_D^c."""

    def __init__(self, config: ListenConfig):
        super().__init__()
        self.config = config
        self.embed = mlp(config.window_dim, config.width, config.width)
        self.encoder = Transformer(config)
        self.shape_embed = mlp(config.shape_dim, config.width, config.width)
        self.decoder = Transformer(config)
        self.expression_head = mlp(config.width, config.width, config.expression_dim)

    def forward(
        self, windows: Float[Tensor, "batch frames window"], shape: Float[Tensor, "batch shape"]
    ) -> Content:
        linguistic = self.encode(windows)
        return Content(linguistic=linguistic, lip_expression=self.decode(linguistic, shape))

    def encode(
        self, windows: Float[Tensor, "batch frames window"]
    ) -> Float[Tensor, "batch frames dim"]:
        """l-bar = Phi_E^c(MLPs(A) + PE) (Eq. 4)."""
        return self.encoder(with_positions(self.embed(windows)))

    def decode(
        self, linguistic: Float[Tensor, "batch frames dim"], shape: Float[Tensor, "batch shape"]
    ) -> Float[Tensor, "batch frames expression"]:
        """l = MLPs(Phi_D^c(l-bar + MLPs(alpha-hat))) (Eq. 5)."""
        identity = self.shape_embed(shape)[:, None]
        return self.expression_head(self.decoder(linguistic + identity))
