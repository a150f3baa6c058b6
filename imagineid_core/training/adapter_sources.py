"""What is learned from: batches for TIA, SCA and MBA out of a frozen model and its corpora.

Latents are made once and kept in a folder, so several trainings may share them. Knows nothing about
the networks that learn.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import nn

from imagineid_core.corpus.clip import Corpus
from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.errors import InputError
from imagineid_core.imagine.mask_blending import MaskBlendingConfig
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.listen.pad import Pad
from imagineid_core.training.adapter_presets import AdapterPreset
from imagineid_core.training.blending_batches import BlendingBatches
from imagineid_core.training.condition_latents import ConditionLatents, condition_latents
from imagineid_core.training.loop import Batches
from imagineid_core.training.optional import training_package
from imagineid_core.training.spatial_batches import SpatialBatches, tokens_by
from imagineid_core.training.voiced_people import VoicedPeople, voiced_people
from imagineid_core.training.word_batches import WordBatches

SPLITS = ("train", "validation")
VALIDATION_SEED = 1_000_003
_VALIDATION_SHARE = 8  # of people and clips for training to one for validation
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Voices:
    """What TIA is trained on beside the model: clips that know their faces, and who hears them."""

    pad: Pad
    corpus: Corpus

    @cached_property
    def digest(self) -> str:
        return digest_of(self.pad.identity, self.pad.content, self.pad.emotion)


class AdapterSources:
    """A model, a people corpus, and what a preset takes of them. Batches come in pairs: those of
    training, those of validation."""

    def __init__(
        self,
        model: StableDiffusion,
        corpus: PeopleCorpus,
        folder: Path,
        preset: AdapterPreset,
        *,
        seed: int = 0,
        cpu: bool = False,
        on_progress: Progress | None = None,
    ) -> None:
        """`folder` is where latents are kept."""
        self.model, self.corpus, self.folder, self.preset = model, corpus, folder, preset
        self.seed, self._on_progress = seed, on_progress
        self.processes = training_package("accelerate").PartialState(cpu=cpu)
        self.digests = {name: digest_of(getattr(model, name)) for name in ("vae", "unet")}

    def changed(self, **fields: Any) -> "AdapterSources":
        """The same with other fields of the preset; latents stay where they are."""
        other = copy.copy(self)
        other.preset = dataclasses.replace(self.preset, **fields)
        return other

    def voiced(self, voices: Voices, split: str) -> VoicedPeople:
        """Portraits of talkers with what PAD hears in them."""
        preset = self.preset
        return voiced_people(
            self.encoding(),
            voices.pad,
            voices.corpus,
            self.talkers(voices, split),
            self.folder / f"voiced_{split}.safetensors",
            size=self.corpus.size,
            takes=preset.takes,
            seed=self.seed_of(split),
            made_with=self.made_with(voices),
            on_progress=self.told(f"voices {split}"),
        )

    def made_with(self, voices: Voices) -> str:
        """What decides latents of talkers beside the talkers themselves."""
        return f"{self.digests['vae']} {voices.digest} {hash_of(voices.corpus)}"

    def talkers(self, voices: Voices, split: str) -> list[str]:
        return _spread(voices.corpus.names(split), self.most(split, self.preset.clips))

    def conditions(self, split: str) -> ConditionLatents:
        """What SCA is shown of the people in the corpus."""
        names, asdict = self.people(split), dataclasses.asdict(self.preset.disturbance)
        return condition_latents(
            self.encoding(),
            self.corpus,
            names,
            self.folder / f"conditions_{split}.safetensors",
            self.preset.disturbance,
            made_with=f"{self.digests['vae']} {self.corpus.corpus_hash} {len(names)} {asdict}",
            on_progress=self.told(f"encode {split}"),
        )

    def people(self, split: str) -> Sequence[str]:
        return self.corpus.names(split)[: self.most(split, self.preset.people)]

    def word_batches(
        self, people: Mapping[str, VoicedPeople], *, room: int | None = None
    ) -> list[Batches]:
        """Captions leave `room` for that many words, by default for as many as there are."""
        preset = self.preset
        tokens = tokens_by(self.model.tokenizer, preset.num_words if room is None else room)
        prompts = dataclasses.replace(preset.words.prompts, predefined=preset.prompt)
        batches: list[Batches] = []
        for split in SPLITS:
            size = self.batch_size(split, preset.words.batch_size)
            settings = dataclasses.replace(preset.words, batch_size=size, prompts=prompts)
            batches.append(WordBatches(people[split], tokens, settings, **self.order(split)))
        return batches

    def spatial_batches(self, latents: Mapping[str, ConditionLatents]) -> list[Batches]:
        preset = self.preset
        tokens = tokens_by(self.model.tokenizer)
        prompts = dataclasses.replace(preset.spatial.prompts, predefined=preset.prompt)
        batches: list[Batches] = []
        for split in SPLITS:
            size = self.batch_size(split, preset.spatial.batch_size)
            settings = dataclasses.replace(preset.spatial, batch_size=size, prompts=prompts)
            people = [self.corpus.attributes(name) for name in self.people(split)]
            batches.append(
                SpatialBatches(people, latents[split], tokens, settings, **self.order(split))
            )
        return batches

    def blending_batches(self, config: MaskBlendingConfig) -> list[Batches]:
        blending = self.preset.blending
        return [
            BlendingBatches(
                self.model.vae,
                self.corpus,
                self.corpus.names(split),
                dataclasses.replace(blending, pool=self.most(split, blending.pool)),
                num_levels=len(config.channels),
                **self.order(split),
            )
            for split in SPLITS
        ]

    def told(self, what: str) -> Callable[[int, int], None] | None:
        return None if self._on_progress is None else partial(self._on_progress, what)

    def seed_of(self, split: str) -> int:
        return self.seed if split == "train" else VALIDATION_SEED

    def most(self, split: str, number: int) -> int:
        return number if split == "train" else max(2, number // _VALIDATION_SHARE)

    def batch_size(self, split: str, of_training: int) -> int:
        return of_training if split == "train" else self.preset.validation_batch_size

    def encoding(self) -> nn.Module:
        """The autoencoder where it is fastest."""
        return self.model.vae.to(self.processes.device)

    def order(self, split: str) -> dict[str, Any]:
        return {"seed": self.seed_of(split), "in_order": split != "train"}


def digest_of(*nets: nn.Module) -> str:
    """SHA-256 of all weights."""
    digest = hashlib.sha256()
    for net in nets:
        for value in net.state_dict().values():
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def hash_of(corpus: Corpus) -> str:
    """A corpus' own, or nothing."""
    return str(getattr(corpus, "corpus_hash", ""))


def _spread(names: Any, most: int) -> list[str]:
    """`most` of the names from all along the list, which is sorted by speaker."""
    if not names:
        raise InputError("the talker corpus lacks a split. Build it whole, without --split.")
    count = min(most, len(names))
    return [names[number * len(names) // count] for number in range(count)]
