"""Who sounds alike: nearest voices and pairs of voices by a feature (Fig. 6).

Knows nothing about what the feature is or which network made it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor


def cosine_distances(features: Float[Tensor, "rows dim"]) -> Float[np.ndarray, "rows rows"]:
    """1 - cosine: 0 for one direction, 2 for opposite ones."""
    unit = torch.nn.functional.normalize(features.double(), dim=1)
    return (1 - unit @ unit.T).numpy()


def distances(features: Float[Tensor, "rows dim"]) -> Float[np.ndarray, "rows rows"]:
    """Euclidean."""
    return torch.cdist(
        features.double(), features.double(), compute_mode="donot_use_mm_for_euclid_dist"
    ).numpy()


def neighbours(
    distance: Float[np.ndarray, "rows rows"], sentences: Sequence[str]
) -> list[np.ndarray]:
    """For each row all rows that speak another sentence, the nearest first.

    Rows of the same sentence are left out: they may be near for what they say.
    """
    other = _differ(sentences)
    order = np.argsort(distance, axis=1, kind="stable")
    return [row[other[index][row]] for index, row in enumerate(order)]


def retrieval_at_1(
    distance: Float[np.ndarray, "rows rows"],
    speakers: Sequence[str],
    sentences: Sequence[str],
) -> float | None:
    """Share of clips whose nearest clip of another sentence has the same speaker; 1 is best.

    Asked only of clips whose speaker says another sentence somewhere; None if there is none, or
    nobody else to be mistaken for.
    """
    if len(set(speakers)) < 2:
        return None
    hits = []
    for index, order in enumerate(neighbours(distance, sentences)):
        if any(speakers[other] == speakers[index] for other in order):
            hits.append(speakers[order[0]] == speakers[index])
    return float(np.mean(hits)) if hits else None


def retrieval_chance(
    distance: Float[np.ndarray, "rows rows"],
    speakers: Sequence[str],
    sentences: Sequence[str],
) -> float | None:
    """`retrieval_at_1` of a neighbour drawn at random."""
    if len(set(speakers)) < 2:
        return None
    shares = []
    for index, order in enumerate(neighbours(distance, sentences)):
        if own := sum(speakers[other] == speakers[index] for other in order):
            shares.append(own / len(order))
    return float(np.mean(shares)) if shares else None


def speaker_pairs(
    distance: Float[np.ndarray, "rows rows"],
    speakers: Sequence[str],
    sentences: Sequence[str],
) -> float | None:
    """Share of comparisons in which a clip is nearer to its own speaker than to another one.

    Every clip is compared with each clip of its speaker (another sentence) against each clip of
    each other speaker; ties count half, so chance is 0.5. None without such comparisons.
    """
    differs, elsewhere = _differ(speakers), _differ(sentences)
    won = total = 0.0
    for index, row in enumerate(distance):
        same = np.sort(row[~differs[index] & elsewhere[index]])
        other = row[differs[index] & elsewhere[index]]
        below = np.searchsorted(same, other, side="left")
        not_above = np.searchsorted(same, other, side="right")
        won += float((below + not_above).sum()) / 2
        total += len(same) * len(other)
    return won / total if total else None


def _differ(names: Sequence[str]) -> Bool[np.ndarray, "rows rows"]:
    array = np.array(names)
    return array[:, None] != array[None]
