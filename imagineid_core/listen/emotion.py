"""How it is said: emotion style and the full expression (Sec. 3.1, Eq. 6-7).

Knows shape and linguistic features only as numbers, so either may come from another voice.
"""

from jaxtyping import Float
from torch import Tensor

from imagineid_core.listen.expression_net import ExpressionNet
from imagineid_core.values import Emotion

ARCHITECTURE = "pad_emotion"


class EmotionNet(ExpressionNet):
    """Phi_E^e and Phi_D^e. `encode` gives the style of each frame before averaging (Eq. 6)."""

    def forward(
        self,
        windows: Float[Tensor, "batch frames window"],
        linguistic: Float[Tensor, "batch frames dim"],
        shape: Float[Tensor, "batch shape"],
    ) -> Emotion:
        style = self.encode(windows).mean(dim=1, keepdim=True)  # theta_e = Avg(...) (Eq. 6)
        return Emotion(style=style, expression=self.decode(style, linguistic, shape))

    def decode(
        self,
        style: Float[Tensor, "batch spans dim"],
        linguistic: Float[Tensor, "batch frames dim"],
        shape: Float[Tensor, "batch shape"],
    ) -> Float[Tensor, "batch frames expression"]:
        """beta-hat = MLPs(Phi_D^e(theta_e + l-bar + MLPs(alpha-hat))) (Eq. 7)."""
        return self.express(style + linguistic, shape)
