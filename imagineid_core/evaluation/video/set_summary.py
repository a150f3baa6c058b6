"""Clips of a set to the set's numbers: means over clips, and metrics that need all of them at once.

FID is taken over all frames of all clips, as the papers do. Knows nothing about files.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.clip_manifest import ListedClip
from imagineid_core.evaluation.video.diversity import diversity_and_coherence
from imagineid_core.evaluation.video.face_parameters import factor_table
from imagineid_core.evaluation.video.frechet import frechet_distance
from imagineid_core.evaluation.video.registry import VIDEO_METRICS

_OF_THE_SET = "fid"
_EXPRESSION = slice(80, 144)  # of D3DFR's 257 coefficients


@dataclass(frozen=True, kw_only=True)
class MeasuredClip:
    listed: ListedClip
    content: Mapping[str, Any]
    rows: Mapping[str, np.ndarray]  # features of each frame: made_SLOT and true_SLOT


def summarise(clips: Sequence[MeasuredClip], names: Sequence[str]) -> dict[str, Any]:
    """`metrics`, `skipped` (reasons and in how many clips), who read what, and faces found."""
    return {
        "metrics": dict(_means(clips, names)),
        "skipped": {name: dict(reasons) for name in names if (reasons := _reasons(clips, name))},
        "faces": _faces(clips),
        "read_by": _read_by(clips),
        "sync_crops": dict(Counter(one.content["sync_crop"] for one in clips)),
        "diversity": _diversity(clips),
        "factors": _factors(clips),
    }


def _means(clips: Sequence[MeasuredClip], names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        found = [
            one.content["metrics"][name]["value"] for one in clips if name in one.content["metrics"]
        ]
        if not found:
            continue
        values = np.array(found, np.float64)
        value, spread = float(values.mean()), float(values.std())
        if name == _OF_THE_SET:
            rows = _gathered(clips, "made_fid"), _gathered(clips, "true_fid")
            value, spread = frechet_distance(*rows), None
        yield (
            name,
            {
                "value": value,
                "spread_over_clips": spread,
                "clips": len(found),
                "unit": VIDEO_METRICS[name].unit,
                "better": VIDEO_METRICS[name].better,
            },
        )


def _gathered(clips: Sequence[MeasuredClip], slot: str) -> np.ndarray:
    return np.concatenate([one.rows[slot] for one in clips if "fid" in one.content["metrics"]])


def _reasons(clips: Sequence[MeasuredClip], name: str) -> Counter[str]:
    skipped = (one.content["skipped"] for one in clips)
    return Counter(reasons[name] for reasons in skipped if name in reasons)


def _faces(clips: Sequence[MeasuredClip]) -> dict[str, Any]:
    """Over clips in which faces were looked for."""
    looked = [one.content["video"] for one in clips]
    looked = [about for about in looked if about["faces_found"] is not None]
    return {
        "frames": sum(about["frames"] for about in looked),
        "found": sum(about["faces_found"] for about in looked),
        "clips_with_frames_lost": [
            one.listed.name
            for one in clips
            if one.content["video"]["faces_found"] not in (None, one.content["video"]["frames"])
        ],
    }


def _read_by(clips: Sequence[MeasuredClip]) -> dict[str, list[str]]:
    """Each slot's extractors, in most sets one."""
    found: dict[str, set[str]] = {}
    for one in clips:
        for slot, name in one.content["video"]["read_by"].items():
            found.setdefault(slot, set()).add(name)
    return {slot: sorted(names) for slot, names in found.items()}


def _diversity(clips: Sequence[MeasuredClip]) -> dict[str, Any] | None:
    """Means over groups of clips of one voice, by identity's features, else FID's."""
    slot = next(
        (s for s in ("made_identity", "made_fid") if clips and all(s in one.rows for one in clips)),
        None,
    )
    groups: dict[str, list[np.ndarray]] = {}
    for one in clips:
        if one.listed.group is not None and slot is not None:
            groups.setdefault(one.listed.group, []).append(one.rows[slot].astype(np.float64))
    found = []
    for group in groups.values():
        try:
            found.append(asdict(diversity_and_coherence(group)))
        except InputError:  # a single seed, or a clip without faces, which `faces` tells
            continue
    if not found:
        return None
    means = {key: float(np.mean([one[key] for one in found])) for key in ("between", "within")}
    return {
        "features": str(slot).removeprefix("made_"),
        **means,
        "ratio": means["between"] / means["within"] if means["within"] > 0 else None,
        "groups": len(found),
    }


def _factors(clips: Sequence[MeasuredClip]) -> dict[str, Any] | None:
    """PD-FGC's table, of clips that are driven by one factor each."""
    driven: dict[str, list[dict[str, np.ndarray]]] = {}
    for one in clips:
        features = {}
        if "made_head_pose" in one.rows:
            features["pose"] = one.rows["made_head_pose"].astype(np.float64)
        if "made_coefficients" in one.rows:
            features["expression"] = one.rows["made_coefficients"][:, _EXPRESSION].astype(float)
        if one.listed.driven is not None and features:
            driven.setdefault(one.listed.driven, []).append(features)
    if not driven:
        return None
    table = asdict(factor_table(driven))
    table["variance"] = [
        [value if np.isfinite(value) else None for value in row] for row in table["variance"]
    ]
    return table
