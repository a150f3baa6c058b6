"""A clip that was stopped, kept until it is asked for again: then it goes on where it was.

One clip, of this session. It is the same where every wire brings the same object, as ComfyUI's
cache hands them on, and every widget the same value. Knows nothing about how frames are made.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.imagine.resume import ImaginedFrame
from imagineid_core.video.reader import count_frames

Asked = Mapping[str, Any]  # the inputs of the sampler by name
_VALUES = (bool, int, float, str)


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    asked: Asked
    path: Path  # of the film so far
    last: ImaginedFrame
    images: Tensor | None  # room for all, filled so far


class UnfinishedClip:
    """Holds the last one."""

    def __init__(self) -> None:
        self._kept: Unfinished | None = None

    def keep(self, clip: Unfinished) -> None:
        with suppress(OSError, InputError):  # a full disk must not hide why the clip ended
            if count_frames(clip.path) == clip.last.index + 1:
                self._kept = clip

    def take(self, asked: Asked) -> Unfinished | None:
        """What was kept, if it is this one; it is forgotten in any case."""
        kept, self._kept = self._kept, None
        if kept is None or not kept.path.is_file() or not _is_same(kept.asked, asked):
            return None
        return kept


UNFINISHED = UnfinishedClip()


def _is_same(one: Asked, other: Asked) -> bool:
    return one.keys() == other.keys() and all(
        held is other[name] or (isinstance(held, _VALUES) and held == other[name])
        for name, held in one.items()
    )
