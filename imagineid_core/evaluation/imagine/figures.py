"""Plots of what was measured: mouths against meshes, drift, backgrounds, emotions named.

Knows nothing about how the numbers came about.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from imagineid_core.evaluation.figure import (
    ACCENT,
    COLOURS,
    INK,
    PAPER,
    SHADE,
    new_figure,
    quiet,
    save_figure,
)
from imagineid_core.evaluation.imagine.backgrounds import StillBackground
from imagineid_core.evaluation.imagine.emotions import NamedStyles
from imagineid_core.evaluation.imagine.likeness import WINDOW, Drift
from imagineid_core.evaluation.imagine.mouths import ReadMouths
from imagineid_core.evaluation.imagine.probe_pictures import STYLES

_MM = 100.0  # a dm
_SHOWN = 3  # clips over time


def draw_mouths(kinds: Mapping[str, ReadMouths], path: str | PathLike[str]) -> None:
    """A dot a frame: opening of the mesh across, opening in the picture up."""
    figure = new_figure(3.6 * len(kinds), 3.8)
    grid = figure.subplots(1, len(kinds), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (name, read) in zip(grid, kinds.items(), strict=True):
        axes.scatter(read.mesh * _MM, read.picture * _MM, s=9, color=ACCENT, alpha=0.5, linewidth=0)
        axes.axline((0, 0), slope=1, color=SHADE, linewidth=1)
        axes.set_title(f"{name}: r = {read.r:.2f}, {len(read.mesh)} frames", loc="left", color=INK)
        axes.set_xlabel("opening of the mesh (mm)")
        quiet(axes)
    grid[0].set_ylabel("opening in the picture (mm)")
    save_figure(figure, path)


def draw_mouth_curves(clips: Sequence[ReadMouths], path: str | PathLike[str]) -> None:
    shown = clips[:_SHOWN]
    figure = new_figure(11, 2.4 * len(shown))
    rows = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, read in zip(rows, shown, strict=True):
        at = np.arange(len(read.mesh)) + 2
        axes.fill_between(at, read.mesh * _MM, color=SHADE, linewidth=0, label="mesh")
        axes.plot(at, read.picture * _MM, color=ACCENT, linewidth=1.6, label="picture")
        axes.set_title(f"{read.name}   r = {read.r:.2f}", loc="left", color=INK, fontsize=9)
        axes.set(ylabel="opening (mm)", xlim=(at[0] - 0.5, at[-1] + 0.5))
        quiet(axes)
    rows[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
    rows[-1].set_xlabel("frame")
    save_figure(figure, path)


def draw_drift(drift: Drift, between_seeds: float | None, path: str | PathLike[str]) -> None:
    """Distance to frame 1 and detail, over the frames; means over a second drawn thick."""
    figure = new_figure(11, 5.2)
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, curve, name in (
        (above, drift.distance.numpy(), "distance to frame 1"),
        (below, drift.detail.numpy(), "mean slope of the picture"),
    ):
        at = np.arange(len(curve)) + 2
        axes.plot(at, curve, color=SHADE, linewidth=1)
        window = min(WINDOW, len(curve))
        smooth = np.convolve(curve, np.full(window, 1 / window), mode="valid")
        axes.plot(at[window - 1 :], smooth, color=ACCENT, linewidth=2)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(name)
        quiet(axes)
    if between_seeds is not None:
        above.axhline(between_seeds, color=COLOURS[2], linestyle="--", linewidth=1)
        above.text(2, between_seeds, " people of other seeds", va="bottom", color=COLOURS[2])
    below.set_xlabel("frame")
    save_figure(figure, path)


def draw_backgrounds(clips: Mapping[str, StillBackground], path: str | PathLike[str]) -> None:
    figure = new_figure(9, 0.5 * len(clips) + 1.4)
    axes = figure.subplots()
    for row, one in enumerate(clips.values()):
        plain, blended = float(one.plain.mean()), float(one.blended.mean())
        axes.plot([plain, blended], [row, row], color=SHADE, linewidth=3, zorder=1)
        axes.scatter(plain, row, color=COLOURS[6], zorder=2, label="plain" if not row else None)
        axes.scatter(blended, row, color=ACCENT, zorder=2, label="with MBA" if not row else None)
    axes.axvline(30, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(clips)), list(clips), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("frame 1 against frame i outside all masks, PSNR (dB), mean over frames")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
    quiet(axes)
    save_figure(figure, path)


def draw_styles(kinds: Mapping[str, NamedStyles], path: str | PathLike[str]) -> None:
    """A table a kind: rows are the voice's emotion, columns what the probe names."""
    figure = new_figure(3.9 * len(kinds), 3.9)
    grid = figure.subplots(1, len(kinds), squeeze=False)[0]
    for axes, (name, named) in zip(grid, kinds.items(), strict=True):
        _draw_shares(axes, named.confusion)
        axes.set_title(
            f"{name}: {named.accuracy:.0%} of {len(named.truth)}, chance {named.chance:.0%}",
            loc="left",
            color=INK,
            fontsize=9,
        )
    grid[0].set_ylabel("emotion of the voice")
    grid[0].set_xlabel("named by the probe")
    save_figure(figure, path)


def _draw_shares(axes: Any, shares: np.ndarray) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("paper", [PAPER, ACCENT])
    axes.imshow(shares, vmin=0, vmax=1, cmap=colours, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if share:
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7)
    axes.set_xticks(range(len(STYLES)), STYLES, rotation=40, ha="right", fontsize=7)
    axes.set_yticks(range(len(STYLES)), STYLES, fontsize=7)
    axes.spines[:].set_visible(False)
