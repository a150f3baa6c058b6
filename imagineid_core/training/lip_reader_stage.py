"""Trains the lip reader on drawn mouths of known sounds: -log P(X | V) by CTC.

Comes before PAD: the content stage reads the lips it makes with it. Knows nothing about audio.
"""

import torch
from torch import Tensor

from imagineid_core.training.lip_reader import PhonemeReader, text_loss
from imagineid_core.training.mouth_batches import MouthBatch
from imagineid_core.training.stage import Stage

_SHIFT = 4  # pixels to each side
_BRIGHTNESS = 0.2  # of full scale


class LipReaderStage(Stage[PhonemeReader]):
    """Crops lie a little beside the mouth and exposures differ; the lips are the same."""

    def forward(self, batch: MouthBatch) -> dict[str, Tensor]:
        mouths = batch.mouths.float() / 255
        if self.training:
            mouths = _seen_otherwise(mouths)
        read = self.learned(mouths)
        return {"loss": text_loss(read, batch.symbols, batch.num_symbols)}


def _seen_otherwise(mouths: Tensor) -> Tensor:
    """One shift and exposure for the batch; what is shifted in is black, as outside the face."""
    down, right = torch.randint(-_SHIFT, _SHIFT + 1, (2,)).tolist()
    exposure = 1 + _BRIGHTNESS * float(torch.randn(()))
    height, width = mouths.shape[-2:]
    padded = torch.nn.functional.pad(mouths, [_SHIFT] * 4)
    rows = slice(_SHIFT + down, _SHIFT + down + height)
    return padded[..., rows, _SHIFT + right : _SHIFT + right + width] * exposure
