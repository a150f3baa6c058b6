"""Contact sheets of generated frames, pixels doubled or more, a word beside each row.

Knows nothing about what is measured in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from jaxtyping import Float
from torch import Tensor

from imagineid_core.evaluation.figure import INK, new_figure, save_figure

_INCHES = 1.45  # a picture
_NAMES = 1.1  # inches beside the rows


@dataclass(frozen=True, kw_only=True)
class Row:
    """Pictures side by side; `words` has one for each, or none."""

    name: str
    pictures: Float[Tensor, "pictures 3 height width"]
    words: tuple[str, ...] = ()


def draw_sheet(rows: Sequence[Row], path: str | PathLike[str]) -> None:
    columns = max(len(row.pictures) for row in rows)
    figure = new_figure(_INCHES * columns + _NAMES, (_INCHES + 0.2) * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for line, row in zip(grid, rows, strict=True):
        line[0].set_ylabel(row.name, color=INK, fontsize=8, rotation=0, ha="right", va="center")
        for number, picture in enumerate(row.pictures):
            line[number].imshow(_shown(picture), interpolation="nearest")
            if number < len(row.words):
                line[number].set_title(row.words[number], fontsize=7, color=INK, pad=2)
    save_figure(figure, path)


def evenly(count: int, most: int) -> list[int]:
    """At most so many of the first `count` numbers, the first and the last among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))})


def amplified(
    frames: Float[Tensor, "frames 3 height width"],
    first: Float[Tensor, "3 height width"],
    factor: float = 8.0,
) -> Float[Tensor, "frames 3 height width"]:
    """Difference to the first frame, many times over; grey where there is none."""
    return ((frames - first) * factor / 2).clamp(-1, 1)


def _shown(picture: Float[Tensor, "3 height width"]) -> Float[np.ndarray, "height width 3"]:
    return ((picture.permute(1, 2, 0).numpy() + 1) / 2).clip(0, 1)
