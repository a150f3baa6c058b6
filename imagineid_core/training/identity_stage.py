"""Stage one of PAD: shape and semantics of the speaker (Sec. 3.1, Eq. 1-3).

    L = ||alpha - alpha-hat||_2 + InfoNCE(theta_id), pairs by speaker

Knows nothing about content, emotion or rendering.
"""

from dataclasses import dataclass

from torch import Tensor

from imagineid_core.listen.identity import IdentityNet
from imagineid_core.training.batches import WindowBatch
from imagineid_core.training.losses import distance, info_nce
from imagineid_core.training.processes import gathered
from imagineid_core.training.stage import Stage

NEEDS = ("shape",)
PAIR_BY = "speaker"


@dataclass(frozen=True, kw_only=True)
class ContrastConfig:
    """The paper's contrastive loss has weight 1 and no temperature."""

    weight: float = 1.0
    temperature: float = 1.0


class IdentityStage(Stage[IdentityNet]):
    def __init__(self, net: IdentityNet, contrast: ContrastConfig) -> None:
        super().__init__(net)
        self.contrast = contrast

    def forward(self, batch: WindowBatch) -> dict[str, Tensor]:
        assert batch.shape is not None
        assert batch.positive_windows is not None
        assert batch.negatives is not None
        heard = self.learned(batch.windows)
        positive = self.learned(batch.positive_windows).semantics.float()
        reconstruction = distance(batch.shape, heard.shape)
        contrast = info_nce(
            heard.semantics.float(),
            positive,
            gathered(positive)[batch.negatives],
            self.contrast.temperature,
        )
        return {
            "loss": reconstruction + self.contrast.weight * contrast,
            "shape_distance": reconstruction,
            "contrast": contrast,
        }
