"""Parameters of a reconstructed face against the driving one's, and whose motion moves which.

PD-FGC's Exp and Pose errors (its Sec. 4.1) and its table of factor variances (Eq. I). Knows
nothing about how parameters are found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Parameters = Float[np.ndarray, "frames dim"]  # a row of NaN where no face was found
OfAnyLength = Float[np.ndarray, "_ _"]  # the same, of clips that need not be alike


def parameter_errors(found: Parameters, driving: Parameters) -> Float[np.ndarray, " frames"]:
    """Mean squared difference in each frame, lower is better; NaN where either has no face.

    Expressions have D3DFR's unit (standard deviations); poses are radians and dm together.
    """
    return np.square(found - driving).mean(axis=1)


def factor_variance(clips: Sequence[OfAnyLength]) -> float:
    """Mean over clips of the mean over frames of |f - mean of f over the clip|_2 (Eq. I).

    Unit of the feature; frames without a face do not count. NaN without any frame.
    """
    means = []
    for clip in clips:
        found = clip[np.isfinite(clip).all(axis=1)]
        if len(found):
            means.append(np.linalg.norm(found - found.mean(axis=0), axis=1).mean())
    return float(np.mean(means)) if means else np.nan


@dataclass(frozen=True, kw_only=True)
class FactorTable:
    """Row: the feature whose variance is told; column: the factor that was driven, others zero.

    Disentangled control has the largest number of each row on the diagonal.
    """

    features: tuple[str, ...]
    driven: tuple[str, ...]
    variance: tuple[tuple[float, ...], ...]

    def selectivity(self, feature: str) -> float:
        """Own factor's variance over the largest other's, higher is better; above 1 is selective.

        NaN for a feature that no clip was driven by.
        """
        row = dict(zip(self.driven, self.variance[self.features.index(feature)], strict=True))
        own = row.pop(feature, np.nan)
        return own / max(row.values()) if row and max(row.values()) > 0 else np.nan


def factor_table(
    clips: Mapping[str, Sequence[Mapping[str, OfAnyLength]]],
) -> FactorTable:
    """`clips`: for each driven factor its clips, each with the features that were read off it."""
    features = tuple(dict.fromkeys(name for some in clips.values() for one in some for name in one))
    return FactorTable(
        features=features,
        driven=tuple(clips),
        variance=tuple(
            tuple(
                factor_variance([one[feature] for one in some if feature in one])
                for some in clips.values()
            )
            for feature in features
        ),
    )
