"""What a training says of itself: metrics.csv, TensorBoard events and a picture of the curves.

Rows are `step,name,value`; a resumed run drops the rows after the step it resumes from. Knows
nothing about what a metric means.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from imagineid_core.checkpoint import write_whole
from imagineid_core.training.optional import training_package

CSV, PICTURE, EVENTS = "metrics.csv", "curves.png", "tensorboard"
_HEADER = ("step", "name", "value")
_COLUMNS = 3  # small pictures in a row
_COLOURS = {"train": "#4a78b5", "validation": "#d1722f"}


class RunLog:
    """Appends to the files of one folder; opened by one process alone."""

    def __init__(self, folder: Path, *, after_step: int) -> None:
        self._file = folder / CSV
        kept = [row for row in read_metrics(folder) if row[0] <= after_step]
        write_whole(self._file, _lines([_HEADER, *kept]).encode())
        events = training_package("torch.utils.tensorboard")
        self._events = events.SummaryWriter(str(folder / EVENTS), purge_step=after_step + 1)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        with self._file.open("a", encoding="utf-8", newline="") as file:
            file.write(_lines([(step, name, repr(value)) for name, value in metrics.items()]))
        for name, value in metrics.items():
            self._events.add_scalar(name, value, step)

    def close(self) -> None:
        self._events.close()


def read_metrics(folder: Path) -> list[tuple[int, str, float]]:
    """(step, name, value) of every whole row; a last row cut off by a crash is left out."""
    file = folder / CSV
    if not file.is_file():
        return []
    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))[1:]
    return [row for fields in rows if (row := _row(fields)) is not None]


def curves(folder: Path) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """By metric, then by 'train' or 'validation': the points of its curve."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    for step, name, value in read_metrics(folder):
        split, _, metric = name.partition("/")
        found[metric][split].append((step, value))
    return {metric: dict(found[metric]) for metric in sorted(found)}


def draw_curves(folder: Path, title: str) -> Path:
    """One small picture a metric, training and validation together."""
    figures = training_package("matplotlib.figure")
    by_metric = curves(folder)
    num_rows = max(1, -(-len(by_metric) // _COLUMNS))
    figure = figures.Figure(figsize=(4 * _COLUMNS, 2.6 * num_rows), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(num_rows, _COLUMNS, squeeze=False).flatten()
    for axis, (metric, splits) in _paired(axes, by_metric):
        axis.set_title(metric, fontsize=10)
        axis.set_xlabel("step", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        for split, points in splits.items():
            axis.plot(*zip(*points, strict=True), label=split, color=_COLOURS.get(split))
        if len(splits) > 1:
            axis.legend(fontsize=8, frameon=False)
    for axis in axes[len(by_metric) :]:
        axis.set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    write_whole(folder / PICTURE, content.getvalue())
    return folder / PICTURE


def _paired(axes, by_metric) -> Iterator:
    return zip(axes[: len(by_metric)], by_metric.items(), strict=True)


def _row(fields: list[str]) -> tuple[int, str, float] | None:
    try:
        step, name, value = fields
        return int(step), name, float(value)
    except ValueError:
        return None


def _lines(rows: list[tuple]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
