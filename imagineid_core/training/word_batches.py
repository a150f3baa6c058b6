"""Portraits with what was heard of them and what else is said. Knows nothing about networks."""

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.corpus.people.prompts import PromptConfig
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.processes import Share
from imagineid_core.training.spatial_batches import PromptMix, Tokens
from imagineid_core.training.voiced_people import VoicedPeople


@dataclass(frozen=True, kw_only=True)
class WordBatchConfig:
    """Half of the portraits have no words but the predefined ones, as all have in the paper."""

    batch_size: int = 16
    prompts: PromptMix = field(
        default_factory=lambda: PromptMix(
            bare=0.5, empty=0.0, caption=PromptConfig(left_out=0.3, stray=0.0)
        )
    )


@dataclass(frozen=True, kw_only=True)
class WordBatch:
    latents: Float[Tensor, "batch channels rows columns"]
    semantics: Float[Tensor, "batch identity"]
    style: Float[Tensor, "batch emotion"]
    tokens: Int[Tensor, "batch tokens"]

    def to(self, device: torch.device) -> "WordBatch":
        moved = {one.name: getattr(self, one.name).to(device) for one in dataclasses.fields(self)}
        return dataclasses.replace(self, **moved)


class WordBatches:
    """Random portraits for training; with `in_order`, each in turn."""

    def __init__(
        self,
        people: VoicedPeople,
        tokens: Tokens,
        config: WordBatchConfig,
        *,
        seed: int = 0,
        in_order: bool = False,
    ) -> None:
        self.config = config
        self._people, self._tokens = people, tokens
        self._seed, self._in_order = seed, in_order

    def __call__(self, index: int, share: Share) -> WordBatch:
        size, people = self.config.batch_size, self._people
        check_divisible(size, share)
        chosen, texts = [], []
        for row in range(size)[share.rows(size)]:
            draw = np.random.default_rng([self._seed, index, row])
            portrait = int(draw.integers(len(people.latents)))
            if self._in_order:
                # A step that is odd and large: neighbours in a batch are other speakers.
                portrait = (index * size + row) * 7919 % len(people.latents)
            chosen.append(portrait)
            texts.append(self.config.prompts.draw(people.attributes(portrait), draw))
        rows = torch.tensor(chosen)
        return WordBatch(
            latents=people.latents[rows].float(),
            semantics=people.semantics[people.clip[rows]].float(),
            style=people.style[people.clip[rows]].float(),
            tokens=self._tokens(texts),
        )
