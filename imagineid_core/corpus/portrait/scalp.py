"""Where hair grows: a grid over the whole scalp, ears' ground included, and the hairline on it.

Knows nothing about hair styles.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from imagineid_core.face.open_face import head, skull
from imagineid_core.face.open_face.fields import waves
from imagineid_core.face.open_face.layout import EAR_BLOCK, NUM_COLUMNS
from imagineid_core.face.open_face.rest import rest_face

NUM_ROWS = 46  # from the crown down to the nape

# Height of the hairline by degrees from straight ahead: forehead, temple, sideburn, ear, nape.
_HAIRLINE = {
    0: 0.955, 18: 0.94, 34: 0.865, 46: 0.73, 56: 0.54, 64: 0.42, 70: 0.30, 76: 0.16, 82: 0.10,
    90: 0.10, 96: 0.40, 114: 0.42, 122: 0.12, 132: -0.18, 150: -0.42, 180: -0.46,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Scalp:
    """The bare head under hair, [row, column, ...]; row 0 is all crown, the last column is
    column 0 again."""

    points: np.ndarray
    outward: np.ndarray
    rest: np.ndarray  # the same on the mean head: styles are laid out there
    around: np.ndarray  # degrees from straight ahead, 0..180
    above_line: np.ndarray  # dm above the hairline; negative on bare skin


def scalp_of(head_vertices: np.ndarray, receding: float = 0.0) -> Scalp:
    """Of a head's vertices without expression; `receding` (dm) lifts the line over the temples."""
    rest, grid = _rest_grid()
    moved = head_vertices[np.maximum(grid, 0)] - rest_face().vertices[np.maximum(grid, 0)]
    moved = _over_ears(moved)
    crown = head_vertices[0] - rest_face().vertices[0]
    moved = _closed(np.concatenate([np.broadcast_to(crown, (1, NUM_COLUMNS, 3)), moved]))
    rest = _closed(np.concatenate([_crown_row(), rest]))
    points = rest + moved
    around = np.degrees(np.arctan2(np.abs(rest[..., 0]), rest[..., 2] + 0.45))
    at = np.array(sorted(_HAIRLINE))
    line = np.interp(around, at, [_HAIRLINE[degree] for degree in at])
    line = line + receding * np.interp(around, [0, 25, 45, 62, 75], [0.35, 0.9, 1.0, 0.4, 0.0])
    # No hairline is drawn with a ruler.
    line = line + 0.012 * waves(rest.reshape(-1, 3), 7, 0.30, 0.15).reshape(line.shape)
    return Scalp(
        points=points,
        outward=_outward(points),
        rest=rest,
        around=around,
        above_line=rest[..., 1] - line,
    )


@lru_cache(maxsize=1)
def _rest_grid() -> tuple[np.ndarray, np.ndarray]:
    origins, directions = (side[:NUM_ROWS] for side in head.rays())
    points = skull.leave(origins.reshape(-1, 3), directions.reshape(-1, 3))
    return points.reshape(origins.shape), rest_face().skin.grid[:NUM_ROWS]


def _over_ears(moved: np.ndarray) -> np.ndarray:
    """The ears' own vertices are no ground: bridge their blocks from edge to edge."""
    filled = moved.copy()
    inside = np.arange(EAR_BLOCK.left + 1, EAR_BLOCK.right)
    share = ((inside - EAR_BLOCK.left) / (EAR_BLOCK.right - EAR_BLOCK.left))[None, :, None]
    rows = slice(EAR_BLOCK.top, EAR_BLOCK.bottom + 1)
    for sign in (1, -1):
        first, last = moved[rows, [sign * EAR_BLOCK.left]], moved[rows, [sign * EAR_BLOCK.right]]
        filled[rows, sign * inside] = first * (1 - share) + last * share
    return filled


def _crown_row() -> np.ndarray:
    return np.broadcast_to(rest_face().vertices[0], (1, NUM_COLUMNS, 3))


def _closed(grid: np.ndarray) -> np.ndarray:
    return np.concatenate([grid, grid[:, :1]], axis=1)


def _outward(points: np.ndarray) -> np.ndarray:
    down = np.gradient(points, axis=0)
    wrapped = np.concatenate([points[:, -2:-1], points, points[:, 1:2]], axis=1)
    along = wrapped[:, 2:] - wrapped[:, :-2]
    normal = np.cross(down, along)
    normal[0] = normal[1].mean(axis=0)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
