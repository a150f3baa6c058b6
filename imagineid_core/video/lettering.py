"""Words as a strip of picture, in Pillow's own letters: no font file is needed.

Knows nothing about what stands above or below the strip.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_LEADING = 1.5  # from line to line, in sizes of the letters
_MARGIN = 0.04  # of the width, left and right

Colour = Sequence[float]  # RGB in [-1, 1]


def lettered_strip(
    text: str, *, width: int, size: int, ink: Colour, paper: Colour, even: bool = False
) -> Float[Tensor, "3 height width"]:
    """`text` centred in letters of `size` pixels, on as many lines as it takes.

    With `even` the height is even, as H.264 needs it.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    lines = _lines(text, lambda words: font.getlength(words) <= width * (1 - 2 * _MARGIN))
    height = round((len(lines) + 0.5) * size * _LEADING)
    height += height % 2 if even else 0
    strip = Image.new("RGB", (width, height), _bytes(paper))
    draw = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        middle = height / 2 + (number - (len(lines) - 1) / 2) * size * _LEADING
        draw.text((width / 2, middle), line, fill=_bytes(ink), font=font, anchor="mm")
    return torch.from_numpy(np.array(strip)).permute(2, 0, 1).float() / 127.5 - 1


def _lines(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Words are kept whole; one that is too long alone has a line of its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and not fits(longer):
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _bytes(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (round((value + 1) * 127.5) for value in colour)
    return red, green, blue
