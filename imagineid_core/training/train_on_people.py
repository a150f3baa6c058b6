"""One small network learned from a people corpus: trained, measured as it is written, and written.

A call that was cut short goes on where it stopped. Knows nothing about what is learned.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.errors import InputError
from imagineid_core.training.loop import Batches, LoopConfig, train
from imagineid_core.training.processes import ALL, is_first_process
from imagineid_core.training.stage import Stage

HELD_OUT_SEED = 1_000_003
Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """`metrics` are of the split 'test', by what was shown."""

    path: Path
    metrics: Metrics


def train_on_people(
    stage: Stage,
    corpus: PeopleCorpus,
    folder: Path,
    *,
    name: str,
    architecture: str,
    batches: Batches,
    validation: Batches,
    loop: LoopConfig,
    setting: Mapping[str, Any],
    measure: Callable[[], Metrics],
    provenance: Mapping[str, Any],
    cpu: bool,
) -> TrainedNetwork:
    """Train `stage` in the folder `name` and write ARCHITECTURE.safetensors, in half precision.

    Under `accelerate launch` every process calls this alike; the first one writes.
    """
    result = train(
        stage,
        batches,
        folder / name,
        loop,
        validation=validation,
        setting={"corpus": corpus.corpus_hash, **setting},
        cpu=cpu,
    )
    stage.cpu()
    stage.learned.half().float()  # measured as it is written
    metrics = measure()
    path = folder / f"{architecture}.safetensors"
    if is_first_process():
        save_checkpoint(
            path,
            copy.deepcopy(stage.learned).half(),
            architecture=architecture,
            config=stage.learned.config,
            provenance={
                **provenance,
                "seed": loop.seed,
                "corpus": corpus.corpus_hash,
                "steps": result.step,
                "best_step": result.best_step,
                "metrics": result.metrics,
                "test": metrics,
            },
        )
    return TrainedNetwork(path=path, metrics=metrics)


def check_size(corpus: PeopleCorpus, size: int, preset: str) -> None:
    if corpus.size != size:
        raise InputError(
            f"the corpus has pictures of {corpus.size} pixels but the preset '{preset}' "
            f"learns {size}. Make a corpus with --size {size}."
        )


def seeded(make: Callable[[], Stage], seed: int) -> Stage:
    """The same first weights for the same seed; the caller's random numbers rest."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


@torch.no_grad()
def mean_terms(stage: Stage, batches: Batches, num_batches: int) -> dict[str, float]:
    """Of a stage's terms, the means over the first batches."""
    terms: list[dict[str, Tensor]] = [
        stage.eval()(batches(index, ALL)) for index in range(num_batches)
    ]
    return {name: float(torch.stack([one[name] for one in terms]).mean()) for name in terms[0]}


def with_seed(loop: LoopConfig, seed: int) -> LoopConfig:
    return dataclasses.replace(loop, seed=seed)
