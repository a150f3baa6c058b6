"""What is said: linguistic features and the lip-only expression (Sec. 3.1, Eq. 4-5).

Knows the shape it is conditioned on only as numbers; knows nothing about emotion.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from imagineid_core.listen.erasure import Erasure
from imagineid_core.listen.expression_net import ExpressionNet
from imagineid_core.listen.transformer import ListenConfig
from imagineid_core.values import Content

ARCHITECTURE = "pad_content"


@dataclass(frozen=True, kw_only=True)
class ContentConfig(ListenConfig):
    erases_style: bool = False  # the paper has no such step


class ContentNet(ExpressionNet):
    """Phi_E^c and Phi_D^c."""

    def __init__(self, config: ListenConfig):
        super().__init__(config)
        erases = isinstance(config, ContentConfig) and config.erases_style
        self.erasure = Erasure(config.width) if erases else None

    def encode(
        self, windows: Float[Tensor, "batch frames window"]
    ) -> Float[Tensor, "batch frames dim"]:
        """l-bar = Phi_E^c(MLPs(A) + PE) (Eq. 4), less what was found to tell the style."""
        linguistic = super().encode(windows)
        return linguistic if self.erasure is None else self.erasure(linguistic)

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
