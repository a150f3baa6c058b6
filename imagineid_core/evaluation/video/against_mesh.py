"""Landmarks that were read off pictures against the mesh of the same pictures.

Of true films the mesh is the truth, so this is the reader's own error; of made ones it tells
whether they show what they were asked for. Knows nothing about readers.
"""

from imagineid_core.evaluation.video.landmark_distance import (
    ALL,
    LandmarkDistance,
    landmark_distance,
)
from imagineid_core.evaluation.video.observe import MESH_LANDMARKS, Observed
from imagineid_core.face.landmarks import MOUTH

_PARTS = {"": ALL, "_mouth": MOUTH}


def reader_errors(truth: Observed) -> dict[str, tuple[float, int]]:
    """`reader_error`, of the mouth, both over the distance between the eyes; of how many frames."""
    found: dict[str, tuple[float, int]] = {}
    for part, one in _distances(truth).items():
        found[f"reader_error{part}"] = one.pixels, one.num_frames
        found[f"reader_error{part}_between_eyes"] = one.between_eyes, one.num_frames
    return found


def distances_to_mesh(seen: Observed) -> dict[str, tuple[float, int]]:
    """`lmd_to_mesh` and `lmd_mouth_to_mesh`, in pixels, and of how many frames."""
    return {
        f"lmd{part}_to_mesh": (one.pixels, one.num_frames) for part, one in _distances(seen).items()
    }


def _distances(observed: Observed) -> dict[str, LandmarkDistance]:
    rows = observed.rows
    return {
        part: landmark_distance(rows["landmarks"], rows[MESH_LANDMARKS], points)
        for part, points in _PARTS.items()
    }
