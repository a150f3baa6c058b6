"""Ctrl-C as an answer for whoever asks between two steps, so that no frame is half counted.

Knows nothing about what is stopped.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heard_between_steps() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; pressed a second time, it interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # only the main thread hears signals
        return
    is_pressed = False

    def hear(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_pressed
        is_pressed = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: is_pressed
    finally:
        signal.signal(signal.SIGINT, before)
