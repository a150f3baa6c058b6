"""Where the face is in each frame of a clip: landmarks from a file, a detector, or its own mesh.

A frame without a face has landmarks of NaN. Knows nothing about metrics.
"""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.clip import Clip
from imagineid_core.evaluation.video.mesh_warp import mesh_flow
from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.pose import PORTRAIT_PLACE
from imagineid_core.pipeline.perform import coefficients_from
from imagineid_core.render.camera import d3dfr_camera
from imagineid_core.render.mesh_frame import render_mesh_frame
from imagineid_core.values import FaceBasis, Mesh, Performance

_SAME_RATE = 1e-3  # frames a second
Landmarks = Float[np.ndarray, "frames landmarks=68 2"]


def load_landmarks(path: str | PathLike[str], num_frames: int) -> Landmarks:
    """From .npy, or `landmarks` of an .npz: [frames, 68, 2], column and row, NaN without a face."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"landmarks {path} are not there. Check the path.")
    try:
        found: Any = np.load(path, allow_pickle=False)
        landmarks = np.asarray(found["landmarks"] if path.suffix == ".npz" else found, np.float64)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(
            f"{path.name} cannot be read as landmarks ({error}). Give an .npy file, or an .npz "
            "that holds 'landmarks'."
        ) from error
    if landmarks.shape[1:] != (68, 2) or len(landmarks) < num_frames:
        raise InputError(
            f"{path.name} holds landmarks of size {landmarks.shape} but {num_frames} frames need "
            f"({num_frames}, 68, 2). Make them from the same video."
        )
    return landmarks[:num_frames]


class FilmMesh:
    """The mesh of a performance as `imagineid imagine` places it in a film's frames."""

    def __init__(
        self, performance: Performance, basis: FaceBasis, *, height: int, width: int
    ) -> None:
        self._performance, self._basis = performance, basis
        self._camera = d3dfr_camera(height, width)

    def __len__(self) -> int:
        return len(self._performance.expression)

    @property
    def degrees(self) -> Float[np.ndarray, "frames angles=3"]:
        return np.degrees(self._performance.motion.pose[:, :3].double().numpy())

    def see(
        self, frames: slice
    ) -> tuple[Landmarks, dict[str, Bool[Tensor, "frames height width"]]]:
        """Landmarks, and where the mouth and the face are drawn."""
        seen = render_mesh_frame(self._mesh(frames), self._camera)
        regions = {"mouth": seen.dilated_mouth_mask, "face": seen.front_mask}
        return seen.landmarks.double().numpy(), {k: v[:, 0] > 0.5 for k, v in regions.items()}

    def flow(
        self, frames: slice
    ) -> tuple[Float[Tensor, "pairs height width 2"], Bool[Tensor, "pairs height width"]]:
        """From each of these frames but the first back to the one before (see `mesh_flow`)."""
        mesh = self._mesh(frames)
        return mesh_flow(mesh.vertices, mesh.triangles, self._camera)

    def _mesh(self, frames: slice) -> Mesh:
        coefficients = coefficients_from(self._performance, self._basis, frames)
        placed = coefficients.pose + torch.tensor([0.0, 0.0, 0.0, *PORTRAIT_PLACE])
        return mesh_from(replace(coefficients, pose=placed), self._basis)


def film_mesh(performance: Performance, basis: FaceBasis, clip: Clip) -> FilmMesh:
    """The mesh of a clip's frames; a performance of another length or rate is not its own."""
    motion = performance.motion
    if len(performance.expression) < clip.num_frames or abs(motion.fps - clip.fps) > _SAME_RATE:
        raise InputError(
            f"the performance has {len(performance.expression)} frames at {float(motion.fps):g} a "
            f"second but {clip.path.name} has {clip.num_frames} at {float(clip.fps):g}. Give the "
            "one the film was made from."
        )
    frames = slice(clip.num_frames)
    part = replace(
        performance,
        expression=performance.expression[frames],
        lip_expression=None,
        motion=replace(motion, pose=motion.pose[frames], blink=motion.blink[frames]),
    )
    return FilmMesh(part, basis, height=clip.height, width=clip.width)
