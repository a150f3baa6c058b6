"""Frames with what steers them: mesh alone, or mesh, another frame of the person, and a neighbour.

Knows nothing about how latents were made, nor about networks.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate

from imagineid_core.corpus.people.prompts import PromptConfig, prompt_of
from imagineid_core.corpus.portrait import PortraitAttributes
from imagineid_core.errors import InputError
from imagineid_core.imagine.textual_inversion import with_own_words
from imagineid_core.imagine.tokenizer import NUM_POSITIONS
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.condition_latents import ConditionLatents
from imagineid_core.training.processes import Share

Tokens = Callable[[Sequence[str]], Int[Tensor, "batch tokens"]]
_CONDITIONS = ("identity", "previous")
_PATCHES = (1, 2, 4)  # cells to a side
_RECOLOURING = 0.6  # standard deviations of slow changes, at most
_CONTRAST = (0.65, 1.1)  # first frames have less than the pictures that a model learned from


@dataclass(frozen=True, kw_only=True)
class PromptMix:
    """What is said of a picture: the predefined prompt, mostly with some of its caption behind."""

    predefined: str = ""
    bare: float = 0.2  # share of pictures of which nothing else is said
    empty: float = 0.05  # share of which nothing is said at all, for guidance
    caption: PromptConfig = field(default_factory=lambda: PromptConfig(left_out=0.3))

    def draw(self, attributes: PortraitAttributes, draw: np.random.Generator) -> str:
        kind = draw.random()
        if kind < self.empty:
            return ""
        if kind < self.empty + self.bare:
            return self.predefined
        return with_own_words(self.predefined, prompt_of(attributes, self.caption, draw)[0])


@dataclass(frozen=True, kw_only=True)
class SpatialBatchConfig:
    """`conditions` beside the mesh: without one of them it is the paper's ablation (Fig. 9)."""

    batch_size: int = 16
    coherent: float = 0.8  # p of Eq. 9
    conditions: tuple[str, ...] = _CONDITIONS
    generated: float = 0.7  # share of neighbours that are as generated ones are
    far: float = 0.0  # share of neighbours that are any other frame, so that the mesh must be heard
    # Colours come from I_id, which stays, if those of I_ad cannot be trusted; else they drift.
    smears: float = 0.0  # standard deviations of slow changes over E(I_ad), at most
    # I_id says what a clip's colours are, not what people mostly look like: share of frames of
    # which every picture, the target too, has other colours.
    recoloured: float = 0.0
    region_weight: float = 1.0  # of eyes and mouth in the loss
    noise: float = 0.2  # standard deviations added to E(I_ad), at most; half as much to E(I_id)
    prompts: PromptMix = field(default_factory=PromptMix)

    def __post_init__(self) -> None:
        if unknown := set(self.conditions) - set(_CONDITIONS):
            raise InputError(
                f"conditions has {', '.join(sorted(unknown))}. Use any of {', '.join(_CONDITIONS)}."
            )


@dataclass(frozen=True, kw_only=True)
class SpatialBatch:
    """Zeros stand for a condition that is not given."""

    latents: Float[Tensor, "batch channels rows columns"]
    mesh: Float[Tensor, "batch channels rows columns"]
    identity: Float[Tensor, "batch channels rows columns"]
    previous: Float[Tensor, "batch channels rows columns"]
    weights: Float[Tensor, "batch 1 rows columns"]
    tokens: Int[Tensor, "batch tokens"]

    def to(self, device: torch.device) -> "SpatialBatch":
        moved = {one.name: getattr(self, one.name).to(device) for one in dataclasses.fields(self)}
        return dataclasses.replace(self, **moved)


class SpatialBatches:
    """Random frames for training; with `in_order` people in turn, all coherent, as generated."""

    def __init__(
        self,
        people: Sequence[PortraitAttributes],
        latents: ConditionLatents,
        tokens: Tokens,
        config: SpatialBatchConfig,
        *,
        seed: int = 0,
        in_order: bool = False,
    ) -> None:
        self.config = config
        self._people, self._latents, self._tokens = people, latents, tokens
        self._seed, self._in_order = seed, in_order
        if not bool((latents.neighbour >= 0).any(dim=1).all()):
            raise InputError(
                "the corpus has people of whom no frame follows another, so there is nothing to "
                "take as the adjacent frame. Make one with --frames 3 or more."
            )

    def __call__(self, index: int, share: Share) -> SpatialBatch:
        size = self.config.batch_size
        check_divisible(size, share)
        rows = [self._row(index, row) for row in range(size)[share.rows(size)]]
        pictures, texts = zip(*rows, strict=True)
        latents, mesh, identity, previous, region = map(torch.stack, zip(*pictures, strict=True))
        return SpatialBatch(
            latents=latents,
            mesh=mesh,
            identity=identity,
            previous=previous,
            weights=1 + (self.config.region_weight - 1) * region,
            tokens=self._tokens(texts),
        )

    def _row(self, index: int, row: int) -> tuple[tuple[Tensor, ...], str]:
        config, kept = self.config, self._latents
        person, draw = self._drawn(index, row)
        is_coherent = bool(draw.random() < config.coherent) or self._in_order
        neighbours = kept.neighbour[person].tolist()
        usable = [i for i, other in enumerate(neighbours) if other >= 0 or not is_coherent]
        frame = int(draw.choice(usable))
        others = [i for i in range(len(neighbours)) if i != frame]
        other = int(draw.choice(others))
        generated = int(self._in_order or draw.random() < config.generated)
        target = kept.portrait[person, frame].float()
        given = {}  # both are drawn even if one is left out, so that all else stays the same
        if is_coherent:
            is_far = draw.random() < config.far and not self._in_order
            near = int(draw.choice(others)) if is_far else neighbours[frame]
            # What the clip shall look like is what I_id looks like, so that is never spoilt.
            given["identity"] = self._noisy(kept.portrait[person, other], draw, config.noise / 2)
            hidden = kept.hidden[person, near, generated]
            noisy = self._noisy(hidden, draw, config.noise)
            given["previous"] = self._smeared(noisy, draw, config.smears)
            if config.recoloured and draw.random() < config.recoloured and not self._in_order:
                recolour = self._recolouring(given["identity"], draw)
                target = recolour(target)
                given = {name: recolour(latent) for name, latent in given.items()}
        shown = [
            given[name] if name in given and name in config.conditions else torch.zeros_like(target)
            for name in _CONDITIONS
        ]
        text = config.prompts.draw(self._people[person], draw)
        region = kept.region[person, frame].float()
        return (target, kept.mesh[person, frame].float(), *shown, region), text

    def _drawn(self, index: int, row: int) -> tuple[int, np.random.Generator]:
        """Whose row it is, and what draws all else about it."""
        draw = np.random.default_rng([self._seed, index, row])
        person = int(draw.integers(len(self._people)))
        if self._in_order:
            person = (index * self.config.batch_size + row) % len(self._people)
        return person, draw

    def _noisy(self, latent: Tensor, draw: np.random.Generator, most: float) -> Tensor:
        if self._in_order:
            return latent.float()
        noise = torch.tensor(draw.standard_normal(latent.shape), dtype=torch.float32)
        return latent.float() + float(draw.uniform(0, most)) * noise

    def _smeared(self, latent: Tensor, draw: np.random.Generator, most: float) -> Tensor:
        """Off as a whole and in patches, as frames become that are made of one another."""
        if self._in_order or most == 0:
            return latent
        return latent + _smear(latent.shape, draw, most)

    def _recolouring(self, like: Tensor, draw: np.random.Generator) -> Callable[[Tensor], Tensor]:
        """One change for all pictures of a row."""
        contrast = float(draw.uniform(*_CONTRAST))
        mean = like.mean((1, 2), keepdim=True)
        smear = _smear(like.shape, draw, _RECOLOURING)
        return lambda latent: mean + contrast * (latent - mean) + smear


def _smear(shape: torch.Size, draw: np.random.Generator, most: float) -> Tensor:
    """A slow change of colours; `most` is its largest standard deviation."""
    channels, *size = shape
    smear = torch.zeros(1, *shape)
    for cells in _PATCHES:
        noise = torch.tensor(draw.standard_normal((1, channels, cells, cells)))
        smear += interpolate(noise.float(), size=size, mode="bilinear")
    return float(draw.uniform(0, most)) * len(_PATCHES) ** -0.5 * smear[0]


def tokens_by(tokenizer: Any, num_words: int = 0) -> Tokens:
    """Prompts as the model's own tokenizer numbers them, padded to CLIP's length.

    A caption that leaves no room for `num_words` behind it is cut: of a picture, any part is true.
    """

    def numbers(texts: Sequence[str]) -> Tensor:
        room = NUM_POSITIONS - num_words
        made = tokenizer(list(texts), max_length=room, truncation=True)["input_ids"]
        padded = torch.full((len(made), NUM_POSITIONS), tokenizer.pad_token_id)
        for row, ids in zip(padded, made, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        return padded

    return numbers
