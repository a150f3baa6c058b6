"""Batches of captions with the classes they tell; people are drawn, nothing is rendered.

Batch `i` is the same in every run and process. Knows nothing about networks.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from imagineid_core.corpus.people.prompts import PromptConfig, prompt_of
from imagineid_core.corpus.portrait import draw_attributes
from imagineid_core.imagine.tokenizer import ClipVocabulary, token_numbers
from imagineid_core.training.batches import check_divisible
from imagineid_core.training.processes import Share

UNTOLD = -100  # the class of what a prompt does not say; cross-entropy skips it
_FIRST_SEED = 10**10  # no person of a corpus has such a seed
_PEOPLE = 10**9


@dataclass(frozen=True, kw_only=True)
class CaptionBatch:
    tokens: Int[Tensor, "batch tokens"]
    classes: Int[Tensor, "batch attributes"]

    def to(self, device: torch.device) -> "CaptionBatch":
        return CaptionBatch(tokens=self.tokens.to(device), classes=self.classes.to(device))


class CaptionBatches:
    def __init__(
        self, vocabulary: ClipVocabulary, prompts: PromptConfig, *, batch_size: int, seed: int
    ) -> None:
        self._vocabulary, self._prompts = vocabulary, prompts
        self._batch_size, self._seed = batch_size, seed

    def __call__(self, index: int, share: Share) -> CaptionBatch:
        check_divisible(self._batch_size, share)
        texts, classes = [], []
        for row in range(self._batch_size)[share.rows(self._batch_size)]:
            draw = np.random.default_rng([self._seed, index, row])
            attributes = draw_attributes(_FIRST_SEED + int(draw.integers(_PEOPLE)))
            text, told = prompt_of(attributes, self._prompts, draw)
            texts.append(text)
            classes.append([UNTOLD if number is None else number for number in told.values()])
        return CaptionBatch(
            tokens=token_numbers(texts, self._vocabulary), classes=torch.tensor(classes)
        )
