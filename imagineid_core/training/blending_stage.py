"""Trains MBA's convolutions inside a frozen autoencoder (Sec. 3.2, Eq. 10; supplement Fig. 3).

    L = |d| + w P(D'(z), x),   d = D'(z) - x

P is the user's VGG or, without one, the distance of slopes. Knows nothing about where mattes and
plates come from.
"""

import torch
from torch import Tensor, nn

from imagineid_core.imagine.background import dilate
from imagineid_core.imagine.mask_blending import (
    MaskBlendingAdapter,
    Plate,
    blended,
    decode_blended,
    finish_decoding,
)
from imagineid_core.training.blending_batches import BlendingBatch
from imagineid_core.training.stage import Stage

_SEAM = 0.025  # of the height, to each side of the mask's edge


class BlendingStage(Stage[MaskBlendingAdapter]):
    """In validation, PSNR in dB of what the mask calls background and foreground, and of the seam
    between them: `..._plain` is the autoencoder without the adapter, `..._gain` and
    `foreground_loss` the difference to it."""

    def __init__(
        self,
        learned: MaskBlendingAdapter,
        *,
        vae: nn.Module,
        perceptual: nn.Module,
        perceptual_weight: float,
    ) -> None:
        super().__init__(learned)
        self.hold("vae", vae)
        self.hold("perceptual", perceptual)
        self._weight = perceptual_weight
        # A step of Adam moves what comes out by as much as there are inputs.
        finest, *_ = widths = learned.config.channels
        self.slow = {
            f"convs.{level}": finest / width
            for level, width in enumerate(widths)
            if width != finest
        }

    def forward(self, batch: BlendingBatch) -> dict[str, Tensor]:
        plate = self.learned(batch.background)
        drawn = self._decoded(batch, plate).float()
        absolute = (drawn - batch.images).abs().mean()
        perceptual = self.get_submodule("perceptual")(drawn, batch.images)
        terms = {
            "loss": absolute + self._weight * perceptual,
            "absolute": absolute,
            "perceptual": perceptual,
        }
        return terms if self.training else terms | self._examined(batch, drawn)

    def _examined(self, batch: BlendingBatch, drawn: Tensor) -> dict[str, Tensor]:
        plain = self._decoded(batch, None).float()
        behind, person = (batch.mask == 0).float(), batch.mask
        edge = dilate(person, _SEAM) * dilate(1 - person, _SEAM)
        background, background_plain = (
            _peak_signal_to_noise(one, batch.images, behind) for one in (drawn, plain)
        )
        foreground, foreground_plain = (
            _peak_signal_to_noise(one, batch.images, person) for one in (drawn, plain)
        )
        seam, seam_plain = (
            _peak_signal_to_noise(one, batch.images, edge) for one in (drawn, plain)
        )
        return {
            "background": background,
            "background_plain": background_plain,
            "background_gain": background - background_plain,
            "foreground": foreground,
            "foreground_plain": foreground_plain,
            "foreground_loss": foreground_plain - foreground,
            "seam": seam,
            "seam_plain": seam_plain,
            "seam_gain": seam - seam_plain,
        }

    def _decoded(self, batch: BlendingBatch, plate: Plate | None) -> Tensor:
        vae = self.get_submodule("vae")
        if batch.finest is None:
            mask = None if plate is None else batch.mask
            return decode_blended(vae, batch.latents, plate, mask)
        x = batch.finest
        if plate is not None:
            x = blended(x, plate.levels[0], batch.mask if plate.uses_mask else None)
        return finish_decoding(vae, x)


def _peak_signal_to_noise(images: Tensor, truth: Tensor, where: Tensor) -> Tensor:
    """Mean over pictures of the PSNR of what `where` weighs; 0 ... 100 dB."""
    error = (images.clamp(-1, 1) - truth).square() * where
    mean = error.flatten(1).sum(dim=1) / (3 * where.flatten(1).sum(dim=1)).clamp_min(1)
    return (10 * torch.log10(4 / mean.clamp_min(4e-10))).mean()
