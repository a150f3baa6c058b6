"""The face reader, learned from pictured people and measured on people never seen.

Knows nothing about how faces are read.
"""

import dataclasses
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

import torch
from torch import nn

from imagineid_core.corpus.people import PeopleCorpus, to_bytes, to_image
from imagineid_core.errors import InputError
from imagineid_core.face.reader import ARCHITECTURE, FaceReader
from imagineid_core.training.adapter_sources import digest_of
from imagineid_core.training.condition_latents import DisturbanceConfig, as_generated
from imagineid_core.training.kept_tensors import keep_tensors, kept_tensors
from imagineid_core.training.processes import made_together
from imagineid_core.training.reader_batches import Generated, ReaderBatchConfig, ReaderBatches
from imagineid_core.training.reader_measures import measure_reader
from imagineid_core.training.reader_presets import ReaderPreset
from imagineid_core.training.reader_stage import ReaderStage
from imagineid_core.training.train_on_people import (
    HELD_OUT_SEED,
    TrainedNetwork,
    check_size,
    seeded,
    train_on_people,
    with_seed,
)

Progress = Callable[[str, int, int], None]
_SPLITS = ("train", "validation", "test")


def train_reader(
    corpus: PeopleCorpus,
    folder: str | PathLike[str],
    preset: ReaderPreset,
    *,
    vae: nn.Module | None = None,
    seed: int = 0,
    command: str = "",
    cpu: bool = False,
    on_progress: Progress | None = None,
) -> TrainedNetwork:
    """Train what `preset` says and write face_reader.safetensors; see `measure_reader`.

    `vae`: the autoencoder through which some portraits go, where the preset asks for such.
    """
    folder = Path(folder)
    check_size(corpus, preset.net.size, preset.name)
    if preset.generated_people and vae is None:
        raise InputError(
            f"the preset '{preset.name}' shows portraits as an autoencoder gives them back, but "
            "there is none. Give a model."
        )
    counts = (preset.generated_people, preset.generated_test_people, preset.generated_test_people)
    made = {
        split: _generated(corpus, split, count, vae, folder, on_progress)
        for split, count in zip(_SPLITS, counts, strict=True)
    }
    stage = seeded(lambda: ReaderStage(FaceReader(preset.net)), seed)
    return train_on_people(
        stage,
        corpus,
        folder,
        name="face_reader",
        architecture=ARCHITECTURE,
        batches=ReaderBatches(
            corpus, corpus.names("train"), preset.batches, generated=made["train"], seed=seed
        ),
        validation=_in_order(corpus, "validation", preset.batches, made["validation"]),
        loop=with_seed(preset.loop, seed),
        setting={
            "net": dataclasses.asdict(preset.net),
            "batches": dataclasses.asdict(preset.batches),
            "generated_people": preset.generated_people,
            "vae": None if vae is None else digest_of(vae),
        },
        measure=lambda: measure_reader(stage.learned, corpus, preset.batches, made["test"]),
        provenance={
            "command": command,
            "preset": preset.name,
            **({} if vae is None else {"model": {"vae": digest_of(vae)}}),
        },
        cpu=cpu,
    )


def _in_order(
    corpus: PeopleCorpus, split: str, config: ReaderBatchConfig, made: Generated
) -> ReaderBatches:
    return ReaderBatches(
        corpus, corpus.names(split), config, generated=made, seed=HELD_OUT_SEED, in_order=True
    )


def _generated(
    corpus: PeopleCorpus,
    split: str,
    count: int,
    vae: nn.Module | None,
    folder: Path,
    on_progress: Progress | None,
) -> Generated:
    """Portraits of the first `count` people, through the autoencoder with a disturbed latent."""
    names: Sequence[str] = corpus.names(split)[:count]
    if not names:
        return {}
    assert vae is not None
    path = folder / f"generated_{split}.safetensors"
    config = DisturbanceConfig()
    made_with = repr((digest_of(vae), corpus.corpus_hash, names, config))
    kept = kept_tensors(path, made_with)
    if kept is None:

        def through(name: str) -> torch.Tensor:
            images = to_image(corpus.tensors(name, ("portrait",))["portrait"])
            draw = torch.Generator().manual_seed(int(name[1:]))
            return to_bytes(as_generated(vae, images, config, draw))

        told = None
        if on_progress is not None:
            told = lambda done, total: on_progress(f"{split} decoded", done, total)  # noqa: E731
        kept = {"portrait": torch.stack(made_together(through, names, told)).contiguous()}
        keep_tensors(path, kept, made_with)
    return dict(zip(names, kept["portrait"], strict=True))
