"""The Basel Face Model as D3DFR uses it, from the user's own licensed files (supplement Eq. 2).

Knows nothing about coefficients or images. Every index in these files counts from 1.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from imagineid_core.errors import WeightsError
from imagineid_core.face.basis import NUM_LANDMARKS, validate_basis
from imagineid_core.face.coefficient_vector import EXPRESSION_DIM, SHAPE_DIM, TEXTURE_DIM
from imagineid_core.face.regions import eye_region, mouth_region
from imagineid_core.values import FaceBasis

logger = logging.getLogger(__name__)

_TOPOLOGY_KEYS = ("tri", "keypoints", "point_buf", "frontmask2_idx")
_MODEL_KEYS = ("meanshape", "idBase", "exBase", "meantex", "texBase", *_TOPOLOGY_KEYS)
_BFM2009_KEYS = ("shapePC", "shapeEV", "shapeMU", "texPC", "texEV", "texMU")
_MICROMETRES_PER_DM = 1e5

Arrays = Mapping[str, np.ndarray]


def load_bfm(path: str | Path) -> FaceBasis:
    """Read `BFM_model_front.mat`, the file that D3DFR and SadTalker use: 80/64/80, 35,709 vertices.

    The mean shape is recentred on its vertices' mean, as D3DFR does at load. The front region is
    the file's `frontmask2_idx`; mouth and eyes, which it lacks, are told from the landmarks.
    `tri_mask2` is not used: it counts within `frontmask2_idx`, not within all vertices, and D3DFR's
    PyTorch release reads it as if it did not.
    """
    return _basis_from(_read_mat(Path(path), _MODEL_KEYS), Path(path).name)


def build_from_bfm2009(folder: str | Path) -> FaceBasis:
    """Make the same basis from BFM 2009 and FaceWarehouse's expressions.

    The folder holds `01_MorphableModel.mat` (BFM 2009, licensed by its makers), `Exp_Pca.bin` and
    `std_exp.txt` (expressions of 3D Face from One Image, licensed), and from D3DFR's repository
    `BFM_front_idx.mat`, `BFM_exp_idx.mat` and `facemodel_info.mat`.
    """
    folder = Path(folder)
    bfm = _read_mat(folder / "01_MorphableModel.mat", _BFM2009_KEYS)
    info = _read_mat(folder / "facemodel_info.mat", _TOPOLOGY_KEYS)
    front = _from_one(
        _read_mat(folder / "BFM_front_idx.mat", ("idx",))["idx"], "idx", "BFM_front_idx.mat"
    )
    trimmed = _from_one(
        _read_mat(folder / "BFM_exp_idx.mat", ("trimIndex",))["trimIndex"],
        "trimIndex",
        "BFM_exp_idx.mat",
    )
    expressions = _read_expressions(folder, num_vertices=len(trimmed))
    num_bfm_vertices = bfm["shapePC"].shape[0] // 3
    _check_range(front, len(trimmed), "idx", "BFM_front_idx.mat")
    _check_range(trimmed, num_bfm_vertices, "trimIndex", "BFM_exp_idx.mat")
    front_rows = front.numpy()
    rows = trimmed[front].numpy()  # front vertex -> of the expression mesh -> of BFM 2009

    def deviations(components: str, spread: str, number: int) -> np.ndarray:
        scaled = bfm[components][:, :number] * bfm[spread].reshape(-1)[:number]
        return scaled.reshape(-1, 3, number)[rows].reshape(-1, number)

    arrays = {
        "meanshape": bfm["shapeMU"].reshape(-1, 3)[rows] / _MICROMETRES_PER_DM,
        "idBase": deviations("shapePC", "shapeEV", SHAPE_DIM) / _MICROMETRES_PER_DM,
        "exBase": expressions.reshape(-1, 3, EXPRESSION_DIM)[front_rows].reshape(
            -1, EXPRESSION_DIM
        ),
        "meantex": bfm["texMU"].reshape(-1, 3)[rows],
        "texBase": deviations("texPC", "texEV", TEXTURE_DIM),
        **{key: info[key] for key in _TOPOLOGY_KEYS},
    }
    return _basis_from(arrays, folder.name)


def _basis_from(arrays: Arrays, source: str) -> FaceBasis:
    mean_vertices = _floats(arrays["meanshape"]).reshape(-1, 3)  # row or column vector alike
    mean_vertices = mean_vertices - mean_vertices.mean(dim=0, keepdim=True)
    num_vertices = len(mean_vertices)
    _check_bases(arrays, num_vertices, source)
    triangles, landmarks, front = _topology(arrays, num_vertices, source)
    basis = FaceBasis(
        name="bfm",
        mean_vertices=mean_vertices,
        shape_basis=_floats(arrays["idBase"]).reshape(num_vertices, 3, SHAPE_DIM),
        expression_basis=_floats(arrays["exBase"]).reshape(num_vertices, 3, EXPRESSION_DIM),
        mean_albedo=_floats(arrays["meantex"]).reshape(-1, 3) / 255,
        texture_basis=_floats(arrays["texBase"]).reshape(num_vertices, 3, TEXTURE_DIM) / 255,
        triangles=triangles,
        landmarks=landmarks,
        mouth=mouth_region(mean_vertices, landmarks),
        eyes=eye_region(mean_vertices, landmarks),
        front=front,
    )
    validate_basis(basis)
    return basis


def _topology(arrays: Arrays, num_vertices: int, source: str) -> tuple[Tensor, Tensor, Tensor]:
    triangles = _from_one(arrays["tri"], "tri", source).reshape(-1, 3)
    landmarks = _from_one(arrays["keypoints"], "keypoints", source)
    front_indices = _from_one(arrays["frontmask2_idx"], "frontmask2_idx", source)
    for name, indices in (
        ("tri", triangles),
        ("keypoints", landmarks),
        ("frontmask2_idx", front_indices),
    ):
        _check_range(indices, num_vertices, name, source)
    if len(landmarks) != NUM_LANDMARKS:
        raise WeightsError(
            f"keypoints in {source} has {len(landmarks)} entries but {NUM_LANDMARKS} are needed. "
            "Use the facemodel_info.mat or BFM_model_front.mat of D3DFR."
        )
    _check_triangles_round_vertices(arrays["point_buf"], triangles, num_vertices, source)
    front = torch.zeros(num_vertices, dtype=torch.bool)
    front[front_indices] = True
    return triangles, landmarks, front


def _check_triangles_round_vertices(
    point_buf: np.ndarray, triangles: Tensor, num_vertices: int, source: str
) -> None:
    """`point_buf` repeats what `tri` says, so an index list shifted by one contradicts it."""
    listed = _from_one(point_buf, "point_buf", source).reshape(num_vertices, -1)
    num_triangles = len(triangles)
    corners = torch.cat([triangles, torch.full((1, 3), -1)])[listed.clamp(max=num_triangles)]
    own = torch.arange(num_vertices)[:, None, None]
    wrong = ~(corners == own).any(dim=-1) & (listed < num_triangles)
    if wrong.any():
        raise WeightsError(
            f"point_buf in {source} puts triangles round vertices they do not touch "
            f"({int(wrong.sum())} of {int((listed < num_triangles).sum())}), so one of tri and "
            "point_buf is shifted or of another model. Both must count from 1, from one file."
        )


def _from_one(values: np.ndarray, name: str, source: str) -> Int[Tensor, " indices"]:
    """MATLAB indices (from 1, often stored as floats) to indices from 0."""
    indices = torch.from_numpy(values.astype(np.int64))
    if int(indices.min()) < 1:
        raise WeightsError(
            f"{name} in {source} starts at {int(indices.min())}, so it counts from 0, but these "
            "files count from 1. Use the original file, not one already converted."
        )
    return (indices - 1).reshape(-1)


def _check_range(indices: Tensor, count: int, name: str, source: str) -> None:
    if int(indices.max()) >= count:
        raise WeightsError(
            f"{name} in {source} reaches {int(indices.max()) + 1} but there are {count} vertices. "
            "The files belong to different models; use those of one release."
        )


def _check_bases(arrays: Arrays, num_vertices: int, source: str) -> None:
    sizes = {
        "idBase": (3 * num_vertices, SHAPE_DIM),
        "exBase": (3 * num_vertices, EXPRESSION_DIM),
        "texBase": (3 * num_vertices, TEXTURE_DIM),
    }
    for name, size in sizes.items():
        if arrays[name].shape != size:
            raise WeightsError(
                f"{name} in {source} has size {arrays[name].shape} but meanshape has "
                f"{num_vertices} vertices, which needs {size}. Use D3DFR's BFM_model_front.mat."
            )
    if arrays["meantex"].size != 3 * num_vertices:
        raise WeightsError(
            f"meantex in {source} has {arrays['meantex'].size} values but meanshape has "
            f"{3 * num_vertices}. Use D3DFR's BFM_model_front.mat."
        )


def _read_expressions(folder: Path, num_vertices: int) -> np.ndarray:
    """`Exp_Pca.bin`: int32 n, the mean (unused), then n components; in units of `std_exp.txt`."""
    path, spread_path = folder / "Exp_Pca.bin", folder / "std_exp.txt"
    _check_there(path)
    _check_there(spread_path)
    try:
        spread = np.array(spread_path.read_text(encoding="utf-8").split(), dtype=np.float64)
    except ValueError as error:
        raise WeightsError(
            f"std_exp.txt holds something else than numbers ({error}). Get the file again."
        ) from error
    content = path.read_bytes()
    number = int(np.frombuffer(content[:4], dtype="<i4")[0]) if len(content) >= 4 else 0
    expected = 4 + 4 * 3 * num_vertices * (number + 1)
    if number < EXPRESSION_DIM or len(content) != expected or len(spread) < EXPRESSION_DIM:
        raise WeightsError(
            f"Exp_Pca.bin holds {len(content)} bytes for {number} components and std_exp.txt "
            f"{len(spread)} values, which do not fit the {num_vertices} vertices of "
            "BFM_exp_idx.mat. Use the three files of one release."
        )
    components = np.frombuffer(content, dtype="<f4", offset=4 + 4 * 3 * num_vertices)
    components = components.reshape(number, -1)[:EXPRESSION_DIM].T
    return components * spread[:EXPRESSION_DIM] / _MICROMETRES_PER_DM


def _read_mat(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    from scipy.io import loadmat

    _check_there(path)
    try:
        content = loadmat(str(path))
    except Exception as error:  # scipy's parser fails in a dozen ways on a damaged file
        raise WeightsError(
            f"{path.name} is not a MATLAB v5 file ({error}). "
            "It may be cut off or an HTML page saved under this name; get it again."
        ) from error
    if missing := [key for key in keys if key not in content]:
        found = sorted(key for key in content if not key.startswith("__"))
        hint = (
            "This is BFM 2009 itself: use build_from_bfm2009."
            if set(_BFM2009_KEYS) <= set(found) or "shapePC" in found
            else "See README, Weights, for the files of the Basel Face Model."
        )
        raise WeightsError(
            f"{path.name} lacks {', '.join(missing)}; it holds {', '.join(found)}. {hint}"
        )
    logger.debug("read %s: %s", path.name, ", ".join(keys))
    return {key: np.asarray(content[key]) for key in keys}


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise WeightsError(
            f"{path.name} not found in {path.parent}. "
            "Put it there; see README, Weights, for who gives it out under which licence."
        )


def _floats(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
