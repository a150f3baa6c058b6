"""How a frame is shown in a film: enlarged, and with a label on a strip under the picture.

Knows nothing about what the picture or the label says.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.video.lettering import lettered_strip

_LETTERS = 0.03  # of the width
_SMALLEST_LETTERS = 10  # pixels
_INK, _PAPER = (0.8, 0.8, 0.78), (-0.8, -0.8, -0.78)


class Shown:
    """`size` is the shown width in pixels (None: as it is), `label` stands under the picture.

    A picture keeps its proportions, and with a label its film has an even height.
    """

    def __init__(self, *, size: int | None = None, label: str = "") -> None:
        if size is not None and (size < 2 or size % 2):
            raise InputError(
                f"the shown size is {size} pixels. Use an even number, for example 512."
            )
        self.size, self.label = size, label
        self._strip: Tensor | None = None

    def __call__(self, frame: Float[Tensor, "3 height width"]) -> Float[Tensor, "3 tall wide"]:
        picture = frame.detach().float().cpu()
        if self.size is not None and self.size != frame.shape[2]:
            picture = resized(picture, self.size)
        if not self.label:
            return picture
        if self._strip is None or self._strip.shape[2] != picture.shape[2]:
            width = picture.shape[2]
            self._strip = lettered_strip(
                self.label,
                width=width,
                size=max(_SMALLEST_LETTERS, round(width * _LETTERS)),
                ink=_INK,
                paper=_PAPER,
                even=True,
            )
        return torch.cat([picture, self._strip], dim=1)


def resized(picture: Float[Tensor, "3 height width"], width: int) -> Float[Tensor, "3 tall wide"]:
    """Lanczos, with the picture's proportions; values stay in [-1, 1]."""
    from PIL import Image

    height = max(1, round(picture.shape[1] * width / picture.shape[2]))
    channels = [
        np.array(Image.fromarray(channel.numpy()).resize((width, height), Image.Resampling.LANCZOS))
        for channel in picture.detach().float().cpu().contiguous()
    ]
    return torch.from_numpy(np.stack(channels)).clamp(-1, 1)
