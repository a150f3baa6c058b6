"""The mean of scores and its 95 % interval, raters and clips both drawn from many (supplement 0.4).

The model is score = mean + rater + clip + rest, raters crossed with clips. Scores of one rater
resemble each other, and so do scores of one clip: neither are independent, and an interval that
counts every score as one (mean ± 1.96 s / √n) is too narrow. Knows nothing about methods or files.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

COVERAGE = 0.95
INTERVAL = (
    "95 % t interval of a two-way random-effects analysis of variance (raters crossed with clips, "
    "Satterthwaite's degrees of freedom): where the mean would lie with other raters and other "
    "clips of the same kind"
)


@dataclass(frozen=True, kw_only=True)
class MeanScore:
    """`low` and `high` are None where no interval can be had, and `without_interval` says why."""

    mean: float
    low: float | None
    high: float | None
    without_interval: str | None
    num_scores: int
    num_raters: int
    num_clips: int


def mean_score(
    scores: Mapping[tuple[str, str], float], lowest: float, highest: float
) -> MeanScore | None:
    """Of scores by (rater, clip); None without any. The interval is cut at the scale's ends."""
    if not scores:
        return None
    raters, rater_of = np.unique([rater for rater, _ in scores], return_inverse=True)
    clips, clip_of = np.unique([clip for _, clip in scores], return_inverse=True)
    values = np.array(list(scores.values()), dtype=np.float64)
    mean, reason, half = float(values.mean()), None, None
    if len(raters) < 2 or len(clips) < 2:
        reason = f"one {'rater' if len(raters) < 2 else 'clip'} says nothing about others"
    elif np.ptp(values) == 0:
        reason = "every score is the same"
    else:
        half = _half_width(values, rater_of, clip_of)
    return MeanScore(
        mean=mean,
        low=None if half is None else max(lowest, mean - half),
        high=None if half is None else min(highest, mean + half),
        without_interval=reason,
        num_scores=len(values),
        num_raters=len(raters),
        num_clips=len(clips),
    )


def _half_width(
    values: Float[np.ndarray, " scores"],
    rater_of: Int[np.ndarray, " scores"],
    clip_of: Int[np.ndarray, " scores"],
) -> float:
    """t · √(V_rater + V_clip − V_rest); each V counts the rest once, so one is taken away.

    With every rater at every clip these are the mean squares of the analysis of variance divided
    by n. Where scores are missing, a V also counts some of the other effect: the interval is then
    too wide rather than too narrow.
    """
    from scipy.special import stdtrit

    of_raters, of_clips = _group_variance(values, rater_of), _group_variance(values, clip_of)
    of_rest, rest_freedom = _rest_variance(values, rater_of, clip_of)
    variance = max(of_raters + of_clips - of_rest, of_raters, of_clips)
    spread = of_raters**2 / rater_of.max() + of_clips**2 / clip_of.max()  # groups - 1
    if rest_freedom:
        spread += of_rest**2 / rest_freedom
    return float(stdtrit(variance**2 / spread, (1 + COVERAGE) / 2) * variance**0.5)


def _group_variance(
    values: Float[np.ndarray, " scores"], group_of: Int[np.ndarray, " scores"]
) -> float:
    """Of the mean, if groups were all that is drawn: G/(G-1) · Σ_g (Σ_{i in g} (y_i − ȳ))² / n²."""
    sums = np.bincount(group_of, weights=values - values.mean())
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum() / len(values) ** 2)


def _rest_variance(
    values: Float[np.ndarray, " scores"],
    rater_of: Int[np.ndarray, " scores"],
    clip_of: Int[np.ndarray, " scores"],
) -> tuple[float, int]:
    """Of the mean by what raters and clips leave over, and its degrees of freedom."""
    design = np.concatenate(
        [np.eye(rater_of.max() + 1)[rater_of], np.eye(clip_of.max() + 1)[clip_of]], axis=1
    )
    fit, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    freedom = len(values) - int(rank)
    if freedom == 0:
        return 0.0, 0
    rest = ((values - design @ fit) ** 2).sum() / freedom
    return float(rest / len(values)), freedom
