"""ICT-FaceKit (USC ICT, MIT licence), a folder of OBJ files, as a FaceBasis (supplement Eq. 2).

Its coefficients are not those of the Basel Face Model: identity weights are about normal,
expression weights run from 0 to 1. Knows nothing about networks or images.
"""

import hashlib
import json
import logging
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagineid_core.errors import WeightsError
from imagineid_core.face.align import STANDARD_POINTS, five_points
from imagineid_core.face.basis import load_basis, save_basis, validate_basis
from imagineid_core.face.coefficient_vector import EXPRESSION_DIM, SHAPE_DIM, TEXTURE_DIM
from imagineid_core.face.ict_colours import ict_albedo
from imagineid_core.face.ict_parts import IctParts
from imagineid_core.face.regions import eye_region, mouth_region
from imagineid_core.values import FaceBasis

logger = logging.getLogger(__name__)

# A star stands for a left and a right one, in this order.
_STEMS = """
    browDown* browInnerUp* browOuterUp* cheekPuff* cheekSquint* eyeBlink* eyeLookDown* eyeLookIn*
    eyeLookOut* eyeLookUp* eyeSquint* eyeWide* jawForward jawLeft jawOpen jawRight mouthClose
    mouthDimple* mouthFrown* mouthFunnel mouthLeft mouthLowerDown* mouthPress* mouthPucker
    mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmile*
    mouthStretch* mouthUpperUp* noseSneer*
""".split()  # noqa: SIM905
EXPRESSIONS = tuple(
    name
    for stem in _STEMS
    for name in ((f"{stem[:-1]}_L", f"{stem[:-1]}_R") if stem.endswith("*") else (stem,))
)
EXPRESSION_INDEX = {name: index for index, name in enumerate(EXPRESSIONS)}

_CENTIMETRES_PER_DM = 10.0
_GAZE = math.radians(25)  # how far an eyeLook weight of 1 turns the eyeball
_CACHE_VERSION = 4  # of what this file makes of the folder


def load_ict(
    folder: str | Path, *, cache_folder: str | Path | None = None, parts: IctParts | None = None
) -> FaceBasis:
    """Read the kit's `FaceXModel` folder: 80 identity modes, 53 expressions and 11 zeros.

    Reading 134 text files takes about ten seconds, so the basis is kept in `cache_folder` (the
    folder itself unless given) and made again when a file of the folder changes. `EXPRESSION_INDEX`
    names the expressions. There is no albedo model: colours are painted by part, and the texture
    basis is zero. The head is moved, not scaled, to where D3DFR's camera expects a face.
    """
    folder = _model_folder(Path(folder))
    parts = parts or IctParts()
    cache = (
        Path(cache_folder or folder) / f"ict_face_basis_{_fingerprint(folder, parts)}.safetensors"
    )
    if cache.is_file():
        return load_basis(cache)
    basis = _build(folder, parts)
    try:
        save_basis(cache, basis, provenance={"source": "ICT-FaceKit", "licence": "MIT"})
    except OSError as error:
        logger.warning("the face basis could not be kept in %s: %s", cache.parent, error)
    return basis


def _build(folder: Path, parts: IctParts) -> FaceBasis:
    neutral, polygons = _read_obj(folder / "generic_neutral_mesh.obj")
    if len(neutral) < parts.num_vertices:
        raise WeightsError(
            f"generic_neutral_mesh.obj has {len(neutral)} vertices but the parts of ICT-FaceKit "
            f"reach {parts.num_vertices}. Use the kit's own, unchanged FaceXModel folder."
        )
    kept = parts.kept(len(neutral))
    landmarks = _landmarks(folder, kept)
    identity = [_mode(folder, f"identity{k:03d}", neutral) for k in range(SHAPE_DIM)]
    expression = [_mode(folder, name, neutral) for name in EXPRESSIONS]
    mean = torch.from_numpy(neutral[kept] / _CENTIMETRES_PER_DM)
    centre = five_points(mean[landmarks]).mean(dim=0)
    mean_vertices = (mean - centre + torch.from_numpy(STANDARD_POINTS).mean(dim=0)).float()
    expression_basis = _stack(expression, kept, EXPRESSION_DIM)
    expression_basis = _turn_eyeballs(expression_basis, mean_vertices, parts)
    skin = parts.mask(parts.face)
    behind_lips = parts.mask(parts.mouth_socket, parts.gums, parts.teeth)
    behind_lids = parts.mask(parts.eye_sockets, parts.left_eyeball, parts.right_eyeball)
    basis = FaceBasis(
        name="ict",
        mean_vertices=mean_vertices,
        shape_basis=_stack(identity, kept, SHAPE_DIM),
        expression_basis=expression_basis,
        mean_albedo=ict_albedo(mean_vertices, landmarks, parts),
        texture_basis=torch.zeros(len(mean_vertices), 3, TEXTURE_DIM),
        triangles=_triangles(polygons, kept),
        landmarks=landmarks,
        mouth=mouth_region(mean_vertices, landmarks) & skin | behind_lips,
        eyes=eye_region(mean_vertices, landmarks) & skin | behind_lids,
        front=parts.mask(parts.narrow_face) | behind_lips | behind_lids,
        blink_expression=_both_eyes_shut(),
    )
    validate_basis(basis)
    return basis


def _both_eyes_shut() -> Tensor:
    weights = torch.zeros(EXPRESSION_DIM)
    weights[[EXPRESSION_INDEX["eyeBlink_L"], EXPRESSION_INDEX["eyeBlink_R"]]] = 1.0
    return weights


def _turn_eyeballs(basis: Tensor, mean_vertices: Tensor, parts: IctParts) -> Tensor:
    """The kit's eyeLook modes move the lids alone; let the painted irises look there too."""
    basis = basis.clone()
    inward = {"L": -1.0, "R": 1.0}  # the person's left eye is on the viewer's right
    for side, eyeball in (("L", parts.left_eyeball), ("R", parts.right_eyeball)):
        mask = parts.mask(eyeball)
        ball = mean_vertices[mask]
        ball = ball - (ball.amin(dim=0) + ball.amax(dim=0)) / 2
        sine, less = math.sin(_GAZE), math.cos(_GAZE) - 1
        x, y, z = ball.unbind(-1)
        zero = torch.zeros_like(x)
        looks = {
            "In": (x * less + z * sine * inward[side], zero, z * less - x * sine * inward[side]),
            "Out": (x * less - z * sine * inward[side], zero, z * less + x * sine * inward[side]),
            "Up": (zero, y * less + z * sine, z * less - y * sine),
            "Down": (zero, y * less - z * sine, z * less + y * sine),
        }
        for direction, offsets in looks.items():
            basis[mask, :, EXPRESSION_INDEX[f"eyeLook{direction}_{side}"]] = torch.stack(
                offsets, -1
            )
    return basis


def _stack(modes: list[np.ndarray], kept: np.ndarray, size: int) -> Tensor:
    basis = np.zeros((len(kept), 3, size), np.float32)
    for index, mode in enumerate(modes):
        basis[..., index] = mode[kept] / _CENTIMETRES_PER_DM
    return torch.from_numpy(basis)


def _triangles(polygons: list[list[int]], kept: np.ndarray) -> Tensor:
    """Quads and triangles as fans; polygons with a dropped vertex go."""
    place = np.full(max(map(max, polygons)) + 1, -1)
    place[kept[kept < len(place)]] = np.arange((kept < len(place)).sum())
    fans = [
        (polygon[0], polygon[k], polygon[k + 1])
        for polygon in polygons
        for k in range(1, len(polygon) - 1)
    ]
    triangles = place[np.array(fans)]
    return torch.from_numpy(triangles[(triangles >= 0).all(axis=1)])


def _landmarks(folder: Path, kept: np.ndarray) -> Tensor:
    path = folder / "vertex_indices.json"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["idx_to_landmark_verts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"vertex_indices.json in {folder} gives no idx_to_landmark_verts ({error!r}). "
            "Use the kit's own, unchanged FaceXModel folder."
        ) from error
    missing = sorted(set(listed) - set(kept.tolist()))
    if missing:
        raise WeightsError(
            f"idx_to_landmark_verts in vertex_indices.json names vertices {missing[:8]} that are "
            "not on the face. Use the kit's own, unchanged FaceXModel folder."
        )
    return torch.from_numpy(np.searchsorted(kept, np.array(listed)))


def _mode(folder: Path, name: str, neutral: np.ndarray) -> np.ndarray:
    vertices, _ = _read_obj(folder / f"{name}.obj", with_polygons=False)
    if len(vertices) != len(neutral):
        raise WeightsError(
            f"{name}.obj has {len(vertices)} vertices but generic_neutral_mesh.obj has "
            f"{len(neutral)}. Use the kit's own, unchanged FaceXModel folder."
        )
    return vertices - neutral


def _read_obj(path: Path, *, with_polygons: bool = True) -> tuple[np.ndarray, list[list[int]]]:
    """Vertices, and polygons counting from 0; texture coordinates and normals are left."""
    if not path.is_file():
        raise WeightsError(
            f"{path.name} not found in {path.parent}. "
            "Give the FaceXModel folder of ICT-FaceKit, with all its OBJ files."
        )
    numbers: list[list[str]] = []
    polygons: list[list[int]] = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("v "):
                numbers.append(line.split()[1:4])
            elif with_polygons and line.startswith("f "):
                polygons.append([int(corner.split("/", 1)[0]) - 1 for corner in line.split()[1:]])
        vertices = np.array(numbers, dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise WeightsError(
            f"{path.name} is not a readable OBJ file ({error}). Get the kit's folder again."
        ) from error
    if polygons and not 0 <= min(map(min, polygons)) <= max(map(max, polygons)) < len(vertices):
        raise WeightsError(
            f"{path.name} has polygons of vertices it does not hold (1..{len(vertices)}). "
            "It is cut off; get the kit's folder again."
        )
    return vertices, polygons


def _model_folder(folder: Path) -> Path:
    if (folder / "FaceXModel").is_dir():
        return folder / "FaceXModel"
    if not (folder / "generic_neutral_mesh.obj").is_file():
        raise WeightsError(
            f"generic_neutral_mesh.obj not found in {folder}. "
            "Give the FaceXModel folder of ICT-FaceKit (github.com/ICT-VGL/ICT-FaceKit)."
        )
    return folder


def _fingerprint(folder: Path, parts: IctParts) -> str:
    """Names, sizes and times of the folder's files: no need to read 386 MB to see a change."""
    files = sorted((*folder.glob("*.obj"), *folder.glob("*.json")))
    seen = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    content = json.dumps([_CACHE_VERSION, repr(parts), seen])
    return hashlib.sha256(content.encode()).hexdigest()[:16]
