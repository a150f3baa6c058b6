"""Are people of other seeds different, and is each one the same person throughout?

Our protocol for the paper's claim of diversity between videos and coherence within each (Sec. 1):
one voice, N seeds, features of any network. Knows nothing about pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from imagineid_core.errors import InputError

Features = Float[np.ndarray, "_ dim"]  # clips need not be equally long


@dataclass(frozen=True, kw_only=True)
class DiversityAndCoherence:
    """L2 distances in the unit of the features.

    `between`: mean over pairs of clips of the distance of their means; higher is more diverse.
    `within`: mean over clips of the mean distance of a frame to its clip's mean; lower is more
    coherent. `ratio`: between over within; higher is better, 1 means that a clip wanders as far as
    people are apart.
    """

    between: float
    within: float
    ratio: float
    num_clips: int


def diversity_and_coherence(clips: Sequence[Features]) -> DiversityAndCoherence:
    """Frames without a face (NaN) do not count; a clip without any is an error."""
    if len(clips) < 2:
        raise InputError(
            f"diversity compares clips of other seeds but got {len(clips)}. Give at least 2 clips "
            "of one voice."
        )
    found = [clip[np.isfinite(clip).all(axis=1)] for clip in clips]
    if empty := [number for number, clip in enumerate(found) if not len(clip)]:
        raise InputError(
            f"clip {empty[0]} of {len(clips)} (the first is 0) has no frame with a face. Leave it "
            "out."
        )
    means = np.stack([clip.mean(axis=0) for clip in found])
    one, other = np.triu_indices(len(means), 1)
    between = float(np.linalg.norm(means[one] - means[other], axis=1).mean())
    within = float(
        np.mean(
            [
                np.linalg.norm(clip - mean, axis=1).mean()
                for clip, mean in zip(found, means, strict=True)
            ]
        )
    )
    return DiversityAndCoherence(
        between=between,
        within=within,
        ratio=between / within if within > 0 else np.inf,
        num_clips=len(found),
    )
