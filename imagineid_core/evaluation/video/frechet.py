"""FID: how far two sets of pictures lie apart, over the features of any network (Sec. 4.1).

The papers' features are the 2048 of Inception's last pooling, over all frames of both sets (see
`inception`). Knows nothing about which network made them.
"""

import numpy as np
from jaxtyping import Float

from imagineid_core.errors import InputError


def frechet_distance(
    one: Float[np.ndarray, "samples dim"], other: Float[np.ndarray, "others dim_of_other"]
) -> float:
    """Frechet distance of the two normal distributions fitted to features; lower is better, 0 best.

    |mean - mean'|^2 + tr(C + C' - 2 (C C')^1/2), unbiased covariances, no unit. With C = A^T A, A
    the centred features over sqrt(n - 1), tr (C C')^1/2 is the sum of the singular values of
    A A'^T, which needs no square root of a singular matrix when samples are few.
    """
    if one.shape[1] != other.shape[1]:
        raise InputError(
            f"features have {one.shape[1]} and {other.shape[1]} numbers a picture, so their "
            "distance is undefined. Use one extractor for both sets."
        )
    if min(len(one), len(other)) < 2:
        raise InputError(
            f"FID needs 2 pictures in each set but got {len(one)} and {len(other)}. Give longer "
            "clips."
        )
    means = one.mean(axis=0, dtype=np.float64) - other.mean(axis=0, dtype=np.float64)
    root, other_root = _root(one), _root(other)
    shared = np.linalg.svd(root @ other_root.T, compute_uv=False).sum()
    spread = np.square(root).sum() + np.square(other_root).sum()
    return max(0.0, float(means @ means + spread - 2 * shared))  # rounding reaches below 0


def _root(features: Float[np.ndarray, "samples dim"]) -> Float[np.ndarray, "rows dim"]:
    """Some A with A^T A the covariance, no more rows than columns."""
    centred = features.astype(np.float64)
    centred = (centred - centred.mean(axis=0)) / np.sqrt(len(features) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"))
