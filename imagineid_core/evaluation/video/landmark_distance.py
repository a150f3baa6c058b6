"""LMD: how far landmarks lie from the truth's, over the whole face or the mouth (Sec. 4.1).

The paper's tables (2.67 for the mouth) name no normalisation; PD-FGC measures all 68 and the mouth
in frames of 224 pixels. So both are given, in pixels of the compared frames and as a share of the
distance between the eyes. Knows nothing about finding landmarks.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from imagineid_core.face.landmarks import LEFT_EYE, RIGHT_EYE

Landmarks = Float[np.ndarray, "frames landmarks=68 2"]  # NaN where no face was found
ALL = slice(0, 68)
_UPPER_LIP, _LOWER_LIP = 62, 66  # the middle of their inner edges
Curve = Float[np.ndarray, " frames"]  # NaN where no face was found


@dataclass(frozen=True, kw_only=True)
class LandmarkDistance:
    """Means over landmarks and over frames with a face in both; lower is better, 0 best."""

    pixels: float
    between_eyes: float  # as a share of the truth's distance between the eyes' centres
    num_frames: int  # that had a face in both


def landmark_distance(
    landmarks: Landmarks, truth: Landmarks, part: slice = ALL
) -> LandmarkDistance:
    """Mean L2 distance of `part` (`ALL`, or `face.landmarks.MOUTH`, points 48 to 67)."""
    off = landmark_offsets(landmarks, truth, part)
    both = np.isfinite(off)
    if not both.any():
        return LandmarkDistance(pixels=np.nan, between_eyes=np.nan, num_frames=0)
    return LandmarkDistance(
        pixels=float(off[both].mean()),
        between_eyes=float((off[both] / eye_distance(truth[both])).mean()),
        num_frames=int(both.sum()),
    )


def landmark_offsets(landmarks: Landmarks, truth: Landmarks, part: slice = ALL) -> Curve:
    """Mean L2 distance of `part` in each frame, pixels; lower is better."""
    off = np.linalg.norm(landmarks[:, part] - truth[:, part], axis=-1).mean(axis=1)
    return np.where(has_face(landmarks) & has_face(truth), off, np.nan)


def mouth_opening(landmarks: Landmarks) -> Curve:
    """Between the inner edges of the lips, as a share of the distance between the eyes; no better
    or worse: it is to be like the truth's."""
    gap = np.linalg.norm(landmarks[:, _UPPER_LIP] - landmarks[:, _LOWER_LIP], axis=-1)
    return gap / eye_distance(landmarks)


def has_face(landmarks: Landmarks) -> Bool[np.ndarray, " frames"]:
    return np.asarray(np.isfinite(landmarks).all(axis=(1, 2)))


def eye_distance(landmarks: Landmarks) -> Float[np.ndarray, " frames"]:
    """Between the means of both eyes' six points."""
    left, right = landmarks[:, LEFT_EYE].mean(axis=1), landmarks[:, RIGHT_EYE].mean(axis=1)
    return np.linalg.norm(left - right, axis=-1)
