"""The matting network, learned from pictured people and measured on people never seen.

Knows nothing about how mattes are learned.
"""

import dataclasses
from os import PathLike
from pathlib import Path

from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.imagine.matting import ARCHITECTURE, MattingNet
from imagineid_core.training.matte_batches import MatteBatchConfig, MatteBatches
from imagineid_core.training.matte_stage import MatteStage
from imagineid_core.training.matting_presets import MattingPreset
from imagineid_core.training.train_on_people import (
    HELD_OUT_SEED,
    Metrics,
    TrainedNetwork,
    check_size,
    mean_terms,
    seeded,
    train_on_people,
    with_seed,
)


def train_matting(
    corpus: PeopleCorpus,
    folder: str | PathLike[str],
    preset: MattingPreset,
    *,
    seed: int = 0,
    command: str = "",
    cpu: bool = False,
) -> TrainedNetwork:
    """Train what `preset` says and write matting.safetensors.

    Metrics are of people as the corpus has them, and as in training.
    """
    check_size(corpus, preset.net.short_side, preset.name)
    as_trained = preset.batches
    as_drawn = dataclasses.replace(as_trained, elsewhere=0.0, disturbed=0.0, empty=0.0)
    stage = seeded(lambda: MatteStage(MattingNet(preset.net)), seed)

    def measure() -> Metrics:
        num_batches = -(-len(corpus.names("test")) // as_trained.batch_size)  # each person once
        return {
            name: mean_terms(stage, _in_order(corpus, "test", config), num_batches)
            for name, config in (("as_drawn", as_drawn), ("as_trained", as_trained))
        }

    return train_on_people(
        stage,
        corpus,
        Path(folder),
        name="matting",
        architecture=ARCHITECTURE,
        batches=MatteBatches(corpus, corpus.names("train"), as_trained, seed=seed),
        validation=_in_order(corpus, "validation", as_trained),
        loop=with_seed(preset.loop, seed),
        setting={
            "net": dataclasses.asdict(preset.net),
            "batches": dataclasses.asdict(as_trained),
        },
        measure=measure,
        provenance={"command": command, "preset": preset.name},
        cpu=cpu,
    )


def _in_order(corpus: PeopleCorpus, split: str, config: MatteBatchConfig) -> MatteBatches:
    return MatteBatches(corpus, corpus.names(split), config, seed=HELD_OUT_SEED, in_order=True)
