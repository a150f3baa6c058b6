"""Plots of what was measured: styles on a plane (Fig. 7), confusions, factors, lips over time.

Knows nothing about faces or how the numbers came about.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float

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
from imagineid_core.evaluation.lips import CLOSURES, correlation
from imagineid_core.evaluation.listen.heard_clips import HeardClip
from imagineid_core.evaluation.listen.metrics import FactorTable
from imagineid_core.evaluation.probes import Probed

_MM = 100.0  # a dm
_PAUSES = "_"  # what symbols of silence begin with
_SPEAKERS_SHOWN = 8


def draw_style_map(
    places: Float[np.ndarray, "rows 2"],
    styles: Sequence[str],
    speakers: Sequence[str],
    path: str | PathLike[str],
) -> None:
    """theta_e by t-SNE twice: coloured by emotion, which should part, and by speaker, which not."""
    figure = new_figure(12, 6)
    figure.suptitle("emotion style theta_e of held-out clips, t-SNE", color=INK, x=0.01, ha="left")
    left, right = figure.subplots(1, 2)
    _scatter(left, places, styles, "by emotion")
    most = sorted(set(speakers), key=lambda name: (-speakers.count(name), name))
    named = most if len(most) <= _SPEAKERS_SHOWN else most[: _SPEAKERS_SHOWN - 1]
    _scatter(right, places, [s if s in named else "others" for s in speakers], "by speaker")
    save_figure(figure, path)


def draw_confusions(probed: Probed, path: str | PathLike[str]) -> None:
    """Emotions as the probe names them; rows are the truth."""
    figure = new_figure(6.4, 5.6)
    axes = figure.subplots()
    _draw_shares(axes, probed.confusion, probed.labels, probed.labels)
    axes.set(ylabel="truth", xlabel="named by a linear probe on theta_e")
    axes.set_title(
        f"emotion: {probed.accuracy:.0%} right, chance {probed.chance:.0%}", loc="left", color=INK
    )
    save_figure(figure, path)


def draw_factors(table: FactorTable, path: str | PathLike[str]) -> None:
    """What a linear probe reads off each feature; the last column is chance."""
    figure = new_figure(10.5, 3.6)
    axes = figure.subplots()
    rows = [
        [*accuracy, chance] for accuracy, chance in zip(table.accuracy, table.chance, strict=True)
    ]
    shares = np.array([[np.nan if cell is None else cell for cell in row] for row in rows])
    factors = [
        f"{name} ({count})" for name, count in zip(table.factors, table.num_labels, strict=True)
    ]
    _draw_shares(axes, shares, factors, [*table.features, "chance"])
    axes.set_title("accuracy of linear probes, by factor and feature", loc="left", color=INK)
    save_figure(figure, path)


def draw_lips(clips: Sequence[HeardClip], path: str | PathLike[str]) -> None:
    """Mouth openings heard and true, with the sounds spoken; p, b and m shaded."""
    figure = new_figure(12, 2.7 * len(clips))
    rows = figure.subplots(len(clips), 1, squeeze=False)[:, 0]
    for axes, one in zip(rows, clips, strict=True):
        _draw_lips_of(axes, one)
    rows[-1].set_xlabel("seconds")
    rows[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
    save_figure(figure, path)


def _draw_lips_of(axes: Any, one: HeardClip) -> None:
    clip, gaps = one.clip, one.gaps
    time = (np.arange(len(gaps.heard)) + 0.5) / float(clip.speech.fps)
    top = float(max(gaps.heard.max(), 0.0 if gaps.truth is None else gaps.truth.max())) * _MM
    top = max(top, 0.1)
    title = f"{clip.name}   {clip.style or ''}   {clip.text or ''}"
    if gaps.truth is not None:
        axes.fill_between(time, gaps.truth * _MM, color=SHADE, linewidth=0, label="truth")
        title += f"   r = {correlation(gaps.heard, gaps.truth):.2f}"
    axes.plot(time, gaps.heard * _MM, color=ACCENT, linewidth=1.6, label="heard")
    for phoneme in clip.phonemes or ():
        if phoneme.symbol.startswith(_PAUSES):
            continue
        closes = phoneme.symbol in CLOSURES
        if closes:
            axes.axvspan(phoneme.start, phoneme.end, color=COLOURS[5], alpha=0.25, linewidth=0)
        axes.text(
            (phoneme.start + phoneme.end) / 2,
            top * 1.12,
            phoneme.symbol,
            ha="center",
            fontsize=7,
            color=COLOURS[5] if closes else INK,
            weight="bold" if closes else "normal",
        )
    axes.set(ylabel="opening (mm)", xlim=(0, time[-1]), ylim=(0, top * 1.3))
    axes.set_title(title, loc="left", color=INK, fontsize=9)
    quiet(axes)


def _scatter(
    axes: Any, places: Float[np.ndarray, "rows 2"], labels: Sequence[str], title: str
) -> None:
    names = sorted(set(labels) - {"others"})
    chosen = np.array(labels)
    area = float(np.clip(4000 / len(labels), 8, 60))  # few dots are large, many are small
    if "others" in labels:
        rest = places[chosen == "others"]
        axes.scatter(rest[:, 0], rest[:, 1], s=area, color=SHADE, label="others")
    for index, name in enumerate(names):
        here = places[chosen == name]
        colour = COLOURS[index % len(COLOURS)]
        axes.scatter(here[:, 0], here[:, 1], s=area, color=colour, alpha=0.8, label=name, lw=0)
    axes.set(xticks=[], yticks=[], facecolor=PAPER, aspect="equal", adjustable="datalim")
    axes.set_title(title, loc="left", color=INK, fontsize=10)
    axes.legend(loc="best", fontsize=8, framealpha=0.6, markerscale=1.2)


def _draw_shares(
    axes: Any, shares: np.ndarray, rows: Sequence[str], columns: Sequence[str]
) -> None:
    axes.imshow(shares, vmin=0, vmax=1, cmap="YlGnBu", aspect="auto")
    for row, column in np.ndindex(*shares.shape):
        value = shares[row, column]
        text = "-" if np.isnan(value) else f"{value:.2f}"
        colour = PAPER if value > 0.55 else INK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(columns)), columns, rotation=25, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
