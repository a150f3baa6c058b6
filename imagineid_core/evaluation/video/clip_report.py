"""One clip from its files to its report: open, match, observe, measure, and say it all in JSON.

Knows the names of a report, and nothing about how a metric is computed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.clip import (
    Clip,
    at_rate,
    beginning,
    digest_of,
    matched,
    open_clip,
)
from imagineid_core.evaluation.video.extractors import Extractors, extract
from imagineid_core.evaluation.video.face_places import FilmMesh, film_mesh, load_landmarks
from imagineid_core.evaluation.video.measure import Compared, Measured, measure
from imagineid_core.evaluation.video.observe import Observed, observe
from imagineid_core.evaluation.video.registry import VIDEO_METRICS
from imagineid_core.face.load import OPEN, load_face
from imagineid_core.performance import load_performance
from imagineid_core.video.picture import load_picture

FORMAT, VERSION = "imagineid-video-evaluation", 2
Progress = Callable[[str, int, int], None]
_LISTED_FRAMES = 20
_KEPT_ROWS = ("fid", "identity", "head_pose", "coefficients")  # what a set needs of its clips


@dataclass(frozen=True, kw_only=True)
class ClipFiles:
    """Paths as words, so that a manifest and other processes can hold them."""

    video: str
    reference: str | None = None
    landmarks: str | None = None
    reference_landmarks: str | None = None
    performance: str | None = None
    reference_performance: str | None = None
    source: str | None = None  # the picture that CSIM compares with; else the reference's first
    emotion: int | None = None  # the class the clip was spoken in


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How clips are read and compared; nothing is changed that is not asked for here."""

    trim: bool = False
    resize: bool = False
    fps: str | None = None
    seconds: float | None = None  # only the beginning
    sync_crop: str | None = None
    training_lse_c: float | None = None
    face: str = OPEN  # of performances
    is_aligned: bool = True  # frame i of the reference is the truth of frame i
    driven_by_first_frame: bool = False  # of the reference, which gave the expression


@dataclass(frozen=True, kw_only=True)
class ClipReport:
    """`rows` and `true_rows`: features that a set's metrics need of every frame."""

    content: Mapping[str, Any]
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    true_rows: Mapping[str, np.ndarray] = field(default_factory=dict)


def report_clip(
    files: ClipFiles,
    extractors: Extractors,
    comparison: Comparison | None = None,
    *,
    only: Sequence[str] | None = None,
    on_progress: Progress | None = None,
) -> ClipReport:
    """Open, compare and measure; a file that cannot be used is an error that names it."""
    asked = comparison or Comparison()
    pair = open_pair(files.video, files.reference, asked)
    clip, reference, whole = pair.clip, pair.reference, pair.num_frames
    seen, has_mesh = _observed(
        clip, extractors, files.landmarks, files.performance, asked, "video", on_progress
    )
    truth = None
    if reference is not None:
        truth, _ = _observed(
            reference,
            extractors,
            files.reference_landmarks,
            files.reference_performance,
            asked,
            "reference",
            on_progress,
        )
    compared = Compared(
        clip=clip,
        seen=seen,
        reference=reference,
        truth=truth,
        source_identity=_source(files, extractors),
        has_mesh=has_mesh,
        emotion_class=files.emotion,
        training_lse_c=asked.training_lse_c,
        sync_crop=asked.sync_crop,
        driven_by_first_frame=asked.driven_by_first_frame,
    )
    measured = measure(compared, extractors, only=only)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "video": _about(clip, seen, whole[0]),
        "reference": None if reference is None else _about(reference, truth, whole[1]),
        "comparison": asdict(asked),
        "sync_crop": "face" if compared.crops_faces else "frame",
        "metrics": _told(measured),
        "skipped": dict(measured.skipped),
        "curves": dict(measured.curves),
    }
    return ClipReport(content=content, rows=_kept(seen), true_rows=_kept(truth))


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two clips as they are compared; `num_frames`: of both before ends were left out."""

    clip: Clip
    reference: Clip | None
    num_frames: tuple[int, int | None]


def open_pair(video: str, reference: str | None, asked: Comparison) -> Pair:
    clip, true = _opened(video, asked), None if reference is None else _opened(reference, asked)
    num_frames = clip.num_frames, None if true is None else true.num_frames
    if true is not None and asked.is_aligned:
        clip, true = matched(clip, true, trim=asked.trim, resize=asked.resize)
    return Pair(clip=clip, reference=true, num_frames=num_frames)


def as_json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def as_table(content: Mapping[str, Any]) -> str:
    """Lines for a screen: a metric each, then what was skipped and why, then faces not found."""
    lines = []
    for name, one in content["metrics"].items():
        arrow = {"higher": "↑", "lower": "↓"}.get(
            one["better"], one["better"].removeprefix("near ")
        )
        frames = "" if one["frames"] is None else f"  {one['frames']} frames"
        lines.append(f"{name:24} {one['value']:12.4f} {arrow:2} {one['unit']}{frames}")
    lines += [f"{name:24} {'skipped':>12}    {why}" for name, why in content["skipped"].items()]
    for what in ("video", "reference"):
        about = content[what]
        if about and about["faces_found"] is not None:
            lines.append(f"{what}: a face in {about['faces_found']} of {about['frames']} frames")
    return "\n".join(lines)


def _opened(path: str, asked: Comparison) -> Clip:
    clip = open_clip(path)
    if asked.fps is not None:
        clip = at_rate(clip, Fraction(asked.fps))
    return clip if asked.seconds is None else beginning(clip, asked.seconds)


def _observed(
    clip: Clip,
    extractors: Extractors,
    landmarks: str | None,
    performance: str | None,
    asked: Comparison,
    stage: str,
    on_progress: Progress | None,
) -> tuple[Observed, bool]:
    mesh: FilmMesh | None = None
    if performance is not None:
        mesh = film_mesh(load_performance(performance), load_face(asked.face), clip)
    told = None if on_progress is None else lambda done, total: on_progress(stage, done, total)
    seen = observe(
        clip,
        extractors,
        landmarks=None if landmarks is None else load_landmarks(landmarks, clip.num_frames),
        mesh=mesh,
        with_pictures=stage == "video",
        on_progress=told,
    )
    return seen, mesh is not None


def _source(files: ClipFiles, extractors: Extractors) -> np.ndarray | None:
    if files.source is None or "identity" not in extractors.by_slot:
        return None
    rows = extract(extractors.by_slot["identity"], load_picture(files.source)[None], "identity")
    if not np.isfinite(rows).all():
        raise InputError(
            f"no face was found in {files.source}, which CSIM compares with. Give another picture."
        )
    return rows[0]


def _about(clip: Clip, seen: Observed | None, whole: int | None) -> dict[str, Any]:
    assert seen is not None
    landmarks = seen.rows.get("landmarks")
    lost = [] if landmarks is None else np.flatnonzero(~np.isfinite(landmarks).all(axis=(1, 2)))
    return {
        "file": clip.path.name,
        "sha256": digest_of(clip.path),
        "frames": clip.num_frames,
        "frames_of_file": whole,
        "fps": float(clip.fps),
        "width": clip.width,
        "height": clip.height,
        "faces_found": seen.faces_found,
        "first_frames_without_face": [int(number) for number in lost[:_LISTED_FRAMES]],
        "found_by": {
            slot: int(np.isfinite(rows).all(axis=tuple(range(1, rows.ndim))).sum())
            for slot, rows in seen.rows.items()
        },
        "read_by": dict(seen.origins),
    }


def _told(measured: Measured) -> dict[str, Any]:
    return {
        name: {
            "value": value.value,
            "unit": VIDEO_METRICS[name].unit,
            "better": VIDEO_METRICS[name].better,
            "frames": value.num_frames,
        }
        for name, value in measured.values.items()
    }


def _kept(seen: Observed | None) -> dict[str, np.ndarray]:
    rows = {} if seen is None else seen.rows
    return {slot: rows[slot].astype(np.float32) for slot in _KEPT_ROWS if slot in rows}


def paths_of(files: ClipFiles) -> list[Path]:
    """Every file or folder it names."""
    return [Path(value) for value in asdict(files).values() if isinstance(value, str)]
