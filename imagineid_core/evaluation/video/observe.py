"""One pass over a clip: where its face is, what extractors read off it, sharpness, flicker, warp.

Frames come in blocks, so memory does not grow with length but for a few numbers a frame. Knows
nothing about references or scores.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from imagineid_core.evaluation.video.clip import Clip
from imagineid_core.evaluation.video.extractors import Extractors, coefficients_at, extract
from imagineid_core.evaluation.video.face_places import FilmMesh
from imagineid_core.evaluation.video.flicker import REGIONS, flicker, regions_from_landmarks
from imagineid_core.evaluation.video.landmark_distance import has_face
from imagineid_core.evaluation.video.mesh_warp import warp_error
from imagineid_core.evaluation.video.sharpness import BLOCK, cpbd, laplacian_variance

Progress = Callable[[int, int], None]  # frames done, frames in all
Landmarks = Float[np.ndarray, "frames landmarks=68 2"]
_LUMA = (0.299, 0.587, 0.114)
_BEFORE = 2  # frames that a second difference looks back
ANGLES = slice(224, 227)  # of D3DFR's coefficients
MESH_LANDMARKS = "mesh_landmarks"  # rows that no extractor reads
OF_THE_MESH = "mesh of the performance: what was asked for, not what is seen"


@dataclass(frozen=True, kw_only=True)
class Observed:
    """`rows`: by slot of `SLOTS`, one row a frame, NaN without a face. `origins`: who reads them,
    and SyncNet.

    Where landmarks were read off the pictures and there is a mesh, `MESH_LANDMARKS` are its own.
    `curves`: a number a frame, or one or two fewer (warp, flicker). `colours`: mean RGB.
    """

    num_frames: int
    fps: float
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Float[np.ndarray, "_"]] = field(default_factory=dict)
    colours: Float[np.ndarray, "_ rgb=3"] | None = None

    @property
    def faces_found(self) -> int | None:
        landmarks = self.rows.get("landmarks")
        return None if landmarks is None else int(has_face(landmarks).sum())


def observe(
    clip: Clip,
    extractors: Extractors,
    *,
    landmarks: Landmarks | None = None,
    mesh: FilmMesh | None = None,
    with_pictures: bool = True,
    on_progress: Progress | None = None,
) -> Observed:
    """Landmarks come from `landmarks`, else from an extractor, else from the `mesh`; regions of
    mouth and face from the same.

    `with_pictures`: sharpness, flicker and warp, too, which a reference is not asked for.
    """
    pass_over = _Pass(clip, extractors, landmarks, mesh, with_pictures)
    for first, block in clip.blocks(before=_BEFORE):
        pass_over.look_at(first, block)
        if on_progress is not None:
            on_progress(min(clip.num_frames, first + len(block)), clip.num_frames)
    return pass_over.observed()


class _Pass:
    """What has been read so far, and the regions of the last two frames."""

    def __init__(
        self,
        clip: Clip,
        extractors: Extractors,
        landmarks: Landmarks | None,
        mesh: FilmMesh | None,
        with_pictures: bool,
    ) -> None:
        self._clip, self._extractors = clip, extractors
        self._given, self._mesh, self._with_pictures = landmarks, mesh, with_pictures
        self._rows: dict[str, list[np.ndarray]] = {}
        self._curves: dict[str, list[np.ndarray]] = {}
        self._colours: list[np.ndarray] = []
        self._regions: dict[str, Bool[Tensor, "_ height width"]] = {}
        self._origins = self._named_origins()

    def look_at(self, first: int, block: Float[Tensor, "block 3 height width"]) -> None:
        before = min(_BEFORE, first)
        new, frames = block[before:], slice(first, first + len(block) - before)
        landmarks, regions = self._find_face(new, frames)
        if landmarks is not None:
            self._add_row("landmarks", landmarks)
        for slot, extractor in self._extractors.by_slot.items():
            if slot != "landmarks":
                self._add_row(slot, extract(extractor, new, slot))
        recon = self._extractors.recon
        if recon is not None and landmarks is not None and "coefficients" not in self._plugged:
            self._add_row("coefficients", coefficients_at(recon, new, landmarks))
        if self._with_pictures:
            self._look_at_pictures(block, new, regions)
            if self._mesh is not None and (first or len(block) > 1):
                pairs = slice(first - min(1, before), frames.stop)
                error = warp_error(block[max(0, before - 1) :], *self._mesh.flow(pairs))
                self._add_curve("warp_error", error)

    def observed(self) -> Observed:
        rows = {slot: np.concatenate(parts) for slot, parts in self._rows.items()}
        if "head_pose" not in rows:
            if "coefficients" in rows:
                rows["head_pose"] = np.degrees(rows["coefficients"][:, ANGLES])
                self._origins["head_pose"] = "angles of the coefficients, degrees"
            elif self._mesh is not None:
                rows["head_pose"] = self._mesh.degrees
                self._origins["head_pose"] = "angles of the performance, degrees"
        return Observed(
            num_frames=self._clip.num_frames,
            fps=float(self._clip.fps),
            rows=rows,
            origins={k: v for k, v in self._origins.items() if k in rows or k == "syncnet"},
            curves={name: np.concatenate(parts) for name, parts in self._curves.items()},
            colours=np.concatenate(self._colours) if self._colours else None,
        )

    @property
    def _plugged(self) -> Mapping[str, object]:
        return self._extractors.by_slot

    def _named_origins(self) -> dict[str, str]:
        origins = dict(self._extractors.names)
        if self._given is not None:
            origins["landmarks"] = "file"
        elif "landmarks" not in self._plugged and self._mesh is not None:
            origins["landmarks"] = OF_THE_MESH
        return origins

    def _find_face(
        self, new: Tensor, frames: slice
    ) -> tuple[Landmarks | None, dict[str, Bool[Tensor, "_ height width"]]]:
        height, width = new.shape[-2:]
        meshed = None if self._mesh is None else self._mesh.see(frames)
        landmarks: Landmarks | None = None
        if self._given is not None:
            landmarks = self._given[frames]
        elif "landmarks" in self._plugged:
            landmarks = extract(self._extractors.by_slot["landmarks"], new, "landmarks")
        elif meshed is not None:
            landmarks = meshed[0]
        is_read = self._given is not None or "landmarks" in self._plugged
        if meshed is not None and is_read:
            self._add_row(MESH_LANDMARKS, meshed[0])
        if landmarks is None or not self._with_pictures:
            return landmarks, {}
        regions = regions_from_landmarks(landmarks, height, width)
        return landmarks, regions if meshed is None or is_read else {**regions, **meshed[1]}

    def _look_at_pictures(
        self, block: Tensor, new: Tensor, regions: dict[str, Bool[Tensor, "_ height width"]]
    ) -> None:
        levels = (new.double() + 1) * 127.5
        self._colours.append(levels.mean(dim=(2, 3)).numpy())
        grey = (levels * levels.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1).round().numpy()
        everywhere = np.ones(grey.shape[1:], bool)
        self._add_curve("sharpness", [laplacian_variance(one, everywhere) for one in grey])
        if min(self._clip.height, self._clip.width) >= BLOCK:
            self._add_curve("cpbd", [cpbd(one) for one in grey])
        if not regions:
            return
        for name in REGIONS:
            masks = regions[name].numpy()
            found = [laplacian_variance(g, mask) for g, mask in zip(grey, masks, strict=True)]
            self._add_curve(f"sharpness_{name}", found)
        if self._regions:
            regions = {name: torch.cat([self._regions[name], regions[name]]) for name in REGIONS}
        if len(block) > _BEFORE:
            for name, curve in flicker(block, regions).items():
                self._add_curve(f"flicker_{name}", curve)
        self._regions = {name: masks[-_BEFORE:] for name, masks in regions.items()}

    def _add_row(self, slot: str, rows: np.ndarray) -> None:
        self._rows.setdefault(slot, []).append(rows)

    def _add_curve(self, name: str, values: Tensor | list[float]) -> None:
        self._curves.setdefault(name, []).append(np.asarray(values, np.float64))
