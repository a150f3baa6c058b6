"""t-SNE, exact: many dimensions laid out in two so that neighbours stay neighbours (Fig. 7).

After van der Maaten & Hinton (2008): their momenta and their early exaggeration. Every pair counts,
so time and memory grow with the square of the rows. Knows nothing about what the rows are.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from imagineid_core.errors import InputError

MOST_ROWS = 2000  # four matrices of 32 MB


@dataclass(frozen=True, kw_only=True)
class TsneConfig:
    perplexity: float = 30.0  # about how many neighbours count; at most a third of the rows
    num_steps: int = 500
    exaggeration: float = 12.0  # of attraction, at first
    num_exaggerated: int = 120  # steps


def tsne(
    features: Float[np.ndarray, "rows dim"], config: TsneConfig | None = None
) -> Float[np.ndarray, "rows 2"]:
    """Starts from the two principal axes, so that the same rows give the same picture."""
    config = config or TsneConfig()
    num_rows = len(features)
    if not 4 <= num_rows <= MOST_ROWS:
        raise InputError(
            f"t-SNE has {num_rows} rows but exact t-SNE takes 4 to {MOST_ROWS}. Draw a sample."
        )
    attraction = _affinities(features, min(config.perplexity, (num_rows - 1) / 3))
    places = _principal(features) * 1e-4
    velocity, gain = np.zeros_like(places), np.ones_like(places)
    rate = max(num_rows / config.exaggeration / 4, 50.0)
    for step in range(config.num_steps):
        early = step < config.num_exaggerated
        slope = _gradient(places, attraction * (config.exaggeration if early else 1.0))
        opposed = np.sign(slope) != np.sign(velocity)
        gain = np.maximum(np.where(opposed, gain + 0.2, gain * 0.8), 0.01)
        velocity = (0.5 if early else 0.8) * velocity - rate * gain * slope
        places = places + velocity
        places = places - places.mean(axis=0)
    return places


def _gradient(places: np.ndarray, attraction: np.ndarray) -> np.ndarray:
    """dC/dy_i = 4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2) (their Eq. 5)."""
    nearness = 1 / (1 + _squared_distances(places))
    np.fill_diagonal(nearness, 0)
    pull = (attraction - nearness / nearness.sum()) * nearness
    return 4 * (pull.sum(axis=1, keepdims=True) * places - pull @ places)


def _affinities(features: np.ndarray, perplexity: float) -> Float[np.ndarray, "rows rows"]:
    """p_ij: symmetric, summing to 1; each row's width is sought until its perplexity is right."""
    distance = _squared_distances(np.asarray(features, np.float64))
    wanted = np.log(perplexity)
    affinity = np.zeros_like(distance)
    for row, squared in enumerate(distance):
        others = np.delete(squared, row)
        affinity[row] = np.insert(_shares(others - others.min(), wanted), row, 0)
    return (affinity + affinity.T) / (2 * len(distance))


def _shares(squared: np.ndarray, wanted: float) -> np.ndarray:
    """Gaussian shares of one row's neighbours at the width whose entropy is `wanted`: bisection."""
    low, high, width = 0.0, np.inf, 1 / max(float(squared.mean()), 1e-12)
    share = np.exp(-squared * width)
    for _ in range(60):
        entropy = np.log(share.sum()) + width * float(squared @ share) / share.sum()
        if abs(entropy - wanted) < 1e-5:
            break
        low, high = (width, high) if entropy > wanted else (low, width)
        width = width * 2 if np.isinf(high) else (low + high) / 2
        share = np.exp(-squared * width)
    return share / share.sum()


def _principal(features: np.ndarray) -> Float[np.ndarray, "rows 2"]:
    """The two longest axes, in standard deviations; signs fixed by their largest loading."""
    centred = np.asarray(features, np.float64) - np.mean(features, axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    places = centred @ axes.T
    return places / max(float(places.std()), 1e-12)


def _squared_distances(rows: np.ndarray) -> Float[np.ndarray, "rows rows"]:
    squares = (rows**2).sum(axis=1)
    return np.maximum(squares[:, None] + squares[None] - 2 * rows @ rows.T, 0)
