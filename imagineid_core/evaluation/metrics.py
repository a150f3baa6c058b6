"""The numbers by which listening is judged: names, meanings, directions, units and goals.

Knows nothing about how they are computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Metric:
    """`better` is 'higher', 'lower', 'near 0' or 'near 1'.

    `goal` is where it is met, for 'near' how far off it may be; None for one to compare with.
    """

    meaning: str
    unit: str
    better: str
    goal: float | None = None

    def is_met(self, value: float | None) -> bool | None:
        """None if there is no goal or nothing was measured."""
        if value is None or self.goal is None:
            return None
        if self.better.startswith("near"):
            return abs(value - float(self.better.removeprefix("near "))) <= self.goal
        return value >= self.goal if self.better == "higher" else value <= self.goal

    @property
    def told_goal(self) -> str:
        """As a reader is told; nothing if there is none."""
        if self.goal is None:
            return ""
        if self.better.startswith("near"):
            return f"{self.better.removeprefix('near ')} ± {self.goal:.2f}"
        return f"{'≥' if self.better == 'higher' else '≤'} {self.goal:.2f}"


_R, _SHARE = "Pearson's r, -1 ... 1", "share, 0 ... 1"

METRICS: Mapping[str, Metric] = {
    "mouth_correlation": Metric(
        meaning="lip gap of beta-hat on alpha-hat's face against the truth's, mean over clips",
        unit=_R,
        better="higher",
        goal=0.85,
    ),
    "closure_recall": Metric(
        meaning="p, b and m for which the lips shut: gap below 25 % of the clip's mean in one of "
        "the frames that the sound touches",
        unit=_SHARE,
        better="higher",
        goal=0.80,
    ),
    "offset_within_1": Metric(
        meaning="clips whose cross-correlation of lip gaps peaks within one frame of 0",
        unit=_SHARE,
        better="higher",
        goal=0.98,
    ),
    "offset_0": Metric(
        meaning="clips whose cross-correlation of lip gaps peaks at 0",
        unit=_SHARE,
        better="higher",
        goal=0.90,
    ),
    "emotion_from_style": Metric(
        meaning="emotion read off theta_e by a linear probe",
        unit=_SHARE,
        better="higher",
        goal=0.75,
    ),
    "emotion_from_content": Metric(
        meaning="emotion read off the clip's mean l-bar by the same probe",
        unit=_SHARE,
        better="lower",
        goal=0.40,
    ),
    "speaker_from_style": Metric(
        meaning="speaker read off theta_e by a linear probe", unit=_SHARE, better="lower"
    ),
    "speaker_from_identity": Metric(
        meaning="speaker read off theta_id by the same probe", unit=_SHARE, better="higher"
    ),
    "speaker_chance": Metric(
        meaning="always naming the most frequent speaker", unit=_SHARE, better="lower"
    ),
    "speaker_leak": Metric(
        meaning="(speaker_from_style - speaker_chance) / (speaker_from_identity - speaker_chance): "
        "theta_e three times nearer chance than theta_id is 1/3",
        unit="ratio",
        better="lower",
        goal=1 / 3,
    ),
    "shape_cosine": Metric(
        meaning="cosine of alpha-hat and alpha, mean over clips",
        unit="-1 ... 1",
        better="higher",
        goal=0.6,
    ),
    "shape_r2": Metric(
        meaning="share of the variance of alpha that alpha-hat explains, all coefficients together",
        unit="1 exact, 0 as good as the mean",
        better="higher",
        goal=0.3,
    ),
    "speaker_pairs": Metric(
        meaning="comparisons in which alpha-hat is nearer to a clip of its own speaker (another "
        "sentence) than to a clip of another speaker; chance 0.5",
        unit=_SHARE,
        better="higher",
        goal=0.90,
    ),
    "retrieval_at_1": Metric(
        meaning="clips whose nearest clip by theta_id, among those of another sentence, has the "
        "same speaker",
        unit=_SHARE,
        better="higher",
        goal=0.5,
    ),
    "swap_lip_correlation": Metric(
        meaning="lip gap of A's content with B's emotion against the lip gap of A's own, mean over "
        "swaps; B has another style",
        unit=_R,
        better="higher",
        goal=0.8,
    ),
    "swap_emotion": Metric(
        meaning="swaps whose expression a linear probe takes for B's emotion; it was fitted on "
        "unswapped expressions of other sentences",
        unit=_SHARE,
        better="higher",
        goal=0.70,
    ),
    # Not asked for by name; what one wants to know beside them.
    "emotion_from_content_spread": Metric(
        meaning="emotion read off how much l-bar moves (its standard deviation over the clip), "
        "which a mean without emotion may still tell",
        unit=_SHARE,
        better="lower",
    ),
    "mouth_correlation_content": Metric(
        meaning="lip gap of l-hat against the lip gap of l", unit=_R, better="higher"
    ),
    "closure_recall_truth": Metric(
        meaning="closure_recall of the truth itself: what is within reach",
        unit=_SHARE,
        better="higher",
    ),
    "envelope_correlation": Metric(
        meaning="lip gap of beta-hat against the loudness of the speech, mean over clips",
        unit=_R,
        better="higher",
    ),
    "envelope_correlation_truth": Metric(
        meaning="envelope_correlation of the truth itself: what is within reach",
        unit=_R,
        better="higher",
    ),
    "speaker_pairs_semantics": Metric(
        meaning="speaker_pairs by theta_id and cosine", unit=_SHARE, better="higher"
    ),
    "retrieval_chance": Metric(
        meaning="retrieval_at_1 of a neighbour drawn at random", unit=_SHARE, better="higher"
    ),
    "retrieval_at_1_mel": Metric(
        meaning="retrieval_at_1 by the clip's mean mel instead of theta_id: what needs no network",
        unit=_SHARE,
        better="higher",
    ),
    "swap_lip_correlation_truth": Metric(
        meaning="lip gap of A's content with B's emotion against the lip gap of A's truth",
        unit=_R,
        better="higher",
    ),
    "swap_emotion_unswapped": Metric(
        meaning="the probe of swap_emotion on B's own expression: what is within reach",
        unit=_SHARE,
        better="higher",
    ),
}
