"""Which emotion do generated faces show? What a probe of rendered faces names, against the voice's.

Knows nothing about how the probe learned, nor how faces were made.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from imagineid_core.evaluation.imagine.diverse_frames import DiverseFrames
from imagineid_core.evaluation.imagine.picture_probes import PictureProbes
from imagineid_core.evaluation.imagine.probe_pictures import STYLES


@dataclass(frozen=True, kw_only=True)
class NamedStyles:
    """Numbers of STYLES, one a face."""

    truth: Int[np.ndarray, " faces"]
    named: Int[np.ndarray, " faces"]

    @property
    def accuracy(self) -> float:
        return float((self.truth == self.named).mean())

    @property
    def chance(self) -> float:
        """Always naming the most frequent one."""
        return max(Counter(self.truth.tolist()).values()) / len(self.truth)

    @property
    def confusion(self) -> Float[np.ndarray, "truths names"]:
        """Shares of each truth; rows add up to 1, or to 0 where there is none."""
        table = np.zeros((len(STYLES), len(STYLES)))
        np.add.at(table, (self.truth, self.named), 1)
        return table / np.maximum(table.sum(axis=1, keepdims=True), 1)


def knows_styles(styles: Sequence[str]) -> bool:
    """Other corpora have other emotions, of which the probe knows nothing."""
    return set(styles) <= set(STYLES)


def named_styles(probes: PictureProbes, made: DiverseFrames) -> NamedStyles:
    return NamedStyles(
        truth=np.array([STYLES.index(style) for style in made.styles]),
        named=probes.styles(made.frames, made.landmarks).numpy(),
    )
