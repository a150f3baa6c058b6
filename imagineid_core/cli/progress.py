"""Progress bars on stderr for work that lasts; silent below a second and where nobody looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

_PATIENCE = 1.0  # seconds before a bar appears


class StageBars:
    """One bar a stage; a new stage closes the one before."""

    def __init__(self, *, hidden: bool = False) -> None:
        self._hidden = hidden
        self._bar: tqdm | None = None
        self._stage = ""

    def frames(self, stage: str, done: int, total: int) -> None:
        self._show(stage, done, total, "frame")

    def steps(self, stage: str, done: int, total: int) -> None:
        self._show(stage, done, total, "step")

    def seconds(self, done: float, total: float | None) -> None:
        """For sound being decoded, whose length may be unknown until its end."""
        self._show("decode", round(done, 1), None if total is None else round(total, 1), "s")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""

    def _show(self, stage: str, done: float, total: float | None, unit: str) -> None:
        if stage != self._stage or self._bar is None:
            self.close()
            self._stage = stage
            self._bar = tqdm(
                total=total,
                desc=stage,
                unit=unit,
                delay=_PATIENCE,
                leave=False,
                disable=self._hidden or not sys.stderr.isatty(),
            )
        self._bar.update(done - self._bar.n)


@contextmanager
def stage_bars(*, hidden: bool = False) -> Iterator[StageBars]:
    bars = StageBars(hidden=hidden)
    try:
        yield bars
    finally:
        bars.close()
