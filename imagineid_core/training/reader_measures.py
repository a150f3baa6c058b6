"""How well a face reader does on people never seen: places, lips, faces found, others refused.

Knows nothing about training.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch

from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.face.landmarks import MOUTH, eye_distance, mouth_opening
from imagineid_core.face.reader import FaceReader
from imagineid_core.training.faceless import LEARNED, NEVER_LEARNED
from imagineid_core.training.processes import ALL
from imagineid_core.training.reader_batches import (
    Generated,
    ReaderBatch,
    ReaderBatchConfig,
    ReaderBatches,
)
from imagineid_core.training.train_on_people import HELD_OUT_SEED

Figures = dict[str, float]


def measure_reader(
    reader: FaceReader,
    corpus: PeopleCorpus,
    config: ReaderBatchConfig,
    generated: Generated,
    *,
    split: str = "test",
) -> Mapping[str, Figures]:
    """By what is shown: portraits as drawn, as an autoencoder gives them back (if any), as in
    training, and pictures without a face, one a person, as the share refused of each kind."""
    still = replace(config, faceless=0.0, generated=0.0, elsewhere=0.0, moved=0.0, disturbed=0.0)
    shown = {
        "as_drawn": (still, None),
        "as_generated": (replace(still, generated=1.0), generated),
        "as_trained": (replace(config, faceless=0.0, generated=0.5), generated),
    }
    names = corpus.names(split)
    found: dict[str, Figures] = {}
    for what, (how, made) in shown.items():
        people = tuple(made) if made else names
        if what == "as_generated" and not made:
            continue
        found[what] = figures(
            reader,
            ReaderBatches(corpus, people, how, generated=made, seed=HELD_OUT_SEED, in_order=True),
        )
    without = replace(config, faceless=1.0)
    found["refused"] = {
        kind: _refused(
            reader,
            ReaderBatches(
                corpus, names, without, faceless={kind: make}, seed=HELD_OUT_SEED, in_order=True
            ),
        )
        for kind, make in {**LEARNED, **NEVER_LEARNED}.items()
    }
    return found


@torch.no_grad()
def figures(reader: FaceReader, batches: ReaderBatches) -> Figures:
    """Means over faces; `mouth_r`: Pearson's r of the openings read and true; shares of faces."""
    off, eyes, read_open, true_open, seen = [], [], [], [], []
    for batch in _first(batches, batches.num_in_order):
        read = reader.eval()(batch.images)
        off.append((read.landmarks - batch.landmarks).norm(dim=-1))
        eyes.append(eye_distance(batch.landmarks))
        read_open.append(mouth_opening(read.landmarks))
        true_open.append(mouth_opening(batch.landmarks))
        seen.append(read.face > 0)
    distance, between = torch.cat(off), torch.cat(eyes)
    mouth = distance[:, MOUTH].mean(dim=1)
    openings = torch.cat(read_open).numpy(), torch.cat(true_open).numpy()
    return {
        "pixels": float(distance.mean()),
        "between_eyes": float((distance.mean(dim=1) / between).mean()),
        "mouth_pixels": float(mouth.mean()),
        "mouth_between_eyes": float((mouth / between).mean()),
        "mouth_r": float(np.corrcoef(*openings)[0, 1]),
        "found": float(torch.cat(seen).float().mean()),
        "pictures": float(len(distance)),
    }


@torch.no_grad()
def _refused(reader: FaceReader, batches: ReaderBatches) -> float:
    num_batches = -(-len(batches.names) // batches.config.batch_size)
    read = [reader.eval()(one.images).face <= 0 for one in _first(batches, num_batches)]
    return float(torch.cat(read).float().mean())


def _first(batches: ReaderBatches, count: int) -> Iterator[ReaderBatch]:
    return (batches(index, ALL) for index in range(count))
