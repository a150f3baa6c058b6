"""What all ablations share: a frozen model, latents that are made once, short trainings alike.

Knows nothing about which variants there are.
"""

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from imagineid_core.errors import InputError
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.spatial_condition import SpatialConditionAdapter
from imagineid_core.training.adapter_presets import AdapterPreset
from imagineid_core.training.adapter_sources import SPLITS, AdapterSources, Voices
from imagineid_core.training.condition_latents import ConditionLatents
from imagineid_core.training.loop import Batches, LoopConfig, train
from imagineid_core.training.spatial_stage import SpatialStage
from imagineid_core.training.stage import Stage
from imagineid_core.training.train_adapters import frozen, new_spatial
from imagineid_core.training.voiced_people import VoicedPeople

_MOST_PEOPLE, _MOST_PORTRAITS = 400, 96
_VALIDATION_BATCHES = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trials:
    """`folder` gets a folder an ablation, and in that one a variant."""

    sources: AdapterSources
    folder: Path
    voices: Voices | None
    num_pictured: int  # people that are imagined and measured
    sampler: ImagineConfig
    cpu: bool = False

    def trained(
        self,
        ablation: str,
        variant: str,
        stage: Stage[Any],
        loop: LoopConfig,
        batches: list[Batches],
    ) -> dict[str, float]:
        """Figures of the stage's validation; `stage.learned` is then what they are of."""
        result = train(
            stage,
            batches[0],
            self.folder / ablation / variant,
            dataclasses.replace(loop, seed=self.sources.seed),
            validation=batches[1],
            setting={"corpus": self.sources.corpus.corpus_hash, **self.sources.digests},
            cpu=self.cpu,
        )
        stage.cpu()
        return dict(result.metrics)

    def spatial_stage(self, sources: AdapterSources) -> SpatialStage[SpatialConditionAdapter]:
        """The standard one, untrained."""
        preset = sources.preset
        return SpatialStage(
            new_spatial(sources), **frozen(sources.model), coherent_share=preset.spatial.coherent
        )

    @cached_property
    def conditions(self) -> dict[str, ConditionLatents]:
        return {split: self.sources.conditions(split) for split in SPLITS}

    @cached_property
    def voiced(self) -> dict[str, VoicedPeople]:
        return {split: self.sources.voiced(self.heard, split) for split in SPLITS}

    @property
    def heard(self) -> Voices:
        if self.voices is None:
            raise InputError(
                "there are no voices, but this ablation is of the words that are learned from "
                "them. Give --pad and --talkers."
            )
        return self.voices


def short_preset(preset: AdapterPreset, steps: int) -> AdapterPreset:
    """The same sizes and rates, `steps` updates, fewer people."""

    def loop(whole: LoopConfig) -> LoopConfig:
        return dataclasses.replace(
            whole,
            num_steps=steps,
            warmup_steps=min(whole.warmup_steps, steps // 10),
            log_every=max(1, steps // 10),
            validate_every=steps,
            num_validation_batches=min(whole.num_validation_batches, _VALIDATION_BATCHES),
            checkpoint_every=max(1, steps // 2),
            keep_checkpoints=1,
        )

    blending = preset.blending
    return dataclasses.replace(
        preset,
        word_loop=loop(preset.word_loop),
        spatial_loop=loop(preset.spatial_loop),
        blending_loop=loop(preset.blending_loop),
        people=min(preset.people, _MOST_PEOPLE),
        clips=min(preset.clips, _MOST_PEOPLE),
        blending=dataclasses.replace(blending, pool=min(blending.pool, _MOST_PORTRAITS)),
    )


def num_learned(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters() if weight.requires_grad)
