"""Pictures side by side, a row a person, with the names of the columns above them.

Knows nothing about what they show.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from imagineid_core.evaluation.figure import new_figure, save_figure

Pictures = Sequence[Float[Tensor, "1 3 height width"]]
_INCHES = 1.25  # of a picture
_MOST_ROWS = 4


def save_sheet(columns: Mapping[str, Pictures], path: Path) -> None:
    """Of the first people, as many as a page takes."""
    num_rows = min(_MOST_ROWS, min(len(pictures) for pictures in columns.values()))
    figure = new_figure(_INCHES * len(columns), _INCHES * num_rows + 0.4)
    grid = figure.subplots(num_rows, len(columns), squeeze=False)
    for column, (name, pictures) in enumerate(columns.items()):
        grid[0, column].set_title(name, fontsize=7)
        for row in range(num_rows):
            pixels = (pictures[row][0].clamp(-1, 1) + 1) / 2
            grid[row, column].imshow(pixels.permute(1, 2, 0).cpu().numpy())
            grid[row, column].set_axis_off()
    save_figure(figure, path)
