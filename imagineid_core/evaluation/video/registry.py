"""All metrics of films: name, meaning, unit, direction, and what it takes to measure each.

Knows nothing about how they are computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from imagineid_core.evaluation.metrics import Metric

NEEDS: Mapping[str, str] = {
    "reference": "the true video (--reference)",
    "sound": "a sound track",
    "seconds": "at least two seconds",
    "landmarks": "68 landmarks a frame (--landmarks, --performance, or an extractor)",
    "reference_landmarks": "landmarks of the reference (--reference-landmarks, "
    "--reference-performance, or an extractor)",
    "mesh_landmarks": "landmarks read off the film beside its own mesh (--performance with "
    "--landmarks or an extractor)",
    "reference_mesh_landmarks": "landmarks read off the reference beside its own mesh "
    "(--reference-performance with --reference-landmarks or an extractor)",
    "performance": "the performance the film was made from (--performance)",
    "syncnet": "syncnet_v2.model (--syncnet)",
    "fid": "Inception's weights (--inception) or another network for FID (--extractor fid=...)",
    "coefficients": "D3DFR's network (--recon) with landmarks, or --extractor coefficients=...",
    "identity": "a network for identity, such as ArcFace (--extractor identity=...)",
    "age": "a network's age features, such as FairFace's (--extractor age=...)",
    "gender": "a network's gender features, such as FairFace's (--extractor gender=...)",
    "emotion": "a network's emotion features, such as FAN's (--extractor emotion=...)",
    "emotion_classes": "a classifier's probabilities (--extractor emotion_classes=...)",
    "head_pose": "head poses: --extractor head_pose=..., D3DFR's coefficients or a performance",
    "lse_c_of_truth": "the LSE-C of real training clips (--training-lse-c)",
}


@dataclass(frozen=True, kw_only=True)
class VideoMetric(Metric):
    """`needs`: names of `NEEDS`, all of them; what lacks one is skipped by name."""

    needs: tuple[str, ...] = ()


_R, _SHARE, _LEVELS, _COSINE = "-1 ... 1", "share, 0 ... 1", "levels of 255", "cosine, -1 ... 1"
_PAIR, _BOTH = ("reference",), ("landmarks", "reference", "reference_landmarks")
_EYES = "share of the distance between the eyes"
_REGIONS = {
    "mouth": "round the mouth",
    "face": "of the face",
    "background": "outside the face, hair and shoulders included",
}

VIDEO_METRICS: Mapping[str, VideoMetric] = {
    "psnr": VideoMetric(
        meaning="peak signal to noise ratio of frames, mean over frames",
        unit="dB",
        better="higher",
        needs=_PAIR,
    ),
    "ssim": VideoMetric(
        meaning="structural similarity, Gaussian window 11 x 11, mean over RGB and frames",
        unit=_R,
        better="higher",
        needs=_PAIR,
    ),
    "fid": VideoMetric(
        meaning="Frechet distance of features of all frames to those of the reference",
        unit="squared distance of features",
        better="lower",
        needs=("fid", *_PAIR),
    ),
    "cpbd": VideoMetric(
        meaning="share of edges at which no blur is noticed, mean over frames",
        unit=_SHARE,
        better="higher",
    ),
    "lmd": VideoMetric(
        meaning="mean distance of 68 landmarks to the reference's",
        unit="pixels",
        better="lower",
        needs=_BOTH,
    ),
    "lmd_mouth": VideoMetric(
        meaning="the same of the mouth, landmarks 48 to 67: the paper's LMD",
        unit="pixels",
        better="lower",
        needs=_BOTH,
    ),
    "lmd_between_eyes": VideoMetric(
        meaning="lmd over the reference's distance between the eyes",
        unit=_EYES,
        better="lower",
        needs=_BOTH,
    ),
    "lmd_mouth_between_eyes": VideoMetric(
        meaning="lmd_mouth over the same", unit=_EYES, better="lower", needs=_BOTH
    ),
    **{
        f"reader_error{part}{share}": VideoMetric(
            meaning=f"what the reader of landmarks gets wrong{where}: landmarks read off the "
            "reference against its own mesh. An lmd below it means nothing",
            unit=unit,
            better="lower",
            needs=("reference", "reference_landmarks", "reference_mesh_landmarks"),
        )
        for part, where in (("", ""), ("_mouth", " of the mouth"))
        for share, unit in (("", "pixels"), ("_between_eyes", _EYES))
    },
    "lmd_to_mesh": VideoMetric(
        meaning="mean distance of the landmarks seen to those of the film's own mesh: does the "
        "picture show what was asked for",
        unit="pixels",
        better="lower",
        needs=("landmarks", "mesh_landmarks"),
    ),
    "lmd_mouth_to_mesh": VideoMetric(
        meaning="the same of the mouth",
        unit="pixels",
        better="lower",
        needs=("landmarks", "mesh_landmarks"),
    ),
    "lse_c": VideoMetric(
        meaning="SyncNet's confidence, the paper's Sync: median minus least distance over shifts",
        unit="distance in SyncNet's space",
        better="higher",
        needs=("syncnet", "sound"),
    ),
    "lse_d": VideoMetric(
        meaning="SyncNet's least distance over shifts",
        unit="distance in SyncNet's space",
        better="lower",
        needs=("syncnet", "sound"),
    ),
    "sync_offset": VideoMetric(
        meaning="shift of that least distance; negative where the sound comes late",
        unit="frames of 25 a second",
        better="near 0",
        needs=("syncnet", "sound"),
    ),
    "nlse_c": VideoMetric(
        meaning="(LSE-C - LSE-C of the training data) / that of the training data; the tables of "
        "PD-FGC print its magnitude",
        unit="ratio",
        better="near 0",
        needs=("syncnet", "sound", "lse_c_of_truth"),
    ),
    "eacc_accuracy": VideoMetric(
        meaning="frames whose likeliest emotion is the one spoken, or else the reference frame's",
        unit=_SHARE,
        better="higher",
        needs=("emotion_classes",),
    ),
    "eacc_distance": VideoMetric(
        meaning="L2 of the emotion's probabilities to the reference frame's; the paper prints EACC "
        "with a downward arrow and defines it nowhere",
        unit="0 ... 1.414",
        better="lower",
        needs=("emotion_classes", *_PAIR),
    ),
    "csim": VideoMetric(
        meaning="cosine of identity features to the source picture's, mean over frames",
        unit=_COSINE,
        better="higher",
        needs=("identity", "reference"),
    ),
    "shape_cosine": VideoMetric(
        meaning="Shape of Table 1: cosine of D3DFR's shape to the reference frame's",
        unit=_COSINE,
        better="higher",
        needs=("coefficients", *_PAIR),
    ),
    "age_cosine": VideoMetric(
        meaning="Age of Table 1: cosine of features, never a label",
        unit=_COSINE,
        better="higher",
        needs=("age", *_PAIR),
    ),
    "gender_cosine": VideoMetric(
        meaning="Gender of Table 1: cosine of features, never a label",
        unit=_COSINE,
        better="higher",
        needs=("gender", *_PAIR),
    ),
    "emotion_cosine": VideoMetric(
        meaning="Emotion of Table 1: cosine of features",
        unit=_COSINE,
        better="higher",
        needs=("emotion", *_PAIR),
    ),
    "expression_mse": VideoMetric(
        meaning="PD-FGC's Exp error: mean square of D3DFR's expression against the reference's",
        unit="squared standard deviations",
        better="lower",
        needs=("coefficients", *_PAIR),
    ),
    "pose_mse": VideoMetric(
        meaning="PD-FGC's Pose error: the same of rotation and translation",
        unit="radians squared and dm squared, mean of all six",
        better="lower",
        needs=("coefficients", *_PAIR),
    ),
    "head_diversity": VideoMetric(
        meaning="standard deviation over frames of head-pose features, mean over their dimensions; "
        "more motion, not better motion",
        unit="unit of the features; degrees of angles",
        better="higher",
        needs=("head_pose",),
    ),
    "beat_align": VideoMetric(
        meaning="onsets of the voice with a pause of the head near by, sigma 3 frames; SadTalker "
        "never released its variant",
        unit=_SHARE,
        better="higher",
        needs=("head_pose", "sound"),
    ),
    "identity_drift": VideoMetric(
        meaning="1 - cosine to the first frame: the last second's mean minus the first's",
        unit="cosine",
        better="lower",
        needs=("identity", "seconds"),
    ),
    "colour_drift": VideoMetric(
        meaning="distance of the mean colour to the first frame's, last second minus first",
        unit=_LEVELS,
        better="lower",
        needs=("seconds",),
    ),
    "sharpness_drift": VideoMetric(
        meaning="Laplacian variance over the first frame's, last second minus first",
        unit="ratio",
        better="near 0",
        needs=("seconds",),
    ),
    "warp_error": VideoMetric(
        meaning="root mean square to the frame before, moved as the mesh moved, where seen in both",
        unit=_LEVELS,
        better="lower",
        needs=("performance",),
    ),
    **{
        name: metric
        for region, where in _REGIONS.items()
        for name, metric in (
            (
                f"flicker_{region}",
                VideoMetric(
                    meaning=f"second difference in time, {where}; read it beside the next line",
                    unit=_LEVELS,
                    better="lower",
                    needs=("landmarks",),
                ),
            ),
            (
                f"sharpness_{region}",
                VideoMetric(
                    meaning=f"variance of the Laplacian {where}, mean over frames",
                    unit="squared levels of 255",
                    better="higher",
                    needs=("landmarks",),
                ),
            ),
        )
    },
}
