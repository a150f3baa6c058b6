"""Captions as people would type them: with parts left out, and words nobody has learned.

A model that has only heard whole captions listens badly to short ones. Knows nothing about tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from imagineid_core.corpus.people.caption_words import caption_classes
from imagineid_core.corpus.portrait import PortraitAttributes, caption_of

_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
# What each part of a caption tells, counted as it is spoken.
_TOLD = {
    "hair": ("hair_style", "hair_colour"),
    "beard": ("beard", "hair_colour"),
    "glasses": ("glasses", "glasses_colour"),
    "skin": ("skin",),
    "eyes": ("eye_colour",),
    "clothes": ("garment", "garment_colour"),
    "backdrop": ("backdrop", "backdrop_colour"),
}


@dataclass(frozen=True, kw_only=True)
class PromptConfig:
    """Shares of captions. `PromptConfig(left_out=0, stray=0)` speaks captions as they are."""

    left_out: float = 0.06  # of each part
    stray: float = 0.15  # of captions that get words of random letters


def prompt_of(
    attributes: PortraitAttributes, config: PromptConfig, draw: np.random.Generator
) -> tuple[str, Mapping[str, int | None]]:
    """A prompt for these looks, and the class of each attribute that it still tells."""
    parts = _parts(attributes)
    kept = {name: part for name, part in parts.items() if draw.random() >= config.left_out}
    classes = dict(caption_classes(attributes))
    told = {name for part in kept for name in _TOLD[part]}
    is_named = any(attributes.hair_colour in kept.get(part, "") for part in ("hair", "beard"))
    told = told if is_named else told - {"hair_colour"}
    for part in set(parts) - set(kept):
        classes.update(dict.fromkeys(set(_TOLD[part]) - told))
    words = list(kept.values())
    if draw.random() < config.stray:
        words.insert(int(draw.integers(len(words) + 1)), _stray(draw))
    return ", ".join(words), classes


def _parts(attributes: PortraitAttributes) -> dict[str, str]:
    parts = caption_of(attributes).split(", ")
    names = ["hair", "skin", "eyes", "clothes", "backdrop"]
    if attributes.glasses != "none":
        names.insert(1, "glasses")
    if attributes.beard != "none":
        names.insert(1, "beard")
    return dict(zip(names, parts, strict=True))


def _stray(draw: np.random.Generator) -> str:
    lengths = draw.integers(2, 8, size=int(draw.integers(1, 4)))
    return " ".join("".join(draw.choice(_LETTERS, length)) for length in lengths)
