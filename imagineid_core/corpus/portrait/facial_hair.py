"""Beards and moustaches: a thin shell over the skin that moves with every expression.

Knows nothing about the hair of the head.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from imagineid_core.corpus.portrait.attributes import PortraitAttributes
from imagineid_core.corpus.portrait.pieces import Piece
from imagineid_core.face.open_face.fields import rise, scattered
from imagineid_core.face.open_face.rest import rest_face
from imagineid_core.face.open_face.texture import beard_weight, moustache_weight

_SUNK = 0.012  # dm under the skin where none grows
_LENGTH = {"moustache": 0.032, "goatee": 0.042, "short beard": 0.030, "full beard": 0.085}


@dataclass(frozen=True, kw_only=True)
class _Ground:
    vertices: np.ndarray  # indices into the head
    triangles: np.ndarray  # into `vertices`
    weight: np.ndarray
    hang: np.ndarray  # how far a long beard falls below the chin, 0..1
    streak: np.ndarray


def beard_piece(
    attributes: PortraitAttributes, vertices: np.ndarray, normals: np.ndarray
) -> Piece | None:
    """On the moving head's vertices and normals; None where no beard stands off the skin."""
    if attributes.beard not in _LENGTH:
        return None
    ground = _ground(attributes.beard)
    length = _LENGTH[attributes.beard]
    grown = rise(ground.weight, 0.10, 0.75)
    height = length * grown - _SUNK * rise(ground.weight, 0.14, 0.02)
    points = vertices[ground.vertices] + normals[ground.vertices] * height[:, None]
    if attributes.beard == "full beard":
        points[:, 1] -= 0.10 * ground.hang
    light = 0.92 + 0.14 * ground.streak
    albedo = np.clip(np.array(attributes.hair_rgb) * light[:, None], 0, 1)
    return Piece(vertices=points, triangles=ground.triangles, albedo=albedo)


@lru_cache(maxsize=8)
def _ground(beard: str) -> _Ground:
    face = rest_face()
    jaw, lip = beard_weight(face), moustache_weight(face)
    x, y, z = face.vertices.T
    if beard == "moustache":
        weight = lip
    elif beard == "goatee":
        round_chin = rise(np.abs(x), 0.30, 0.20) * rise(z, -0.12, 0.0)
        weight = np.maximum(jaw * round_chin, lip)
    else:
        weight = np.maximum(jaw, lip)
    near = face.triangles[(weight[face.triangles] > 0.02).any(axis=1)]
    used, triangles = np.unique(near, return_inverse=True)
    return _Ground(
        vertices=used,
        triangles=triangles.reshape(-1, 3),
        weight=weight[used],
        hang=(rise(y, -0.50, -0.85) * rise(np.abs(x), 0.55, 0.10))[used],
        streak=np.array([scattered(int(index), 1)[0] * 2 - 1 for index in used]),
    )
