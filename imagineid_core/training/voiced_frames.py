"""Voices with faces that move: all that TIA and SCA are shown of one and the same person.

As `voiced_people`, but three frames each, of which the last follows the second, with their meshes.
Knows nothing about words or diffusion.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imagineid_core.corpus.clip import Clip, Corpus
from imagineid_core.corpus.portrait import Portrait
from imagineid_core.errors import InputError
from imagineid_core.listen.pad import Pad
from imagineid_core.training.condition_latents import (
    ConditionLatents,
    DisturbanceConfig,
    latents_of,
)
from imagineid_core.training.kept_tensors import keep_tensors, kept_tensors
from imagineid_core.training.processes import Share, made_together
from imagineid_core.training.spatial_batches import SpatialBatch, SpatialBatches
from imagineid_core.training.voiced_people import (
    VoicedPeople,
    any_moment,
    any_turn,
    heard_in,
    portrait_of,
)
from imagineid_core.training.word_batches import WordBatch

Progress = Callable[[int, int], None]
_NEIGHBOURS = (-1, 2, 1)
_STEP = 3  # frames at most between neighbours
_TREMOR = 0.01  # rad between neighbours


@dataclass(frozen=True, kw_only=True)
class VoicedFrames:
    """Row k of both is one clip; the portraits of `people` are the last frames."""

    people: VoicedPeople
    conditions: ConditionLatents


def voiced_frames(
    vae: nn.Module,
    pad: Pad,
    corpus: Corpus,
    names: Sequence[str],
    path: Path,
    config: DisturbanceConfig,
    *,
    size: int,
    seed: int,
    made_with: str,
    on_progress: Progress | None = None,
) -> VoicedFrames:
    """Kept in `path`; read from there if it was `made_with` the same."""
    if not names:
        raise InputError("there are no clips to pair with portraits. Give a talker corpus.")
    told = repr((made_with, tuple(names), size, seed, config))
    told = hashlib.sha256(told.encode()).hexdigest()
    kept = kept_tensors(path, told)
    if kept is not None:
        return _from(kept)

    def of_clip(number: int) -> dict[str, Tensor]:
        clip = corpus.load(names[number])
        look, portraits = frames_of(clip, seed, number, size)
        made = latents_of(
            vae,
            torch.cat([one.image for one in portraits]),
            torch.cat([one.mesh_frame.colour for one in portraits]),
            torch.cat([one.mesh_frame.mouth_mask for one in portraits]),
            torch.cat([one.mesh_frame.landmarks for one in portraits]),
            config,
            torch.Generator().manual_seed(look),
        )
        semantics, style = heard_in(pad, clip)
        return made | {"semantics": semantics, "style": style, "looks": torch.tensor(look)}

    # Names are sorted by speaker; neighbours in a batch should be other people.
    order: list[int] = np.random.default_rng(seed).permutation(len(names)).tolist()
    rows = made_together(of_clip, order, on_progress)
    tensors = {key: torch.stack([row[key] for row in rows]).contiguous() for key in rows[0]}
    keep_tensors(path, tensors, told)
    return _from(tensors)


def frames_of(clip: Clip, seed: int, number: int, size: int) -> tuple[int, list[Portrait]]:
    """The seed of the looks, and three portraits: a moment, another, and one right after that."""
    draw = np.random.default_rng([seed, number, 83])
    look = int(draw.integers(2**31))
    alone, first = any_moment(clip, draw), any_moment(clip, draw, before_end=_STEP)
    second = first + int(draw.integers(1, _STEP + 1))
    turns = [any_turn(draw), any_turn(draw)]
    pitch, yaw, roll = (turns[1] + _TREMOR * draw.standard_normal(3)).tolist()
    moments = zip((alone, first, second), (*turns, (pitch, yaw, roll)), strict=True)
    return look, [portrait_of(clip, look, frame, turn, size) for frame, turn in moments]


@dataclass(frozen=True, kw_only=True)
class VoicedBatch(SpatialBatch, WordBatch):
    """All that steers a frame, and what was heard."""

    def to(self, device: torch.device) -> "VoicedBatch":
        return replace(
            self, **{one.name: getattr(self, one.name).to(device) for one in fields(self)}
        )


class VoicedBatches(SpatialBatches):
    """Rows as `SpatialBatches` draws them."""

    def __init__(self, voiced: VoicedFrames, *given: Any, **options: Any) -> None:
        people, count = voiced.people, len(voiced.people.latents)
        attributes = [people.attributes(row) for row in range(count)]
        super().__init__(attributes, voiced.conditions, *given, **options)
        self._semantics, self._style = people.semantics, people.style

    def __call__(self, index: int, share: Share) -> VoicedBatch:
        plain = super().__call__(index, share)
        size = self.config.batch_size
        rows = [self._drawn(index, row)[0] for row in range(size)[share.rows(size)]]
        return VoicedBatch(
            **{one.name: getattr(plain, one.name) for one in fields(plain)},
            semantics=self._semantics[rows].float(),
            style=self._style[rows].float(),
        )


def _from(tensors: dict[str, Tensor]) -> VoicedFrames:
    count = len(tensors["looks"])
    conditions = ConditionLatents(
        portrait=tensors["portrait"],
        mesh=tensors["mesh"],
        hidden=tensors["hidden"],
        region=tensors["region"],
        neighbour=torch.tensor(_NEIGHBOURS).expand(count, -1),
    )
    people = VoicedPeople(
        latents=tensors["portrait"][:, -1],
        looks=tensors["looks"],
        clip=torch.arange(count),
        semantics=tensors["semantics"],
        style=tensors["style"],
    )
    return VoicedFrames(people=people, conditions=conditions)
