"""Stage three of PAD: how it is said, and the whole expression (Sec. 3.1, Eq. 6-7).

    L = ||beta - beta-hat||_2 + InfoNCE(theta_e), pairs by style

PD-FGC's decorrelation of style and lips (Eq. 6 there) may be added. Identity and content are
frozen. Knows nothing about rendering.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.listen.content import ContentNet
from imagineid_core.listen.emotion import EmotionNet
from imagineid_core.listen.identity import IdentityNet
from imagineid_core.training.batches import WindowBatch
from imagineid_core.training.identity_stage import ContrastConfig
from imagineid_core.training.losses import decorrelation, distance, info_nce
from imagineid_core.training.processes import gathered
from imagineid_core.training.stage import Stage

NEEDS = ("expression",)
PAIR_BY = "style"


@dataclass(frozen=True, kw_only=True)
class DecorrelationConfig:
    """Off by default: it is PD-FGC's, not this paper's. The sizes are PD-FGC's."""

    weight: float = 0.0
    window: int = 13  # frames the style is averaged over, round a frame of l-bar
    bank: int = 512  # rows remembered


class EmotionStage(Stage[EmotionNet]):
    identity: IdentityNet
    content: ContentNet
    styles: Tensor
    sounds: Tensor
    num_remembered: Tensor

    def __init__(
        self,
        net: EmotionNet,
        identity: IdentityNet,
        content: ContentNet,
        contrast: ContrastConfig,
        decorrelation: DecorrelationConfig,
    ) -> None:
        super().__init__(net)
        self.contrast, self.decorrelation = contrast, decorrelation
        self.hold("identity", identity)
        self.hold("content", content)
        if decorrelation.weight:
            width = net.config.width
            self.register_buffer("styles", torch.zeros(decorrelation.bank, width))
            self.register_buffer("sounds", torch.zeros(decorrelation.bank, width))
            self.register_buffer("num_remembered", torch.zeros((), dtype=torch.long))

    def forward(self, batch: WindowBatch) -> dict[str, Tensor]:
        assert batch.expression is not None
        assert batch.positive_windows is not None
        assert batch.negatives is not None
        with torch.no_grad():
            shape = self.identity(batch.windows).shape
            linguistic = self.content.encode(batch.windows)
        # Twice the batch in one pass: both halves of a pair through the one module DDP watches.
        features = self.learned.encode(torch.cat([batch.windows, batch.positive_windows]))
        frames, others = features.float().chunk(2)  # cosines need more than eight bits
        style, positive = frames.mean(dim=1), others.mean(dim=1)  # theta_e (Eq. 6)
        expression = self.learned.decode(style[:, None], linguistic, shape)
        reconstruction = distance(batch.expression, expression)
        contrast = info_nce(
            style, positive, gathered(positive)[batch.negatives], self.contrast.temperature
        )
        terms = {
            "loss": reconstruction + self.contrast.weight * contrast,
            "distance": reconstruction,
            "contrast": contrast,
        }
        if self.decorrelation.weight:
            terms["decorrelation"] = self._decorrelation(frames, linguistic)
            terms["loss"] = terms["loss"] + self.decorrelation.weight * terms["decorrelation"]
        return terms

    def _decorrelation(
        self,
        frames: Float[Tensor, "batch frames dim"],
        linguistic: Float[Tensor, "batch frames dim"],
    ) -> Float[Tensor, ""]:
        """Style averaged round a frame against l-bar of that frame, over the rows remembered too.

        Gradients reach the rows of this batch alone.
        """
        num_frames, span = frames.shape[1], min(self.decorrelation.window, frames.shape[1])
        first = int(torch.randint(num_frames - span + 1, ()))
        styles = gathered(frames[:, first : first + span].mean(dim=1))
        sounds = gathered(linguistic[:, first + span // 2])
        known = int(self.num_remembered)
        loss = decorrelation(
            torch.cat([styles, self.styles[:known]]), torch.cat([sounds, self.sounds[:known]])
        )
        if self.training:
            self._remember(styles.detach(), sounds.detach())
        return loss

    def _remember(self, styles: Tensor, sounds: Tensor) -> None:
        """The latest rows first; the oldest are forgotten."""
        size = self.decorrelation.bank
        self.styles.copy_(torch.cat([styles.float(), self.styles])[:size])
        self.sounds.copy_(torch.cat([sounds.float(), self.sounds])[:size])
        self.num_remembered.add_(len(styles)).clamp_(max=size)
