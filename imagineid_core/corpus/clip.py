"""A clip with what is known about it: the one thing every corpus gives and every training takes.

A real corpus knows less than a synthetic one: each truth may be absent. Knows nothing about where
clips come from or how they are stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from imagineid_core.values import MotionTrack, Speech


@dataclass(frozen=True, kw_only=True)
class Phoneme:
    """One sound of a language, from `start` to `end` in seconds of the clip."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Speech and its truths by factor. `frames` is the speech's number of video frames."""

    name: str  # unique in its corpus
    speech: Speech
    speaker: str
    text: str | None = None
    style: str | None = None  # emotion as a name
    intensity: float | None = None  # of the style, 0 ... 1
    phonemes: tuple[Phoneme, ...] | None = None
    shape: Float[Tensor, " shape"] | None = None  # alpha
    lip_expression: Float[Tensor, "frames expression"] | None = None  # l: lips alone
    expression: Float[Tensor, "frames expression"] | None = None  # beta: lips and emotion
    motion: MotionTrack | None = None


@runtime_checkable
class Corpus(Protocol):
    """Clips by name, split by speaker and by sentence."""

    def names(self, split: str) -> Sequence[str]:
        """Clip names of 'train', 'validation' or 'test', always in the same order."""
        ...

    def load(self, name: str) -> Clip: ...
