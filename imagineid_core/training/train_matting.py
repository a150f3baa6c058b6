"""The matting network, learned from pictured people and measured on people never seen.

A call that was cut short goes on where it stopped. Knows nothing about how mattes are learned.
"""

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.errors import InputError
from imagineid_core.imagine.matting import ARCHITECTURE, MattingNet
from imagineid_core.training.loop import train
from imagineid_core.training.matte_batches import MatteBatchConfig, MatteBatches
from imagineid_core.training.matte_stage import MatteStage
from imagineid_core.training.matting_presets import MattingPreset
from imagineid_core.training.processes import ALL, is_first_process

_HELD_OUT_SEED = 1_000_003


@dataclass(frozen=True, kw_only=True)
class TrainedMatting:
    """`metrics` are of the split 'test': people as the corpus has them, and as in training."""

    path: Path
    metrics: Mapping[str, Mapping[str, float]]


def train_matting(
    corpus: PeopleCorpus,
    folder: str | PathLike[str],
    preset: MattingPreset,
    *,
    seed: int = 0,
    command: str = "",
    cpu: bool = False,
) -> TrainedMatting:
    """Train what `preset` says and write matting.safetensors, in half precision.

    Under `accelerate launch` every process calls this alike; the first one writes.
    """
    if corpus.size != preset.net.short_side:
        raise InputError(
            f"the corpus has pictures of {corpus.size} pixels but the preset '{preset.name}' "
            f"learns {preset.net.short_side}. Make a corpus with --size {preset.net.short_side}."
        )
    folder = Path(folder)
    as_trained = preset.batches
    as_drawn = dataclasses.replace(as_trained, elsewhere=0.0, disturbed=0.0, empty=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stage = MatteStage(MattingNet(preset.net))
    result = train(
        stage,
        MatteBatches(corpus, corpus.names("train"), as_trained, seed=seed),
        folder / "matting",
        dataclasses.replace(preset.loop, seed=seed),
        validation=_in_order(corpus, "validation", as_trained),
        setting={
            "corpus": corpus.corpus_hash,
            "net": dataclasses.asdict(preset.net),
            "batches": dataclasses.asdict(as_trained),
        },
        cpu=cpu,
    )
    stage.cpu()
    stage.learned.half().float()  # measured as it is written
    metrics = {
        name: _measured(stage, _in_order(corpus, "test", config), len(corpus.names("test")))
        for name, config in (("as_drawn", as_drawn), ("as_trained", as_trained))
    }
    path = folder / f"{ARCHITECTURE}.safetensors"
    if is_first_process():
        save_checkpoint(
            path,
            copy.deepcopy(stage.learned).half(),
            architecture=ARCHITECTURE,
            config=preset.net,
            provenance={
                "command": command,
                "preset": preset.name,
                "seed": seed,
                "corpus": corpus.corpus_hash,
                "steps": result.step,
                "best_step": result.best_step,
                "metrics": result.metrics,
                "test": metrics,
            },
        )
    return TrainedMatting(path=path, metrics=metrics)


def _in_order(corpus: PeopleCorpus, split: str, config: MatteBatchConfig) -> MatteBatches:
    return MatteBatches(corpus, corpus.names(split), config, seed=_HELD_OUT_SEED, in_order=True)


@torch.no_grad()
def _measured(stage: MatteStage, batches: MatteBatches, num_people: int) -> dict[str, float]:
    """Mean over batches that show every person once."""
    num_batches = -(-num_people // batches.config.batch_size)
    terms = [stage.eval()(batches(index, ALL)) for index in range(num_batches)]
    return {name: float(torch.stack([one[name] for one in terms]).mean()) for name in terms[0]}
