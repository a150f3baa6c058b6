"""The open face as a morphable model: 80 shape, 64 expression, 80 texture coefficients (Eq. 2).

Built from formulas in a moment, so no arrays are stored; the same on every machine. Our own work:
no scan, no photograph and no licensed model went into it. Knows nothing about pose, light, pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from imagineid_core.face.open_face import expression, identity, mouth, texture
from imagineid_core.face.open_face.landmarks import landmark_vertices
from imagineid_core.face.open_face.rest import RestFace, rest_face
from imagineid_core.face.open_face.whitening import Whitened, whiten
from imagineid_core.values import FaceBasis

SHAPE_DIM = 80  # alpha in the paper
EXPRESSION_DIM = 64  # beta in the paper
TEXTURE_DIM = 80  # delta in the paper

_FRONT_ROWS = slice(7, 50)  # hairline to chin
_FRONT_COLUMNS = 21  # to either side, before the ears


@dataclass(frozen=True, kw_only=True)
class Directions:
    """Names of a space's directions and the matrix from their amounts to its coefficients."""

    names: tuple[str, ...]
    from_named: np.ndarray  # [coefficient, direction]


@lru_cache(maxsize=1)
def open_face_basis() -> FaceBasis:
    """The embedded face: dm, D3DFR's camera, iBUG landmarks; coefficients are about N(0, 1)."""
    face = rest_face()
    shape_basis, expression_basis, texture_basis = (space[1].basis for space in _spaces())
    regions = _regions(face)
    return FaceBasis(
        name="open",
        mean_vertices=_tensor(face.vertices),
        shape_basis=_tensor(shape_basis),
        expression_basis=_tensor(expression_basis),
        mean_albedo=_tensor(texture.mean_albedo(face)),
        texture_basis=_tensor(texture_basis),
        triangles=torch.from_numpy(face.triangles.astype(np.int64)),
        landmarks=torch.from_numpy(landmark_vertices(face).astype(np.int64)),
        mouth=torch.from_numpy(regions["mouth"]),
        eyes=torch.from_numpy(regions["eyes"]),
        front=torch.from_numpy(regions["front"]),
        blink_expression=_tensor(_both_eyes_shut()),
    )


def shape_directions() -> Directions:
    """Measures of a head (`jaw_width`, `nose_length`, ...), one unit = one standard deviation."""
    return _directions(_spaces()[0])


def expression_directions() -> Directions:
    """Controls of a face (`jaw_open`, `smile_L`, ...), one unit = the full movement."""
    return _directions(_spaces()[1])


def texture_directions() -> Directions:
    """Measures of colour (`skin_tone`, `iris_blue`, ...), one unit = one standard deviation."""
    return _directions(_spaces()[2])


Space = tuple[tuple[str, ...], Whitened]


@lru_cache(maxsize=1)
def _spaces() -> tuple[Space, Space, Space]:
    face = rest_face()
    return (
        _space(face, identity.named_fields, identity.smooth_fields, SHAPE_DIM),
        _space(face, expression.named_fields, expression.smooth_fields, EXPRESSION_DIM),
        _space(face, texture.named_fields, texture.smooth_fields, TEXTURE_DIM),
    )


Fields = dict[str, np.ndarray]


def _space(
    face: RestFace,
    named: Callable[[RestFace], Fields],
    smooth: Callable[[RestFace, int], Fields],
    size: int,
) -> Space:
    """The named fields, and as many smooth ones as they leave room for."""
    fields = named(face)
    fields |= smooth(face, size - len(fields))
    return tuple(fields), whiten(np.stack(list(fields.values()), axis=-1))


def _directions(space: Space) -> Directions:
    names, whitened = space
    return Directions(names=names, from_named=whitened.from_named)


def _both_eyes_shut() -> np.ndarray:
    directions = expression_directions()
    eyes = [directions.names.index(name) for name in ("blink_L", "blink_R")]
    return directions.from_named[:, eyes].sum(axis=1)


def _regions(face: RestFace) -> dict[str, np.ndarray]:
    lips, lids, front = (np.zeros(len(face.vertices), dtype=bool) for _ in range(3))
    lips[face.skin.mouth[mouth.BORDER_LOOP :].ravel()] = True
    lips[face.teeth] = lips[face.tongue] = True
    for patch, ball in zip(face.skin.eyes, face.eyeballs, strict=True):
        lids[patch[4:].ravel()] = True
        lids[ball] = True
    columns = np.arange(-_FRONT_COLUMNS, _FRONT_COLUMNS + 1)
    grid = face.skin.grid[_FRONT_ROWS][:, columns]
    front[grid[grid >= 0]] = True
    for patch in (face.skin.mouth, *face.skin.eyes):
        front[patch.ravel()] = True
    front |= lips | lids
    return {"mouth": lips, "eyes": lids, "front": front}


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
