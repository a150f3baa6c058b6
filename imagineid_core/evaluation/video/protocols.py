"""Which metrics a set of clips is measured with, and on how much of each, as the papers did it.

Knows nothing about how a metric is computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from imagineid_core.evaluation.video.clip_report import Comparison
from imagineid_core.evaluation.video.registry import VIDEO_METRICS

OURS = (
    "identity_drift",
    "colour_drift",
    "sharpness_drift",
    "warp_error",
    *(name for name in VIDEO_METRICS if name.startswith(("flicker_", "sharpness_"))),
)  # measured in every protocol


@dataclass(frozen=True, kw_only=True)
class Protocol:
    told: str
    metrics: tuple[str, ...]
    seconds: float | None = None  # only the beginning of each clip
    is_aligned: bool = True
    driven_by_first_frame: bool = False

    @property
    def all_metrics(self) -> tuple[str, ...]:
        return tuple(name for name in VIDEO_METRICS if name in {*self.metrics, *OURS})

    def applied_to(self, comparison: Comparison) -> Comparison:
        """With the protocol's own settings; a length that was asked for stays."""
        return replace(
            comparison,
            seconds=self.seconds if comparison.seconds is None else comparison.seconds,
            is_aligned=self.is_aligned,
            driven_by_first_frame=self.driven_by_first_frame,
        )


PROTOCOLS: Mapping[str, Protocol] = {
    "mead": Protocol(
        told="ImagineID, Tables 1 and 2: whole clips against the true ones, frame by frame",
        metrics=(
            "eacc_accuracy",
            "eacc_distance",
            *(name for name in VIDEO_METRICS if name.startswith(("lmd", "reader_error"))),
            "lse_c",
            "lse_d",
            "sync_offset",
            "fid",
            "psnr",
            "ssim",
            "shape_cosine",
            "age_cosine",
            "gender_cosine",
            "emotion_cosine",
        ),
    ),
    "hdtf": Protocol(
        told="SadTalker, Table 1: the first 8 s, the head moves as it likes, so no frame has a "
        "true one; the reference serves FID and CSIM",
        metrics=("lse_c", "lse_d", "head_diversity", "beat_align", "fid", "cpbd", "csim"),
        seconds=8.0,
        is_aligned=False,
    ),
    "self": Protocol(
        told="PD-FGC, Table 1, self-driving: the first frame gives the looks, all others the "
        "motion and the truth",
        metrics=(
            "fid",
            "lse_c",
            "lse_d",
            "nlse_c",
            *(name for name in VIDEO_METRICS if name.startswith(("lmd", "reader_error"))),
            "pose_mse",
        ),
    ),
    "cross": Protocol(
        told="PD-FGC, Table 2, cross-video, and SadTalker's cross-identity: the reference's first "
        "frame gave the expression, its person is another",
        metrics=(
            "expression_mse",
            "lse_c",
            "lse_d",
            "nlse_c",
            "head_diversity",
            "beat_align",
            "fid",
            "cpbd",
            "csim",
        ),
        is_aligned=False,
        driven_by_first_frame=True,
    ),
}
