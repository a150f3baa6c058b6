"""Sheets of paper to draw on: off screen, whatever matplotlib is set to, one look for all pictures.

Knows nothing about what is drawn.
"""

import io
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, ACCENT, PAPER, SHADE = "#1f2933", "#b4552d", "#fbfaf7", "#d8d2c4"
COLOURS = ("#1f2933", "#b4552d", "#2f7f79", "#8a63a6", "#c39b2b", "#4a76b8", "#7a8a3a", "#a33b56")


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches at 110 dots an inch."""
    require_drawing()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def require_drawing() -> None:
    """Ask for matplotlib before the work whose result it draws."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "Drawing needs matplotlib, which is not installed. "
            "Install it with: pip install matplotlib"
        ) from error


def save_figure(figure: "Figure", path: str | PathLike[str]) -> None:
    """Write a PNG whole or not at all."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_whole(Path(path), buffer.getvalue())


def quiet(axes: Any) -> None:
    """Paper behind, no box around: only the axes one reads from stay."""
    axes.set_facecolor(PAPER)
    axes.spines[["top", "right"]].set_visible(False)
