"""Trains the small matting network on portraits whose matte is known (Alg. 1, G_MOD).

    L = BCE(m, m-hat) + |m - m-hat| + |grad m - grad m-hat|

MODNet's own supervision is three branches; one is enough for a network this small. Knows nothing
about where portraits come from.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from imagineid_core.imagine.background import dilate
from imagineid_core.imagine.matting import MattingNet
from imagineid_core.training.matte_batches import MatteBatch
from imagineid_core.training.stage import Stage

_BAND = 0.025  # of the height, to either side


class MatteStage(Stage[MattingNet]):
    """Measured by `mae`, `boundary` (the same near the true outline alone) and `missed` (1 - IoU).

    Lower is better, 0 is perfect.
    """

    def forward(self, batch: MatteBatch) -> dict[str, Tensor]:
        logits = self.learned.logits(batch.images).float()
        matte = logits.sigmoid()
        mae = (matte - batch.mattes).abs().mean()
        entropy = binary_cross_entropy_with_logits(logits, batch.mattes)
        edges = edge_distance(matte, batch.mattes)
        terms = {"loss": entropy + mae + edges, "entropy": entropy, "mae": mae, "edges": edges}
        if not self.training:
            terms["boundary"] = boundary_error(matte, batch.mattes)
            terms["missed"] = 1 - overlap(matte, batch.mattes)
        return terms


def edge_distance(
    first: Float[Tensor, "batch 1 height width"], second: Float[Tensor, "batch 1 height width"]
) -> Float[Tensor, ""]:
    """Mean distance of the steps from pixel to pixel: sharp edges at the right place."""
    off = first - second
    return off.diff(dim=-1).abs().mean() + off.diff(dim=-2).abs().mean()


def boundary_error(
    matte: Float[Tensor, "batch 1 height width"], true: Float[Tensor, "batch 1 height width"]
) -> Float[Tensor, ""]:
    """Mean distance where the person ends: within 2.5 % of the height from the true outline."""
    grown, shrunk = dilate(true, _BAND), 1 - dilate(1 - true, _BAND)
    band = ((grown - shrunk) > 0.5).float()
    return ((matte - true).abs() * band).sum() / band.sum().clamp_min(1)


def overlap(
    first: Float[Tensor, "batch 1 height width"], second: Float[Tensor, "batch 1 height width"]
) -> Float[Tensor, ""]:
    """Intersection over union of what is more person than not; two empty mattes agree wholly."""
    one, other = first > 0.5, second > 0.5
    both = (one & other).sum((1, 2, 3)).float()
    either = (one | other).sum((1, 2, 3)).float()
    return torch.where(either > 0, both / either.clamp_min(1), 1.0).mean()
