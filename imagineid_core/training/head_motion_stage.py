"""Trains PoseVAE on the heads of a corpus (SadTalker Sec. 3.2): L2 + KL.

The audio is l-bar of the frozen content net, and styles are the corpus'. Pose changes are measured
in their own standard deviations, so that millimetres do not drown in radians. Knows no lips.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.listen.content import ContentNet
from imagineid_core.motion.head_pose import PoseVAE
from imagineid_core.training.batches import WindowBatch
from imagineid_core.training.losses import kl_to_standard_normal
from imagineid_core.training.stage import Stage

_SMALLEST_SPREAD = 0.1  # of the largest; a value that hardly moves does not rule the loss


@dataclass(frozen=True, kw_only=True)
class HeadMotionLossConfig:
    kl: float = 0.1  # per value of the window, beside the squared error per value


class HeadMotionStage(Stage[PoseVAE]):
    """Batches have one frame more than PoseVAE's window: the first is the pose it starts from."""

    content: ContentNet
    spread: Tensor

    def __init__(
        self,
        vae: PoseVAE,
        content: ContentNet,
        loss: HeadMotionLossConfig,
        *,
        spread: Float[Tensor, " pose"],
    ) -> None:
        super().__init__(vae)
        self.loss = loss
        self.hold("content", content)
        with torch.no_grad():  # a fresh network would nod by half a radian: start at true sizes
            vae.decoder.pose.weight.mul_(spread[:, None])
            vae.decoder.pose.bias.zero_()
        self.register_buffer("spread", spread)

    def forward(self, batch: WindowBatch) -> dict[str, Tensor]:
        assert batch.pose is not None
        start, change = batch.pose[:, 0], batch.pose[:, 1:] - batch.pose[:, :1]
        with torch.no_grad():
            audio = self.content.encode(batch.windows[:, 1:])
        style = batch.style
        if style is None:
            style = torch.zeros(len(start), dtype=torch.long, device=start.device)
        # The noise comes from the CPU's generator, whose state every checkpoint holds.
        drawn, mean, log_variance = self.learned(
            change, start, audio, style, torch.default_generator
        )
        error = ((drawn - change) / self.spread).square().mean()
        kl = kl_to_standard_normal(mean, log_variance)
        num_values = change[0].numel()
        return {"loss": error + self.loss.kl * kl / num_values, "error": error, "kl": kl}


def spread_of_changes(
    poses: Sequence[Float[Tensor, "_ pose"]], window: int
) -> Float[Tensor, " pose"]:
    """Standard deviation of how far a pose moves within a window, for each of its six values."""
    longest = [pose.float() for pose in poses if len(pose) > window]
    if not longest:
        raise InputError(
            f"no clip has more than {window} frames of pose, which is PoseVAE's window. "
            "Use longer clips, or a smaller window."
        )
    changes = [pose[window:] - pose[:-window] for pose in longest]
    spread = torch.cat(changes).square().mean(dim=0).sqrt()
    return torch.maximum(spread, _SMALLEST_SPREAD * spread.max()).clamp_min(1e-6)
