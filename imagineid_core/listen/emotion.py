"""How it is said: emotion style and the full expression (Sec. 3.1, Eq. 6-7).

Knows shape and linguistic features only as numbers, so either may come from another voice.
"""

from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.listen.transformer import ListenConfig, Transformer, mlp, with_positions
from imagineid_core.values import Emotion

ARCHITECTURE = "pad_emotion"


class EmotionNet(nn.Module):
    """Phi_E^e and Phi_D^e."""

    def __init__(self, config: ListenConfig):
        super().__init__()
        self.config = config
        self.embed = mlp(config.window_dim, config.width, config.width)
        self.encoder = Transformer(config)
        self.shape_embed = mlp(config.shape_dim, config.width, config.width)
        self.decoder = Transformer(config)
        self.expression_head = mlp(config.width, config.width, config.expression_dim)

    def forward(
        self,
        windows: Float[Tensor, "batch frames window"],
        linguistic: Float[Tensor, "batch frames dim"],
        shape: Float[Tensor, "batch shape"],
    ) -> Emotion:
        style = self.encode(windows).mean(dim=1, keepdim=True)  # theta_e = Avg(...) (Eq. 6)
        return Emotion(style=style, expression=self.decode(style, linguistic, shape))

    def encode(
        self, windows: Float[Tensor, "batch frames window"]
    ) -> Float[Tensor, "batch frames dim"]:
        """Phi_E^e(MLPs(A) + PE), the style of each frame before averaging (Eq. 6)."""
        return self.encoder(with_positions(self.embed(windows)))

    def decode(
        self,
        style: Float[Tensor, "batch spans dim"],
        linguistic: Float[Tensor, "batch frames dim"],
        shape: Float[Tensor, "batch shape"],
    ) -> Float[Tensor, "batch frames expression"]:
        """beta-hat = MLPs(Phi_D^e(theta_e + l-bar + MLPs(alpha-hat))) (Eq. 7)."""
        identity = self.shape_embed(shape)[:, None]
        return self.expression_head(self.decoder(style + linguistic + identity))
