"""What is said: linguistic features and the lip-only expression (Sec. 3.1, Eq. 4-5).

Knows the shape it is conditioned on only as numbers; knows nothing about emotion.
"""

from jaxtyping import Float
from torch import Tensor

from imagineid_core.listen.expression_net import ExpressionNet
from imagineid_core.values import Content

ARCHITECTURE = "pad_content"


class ContentNet(ExpressionNet):
    """Phi_E^c and Phi_D^c. `encode` gives l-bar = Phi_E^c(MLPs(A) + PE) (Eq. 4)."""

    def forward(
        self, windows: Float[Tensor, "batch frames window"], shape: Float[Tensor, "batch shape"]
    ) -> Content:
        linguistic = self.encode(windows)
        return Content(linguistic=linguistic, lip_expression=self.decode(linguistic, shape))

    def decode(
        self, linguistic: Float[Tensor, "batch frames dim"], shape: Float[Tensor, "batch shape"]
    ) -> Float[Tensor, "batch frames expression"]:
        """l = MLPs(Phi_D^c(l-bar + MLPs(alpha-hat))) (Eq. 5)."""
        return self.express(linguistic, shape)
