"""From named directions that overlap to a basis whose columns do not: symmetric whitening.

Of all orthogonal bases this one stays closest to the named directions (Loewdin), the strong ones
above all, and unlike eigenvectors it has no free signs or order: every machine builds the same.
Knows nothing about faces.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Whitened:
    """`basis` [vertex, 3, size] has orthogonal columns, each about as long as its direction.

    `from_named` [size, size] turns amounts of the named directions into coefficients:
    basis @ (from_named @ amounts) is the same displacement as directions @ amounts.
    """

    basis: np.ndarray
    from_named: np.ndarray


def whiten(directions: np.ndarray) -> Whitened:
    """Directions [vertex, 3, size] must be linearly independent."""
    flat = directions.reshape(-1, directions.shape[-1])
    values, vectors = np.linalg.eigh(flat.T @ flat)
    assert values[0] > 1e-9 * values[-1], "two directions do the same"
    root = (vectors * np.sqrt(values)) @ vectors.T
    inverse_root = (vectors / np.sqrt(values)) @ vectors.T
    lengths = np.diag(root)  # what of each direction lies along its own column
    return Whitened(
        basis=((flat @ inverse_root) * lengths).reshape(directions.shape),
        from_named=root / lengths[:, None],
    )
