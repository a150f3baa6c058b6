"""ComfyUI's progress bar over the stages of a node; moving it is also where a run is stopped.

Knows nothing about what is done.
"""

from collections.abc import Callable

import comfy.utils


def frames_bar() -> Callable[[int, int], None]:
    """A bar for (frames done, frames in all)."""
    bar: comfy.utils.ProgressBar | None = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = comfy.utils.ProgressBar(total)
        bar.update_absolute(done, total)

    return show
