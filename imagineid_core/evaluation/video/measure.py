"""Every metric of one clip: what can be measured is, what cannot is named with its reason.

Knows which metric needs what, and nothing about files of results.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.against_mesh import distances_to_mesh, reader_errors
from imagineid_core.evaluation.video.clip import Clip
from imagineid_core.evaluation.video.drift import (
    colour_curve,
    drift,
    identity_curve,
    sharpness_curve,
)
from imagineid_core.evaluation.video.extractors import Extractors
from imagineid_core.evaluation.video.face_parameters import parameter_errors
from imagineid_core.evaluation.video.feature_likeness import (
    cosine_to,
    cosines,
    emotion_accuracy,
    emotion_distance,
    mean_of_found,
)
from imagineid_core.evaluation.video.fidelity import psnr, ssim
from imagineid_core.evaluation.video.frechet import frechet_distance
from imagineid_core.evaluation.video.head_motion import (
    beat_align,
    head_diversity,
    motion_beats,
    voice_beats,
    without_gaps,
)
from imagineid_core.evaluation.video.landmark_distance import (
    ALL,
    has_face,
    landmark_distance,
    landmark_offsets,
    mouth_opening,
)
from imagineid_core.evaluation.video.lip_sync import (
    FPS,
    LipSync,
    boxes_of,
    crop_faces,
    embed,
    lip_sync,
    normalised_confidence,
    shifted_distances,
    steady,
    whole_faces,
)
from imagineid_core.evaluation.video.observe import MESH_LANDMARKS, Observed
from imagineid_core.evaluation.video.registry import NEEDS, VIDEO_METRICS
from imagineid_core.evaluation.video.sharpness import BLOCK
from imagineid_core.face.landmarks import MOUTH

_SHAPE, _EXPRESSION = slice(0, 80), slice(80, 144)  # of D3DFR's 257 coefficients
_POSE = (224, 225, 226, 254, 255, 256)
SYNC_CROPS = ("face", "frame")


@dataclass(frozen=True, kw_only=True)
class Value:
    """`num_frames`: of how many frames it is the mean; None where it is not a mean over frames.
    `curve`: those frames one by one, or for SyncNet each offset's confidence."""

    value: float
    num_frames: int | None = None
    curve: Float[np.ndarray, "_"] | None = None


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A clip, what was read off it, and the same of its reference, frame by frame alike."""

    clip: Clip
    seen: Observed
    reference: Clip | None = None
    truth: Observed | None = None
    source_identity: Float[np.ndarray, " dim"] | None = None
    has_mesh: bool = False
    emotion_class: int | None = None
    training_lse_c: float | None = None
    driven_by_first_frame: bool = False
    sync_crop: str | None = None  # one of `SYNC_CROPS`; None: the face if it is found, else frames

    @property
    def crops_faces(self) -> bool:
        if self.sync_crop is None:
            return bool(self.seen.faces_found)
        return self.sync_crop == "face"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`skipped`: of each metric that has no value, why. `curves`: each frame of metrics that are
    means over frames, what drift is read off, and the mouth's opening."""

    values: Mapping[str, Value] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, list[float | None]] = field(default_factory=dict)


def measure(
    compared: Compared, extractors: Extractors, *, only: Sequence[str] | None = None
) -> Measured:
    """All metrics whose needs are met, or of those the ones named in `only`."""
    names = list(VIDEO_METRICS) if only is None else [n for n in VIDEO_METRICS if n in only]
    lacking = _lacking(compared, extractors)
    skipped: dict[str, str] = {}
    for name in names:
        reasons = [lacking[need] for need in VIDEO_METRICS[name].needs if need in lacking]
        if reasons:
            skipped[name] = "; ".join(dict.fromkeys(reasons))
    if "eacc_accuracy" in names and compared.emotion_class is None and compared.truth is None:
        skipped["eacc_accuracy"] = "needs the emotion spoken (--emotion) or a reference"
    if "cpbd" in names and "cpbd" not in compared.seen.curves:
        size = f"{compared.clip.width} x {compared.clip.height}"
        skipped["cpbd"] = f"frames of {size} hold no block of {BLOCK} x {BLOCK}"
    wanted = {name for name in names if name not in skipped}
    values: dict[str, Value] = {}
    for family, find in _FAMILIES.items():
        asked = wanted & set(family)
        if not asked:
            continue
        try:
            found = find(compared, extractors)
        except InputError as error:
            skipped.update(dict.fromkeys(asked, str(error)))
        else:
            values.update({name: found[name] for name in asked})
    for name, value in list(values.items()):
        if not np.isfinite(value.value):
            del values[name]
            skipped[name] = _NOTHING
    return Measured(
        values={name: values[name] for name in names if name in values},
        skipped={name: skipped[name] for name in names if name in skipped},
        curves={name: _listed(curve) for name, curve in _curves(compared, values)},
    )


_NOTHING = "no frame has what it is measured on, such as a face in this and in the true frame"


def _lacking(compared: Compared, extractors: Extractors) -> dict[str, str]:
    """Of each need that is not met, why."""
    seen, truth, clip = compared.seen, compared.truth, compared.clip
    slots = ("landmarks", "fid", "coefficients", "identity", "age", "gender", "emotion")
    there = {slot: slot in seen.rows for slot in (*slots, "emotion_classes", "head_pose")}
    there |= {
        "reference": truth is not None,
        "reference_landmarks": truth is not None and "landmarks" in truth.rows,
        "mesh_landmarks": MESH_LANDMARKS in seen.rows,
        "reference_mesh_landmarks": truth is not None and MESH_LANDMARKS in truth.rows,
        "sound": clip.has_sound,
        "seconds": seen.num_frames >= 2 * round(seen.fps),
        "performance": compared.has_mesh,
        "syncnet": extractors.syncnet is not None,
        "lse_c_of_truth": compared.training_lse_c is not None,
    }
    return {
        need: extractors.missing.get(need, f"needs {told}")
        for need, told in NEEDS.items()
        if not there[need]
    }


Found = dict[str, Value]


def _pixels(compared: Compared, _: Extractors) -> Found:
    assert compared.reference is not None
    curves: dict[str, list[Tensor]] = {"psnr": [], "ssim": []}
    blocks = (each.blocks() for each in (compared.clip, compared.reference))
    for (_first, frames), (_same, true) in zip(*blocks, strict=True):
        curves["psnr"].append(psnr(frames, true))
        curves["ssim"].append(ssim(frames, true))
    return {name: _mean(torch.cat(parts).numpy()) for name, parts in curves.items()}


def _frechet(compared: Compared, _: Extractors) -> Found:
    assert compared.truth is not None
    return {
        "fid": Value(value=frechet_distance(compared.seen.rows["fid"], compared.truth.rows["fid"]))
    }


def _sharp(compared: Compared, _: Extractors) -> Found:
    return {"cpbd": _mean(compared.seen.curves["cpbd"])}


def _landmarks(compared: Compared, _: Extractors) -> Found:
    assert compared.truth is not None
    found: Found = {}
    landmarks, truth = compared.seen.rows["landmarks"], compared.truth.rows["landmarks"]
    for name, part in (("lmd", ALL), ("lmd_mouth", MOUTH)):
        one = landmark_distance(landmarks, truth, part)
        found[name] = Value(
            value=one.pixels,
            num_frames=one.num_frames,
            curve=landmark_offsets(landmarks, truth, part),
        )
        found[f"{name}_between_eyes"] = Value(value=one.between_eyes, num_frames=one.num_frames)
    return found


def _reader(compared: Compared, _: Extractors) -> Found:
    assert compared.truth is not None
    errors = reader_errors(compared.truth)
    return {name: Value(value=v, num_frames=count) for name, (v, count) in errors.items()}


def _to_mesh(compared: Compared, _: Extractors) -> Found:
    found = distances_to_mesh(compared.seen)
    return {name: Value(value=v, num_frames=count) for name, (v, count) in found.items()}


def _sync(compared: Compared, extractors: Extractors) -> Found:
    found = sync_of(compared, extractors)
    values = {"lse_c": found.lse_c, "lse_d": found.lse_d, "sync_offset": float(found.offset)}
    if compared.training_lse_c is not None:
        values["nlse_c"] = normalised_confidence(found.lse_c, compared.training_lse_c)
    curves = {"lse_c": np.array(found.confidences)}
    return {name: Value(value=value, curve=curves.get(name)) for name, value in values.items()}


def sync_of(compared: Compared, extractors: Extractors) -> LipSync:
    """SyncNet on the face's track, or on whole frames of clips that are face crops already."""
    clip = compared.clip
    if abs(clip.fps - FPS) > 1e-3:
        raise InputError(
            f"SyncNet reads {FPS} frames a second but {clip.path.name} has {float(clip.fps):g}. "
            f"Add --fps {FPS}."
        )
    assert extractors.syncnet is not None
    faces, track = [], None
    if compared.crops_faces:
        landmarks = compared.seen.rows.get("landmarks")
        if landmarks is None:
            raise InputError(
                "the face cannot be cut out without landmarks. Give them, or --sync-crop frame if "
                "the frames are face crops already."
            )
        track = steady(boxes_of(landmarks))
    for first, block in clip.blocks():
        pixels = ((block + 1) * 127.5).round().clamp(0, 255).byte()
        if track is None:
            faces.append(whole_faces(pixels))
        else:
            faces.append(crop_faces(pixels, track[first : first + len(block)]))
    samples = (clip.speech().waveform.numpy() * 32768).round().clip(-32768, 32767)
    lips, voice = embed(extractors.syncnet, torch.cat(faces), samples.astype(np.int16))
    return lip_sync(shifted_distances(lips, voice))


def _emotion_accuracy(compared: Compared, _: Extractors) -> Found:
    classes = compared.seen.rows["emotion_classes"]
    if compared.emotion_class is not None:
        return {"eacc_accuracy": _mean(emotion_accuracy(classes, compared.emotion_class))}
    assert compared.truth is not None
    true = compared.truth.rows["emotion_classes"]
    return {"eacc_accuracy": _mean(emotion_accuracy(classes, true))}


def _emotion_distance(compared: Compared, _: Extractors) -> Found:
    assert compared.truth is not None
    one, other = (each.rows["emotion_classes"] for each in (compared.seen, compared.truth))
    return {"eacc_distance": _mean(emotion_distance(one, other))}


def _csim(compared: Compared, _: Extractors) -> Found:
    assert compared.truth is not None
    source = compared.source_identity
    if source is None:
        true = compared.truth.rows["identity"]
        found = np.flatnonzero(np.isfinite(true).all(axis=1))
        source = true[found[0]] if len(found) else np.full(true.shape[1], np.nan)
    return {"csim": _mean(cosine_to(compared.seen.rows["identity"], source))}


def _cosine(name: str, slot: str, part: slice = slice(None)) -> "Family":
    def find(compared: Compared, _: Extractors) -> Found:
        assert compared.truth is not None
        one, other = (each.rows[slot][:, part] for each in (compared.seen, compared.truth))
        return {name: _mean(cosines(one, other))}

    return find


def _parameters(compared: Compared, _: Extractors) -> Found:
    assert compared.truth is not None
    one, other = (each.rows["coefficients"] for each in (compared.seen, compared.truth))
    if compared.driven_by_first_frame:
        other = np.broadcast_to(other[:1], one.shape)
    return {
        "expression_mse": _mean(parameter_errors(one[:, _EXPRESSION], other[:, _EXPRESSION])),
        "pose_mse": _mean(parameter_errors(one[:, _POSE], other[:, _POSE])),
    }


def _diversity(compared: Compared, _: Extractors) -> Found:
    poses = compared.seen.rows["head_pose"]
    count = int(np.isfinite(poses).all(axis=1).sum())
    return {"head_diversity": Value(value=head_diversity(poses), num_frames=count)}


def _beats(compared: Compared, _: Extractors) -> Found:
    poses = without_gaps(compared.seen.rows["head_pose"])
    if len(poses) < 4 or not np.isfinite(poses).all():
        return {"beat_align": Value(value=np.nan)}
    moves, voice = motion_beats(poses, compared.seen.fps), voice_beats(compared.clip.speech())
    return {"beat_align": Value(value=beat_align(moves, voice))}


def _identity_drift(compared: Compared, _: Extractors) -> Found:
    curve = identity_curve(compared.seen.rows["identity"])
    return {"identity_drift": Value(value=drift(curve, compared.seen.fps))}


def _picture_drift(compared: Compared, _: Extractors) -> Found:
    seen = compared.seen
    assert seen.colours is not None
    return {
        "colour_drift": Value(value=drift(colour_curve(seen.colours), seen.fps)),
        "sharpness_drift": Value(value=drift(sharpness_curve(seen.curves["sharpness"]), seen.fps)),
    }


def _of_curves(compared: Compared, _: Extractors) -> Found:
    return {
        name: _mean(compared.seen.curves[name]) if name in compared.seen.curves else _NO_VALUE
        for name in _CURVES
    }


Family = Callable[[Compared, Extractors], Found]
_NO_VALUE = Value(value=np.nan)
_CURVES = (
    "warp_error",
    *(f"{what}_{where}" for what in ("flicker", "sharpness") for where in ("mouth", "face")),
    "flicker_background",
    "sharpness_background",
)
_FAMILIES: Mapping[tuple[str, ...], Family] = {
    ("psnr", "ssim"): _pixels,
    ("fid",): _frechet,
    ("cpbd",): _sharp,
    ("lmd", "lmd_mouth", "lmd_between_eyes", "lmd_mouth_between_eyes"): _landmarks,
    tuple(name for name in VIDEO_METRICS if name.startswith("reader_error")): _reader,
    ("lmd_to_mesh", "lmd_mouth_to_mesh"): _to_mesh,
    ("lse_c", "lse_d", "sync_offset", "nlse_c"): _sync,
    ("eacc_accuracy",): _emotion_accuracy,
    ("eacc_distance",): _emotion_distance,
    ("csim",): _csim,
    ("shape_cosine",): _cosine("shape_cosine", "coefficients", _SHAPE),
    **{(f"{slot}_cosine",): _cosine(f"{slot}_cosine", slot) for slot in ("age", "gender")},
    ("emotion_cosine",): _cosine("emotion_cosine", "emotion"),
    ("expression_mse", "pose_mse"): _parameters,
    ("head_diversity",): _diversity,
    ("beat_align",): _beats,
    ("identity_drift",): _identity_drift,
    ("colour_drift", "sharpness_drift"): _picture_drift,
    _CURVES: _of_curves,
}


def _mean(values: Float[np.ndarray, " frames"]) -> Value:
    curve = np.asarray(values, np.float64)
    mean, count = mean_of_found(curve)
    return Value(value=mean, num_frames=count, curve=curve)


def _curves(
    compared: Compared, values: Mapping[str, Value]
) -> Iterator[tuple[str, Float[np.ndarray, "_"]]]:
    """Over time, for plots: of metrics by their names, then what they do not hold."""
    for name, value in values.items():
        if value.curve is not None:
            yield name, value.curve
    seen, truth = compared.seen, compared.truth
    if "identity" in seen.rows:
        yield "identity", identity_curve(seen.rows["identity"])
    if seen.colours is not None:
        yield "colour", colour_curve(seen.colours)
        yield "sharpness", sharpness_curve(seen.curves["sharpness"])
    if "landmarks" in seen.rows:
        yield "has_face", has_face(seen.rows["landmarks"]).astype(np.float64)
        yield "mouth_opening", mouth_opening(seen.rows["landmarks"])
    if truth is not None and "landmarks" in truth.rows:
        yield "true_mouth_opening", mouth_opening(truth.rows["landmarks"])


def _listed(curve: Float[np.ndarray, "_"]) -> list[float | None]:
    """A number a frame, None where there is none."""
    return [round(float(one), 6) if np.isfinite(one) else None for one in curve]
