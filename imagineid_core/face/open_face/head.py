"""The head at rest: every vertex of the skin's grid, placed by a ray from inside the skull.

Rays leave a spine inside the head: parallel in front, so that rows and columns lie straight over
the face, fanning out round the sides, the crown and under the jaw. Knows nothing about the patches
of mouth, eyes and ears beyond leaving them out.
"""

import numpy as np

from imagineid_core.face.open_face import layout, skull

# A row's ray at the front middle and at the side, and how far its columns spread:
# y, elevation in degrees, z in front; y, elevation, z at the side; spread.
_KEY_ROWS = {
    0: (0.72, 78, -0.50, 0.72, 78, -0.50, 0.28),
    3: (0.72, 48, -0.45, 0.70, 46, -0.45, 0.72),
    6: (0.74, 20, -0.42, 0.68, 18, -0.42, 0.95),
    8: (0.78, 4, -0.40, 0.64, 4, -0.40, 1.0),
    16: (0.50, 0, -0.40, 0.46, 0, -0.40, 1.0),
    26: (0.10, 0, -0.40, 0.14, 0, -0.40, 1.0),
    33: (-0.14, 0, -0.40, -0.02, 0, -0.40, 1.0),
    45: (-0.62, 0, -0.36, -0.32, 0, -0.38, 0.92),
    48: (-0.70, -14, -0.16, -0.40, -16, -0.40, 0.70),
    51: (-0.70, -58, -0.06, -0.50, -26, -0.46, 0.55),
    54: (-0.74, -64, -0.36, -0.66, -16, -0.58, 0.50),
    56: (-1.00, -14, -0.66, -0.92, -4, -0.66, 0.50),
    60: (-1.75, 0, -0.80, -1.75, 0, -0.80, 0.5),
}
_COLUMN_STEP = 0.03  # between parallel columns in front
_NUM_PARALLEL = 12  # of them on each side, then they fan out to these degrees
_FAN = (4, 8.5, 13.5, 19, 25, 31, 37, 43, 50, 57, 64, 71, 78, 85, 92, 99, 106, 113, 121, 130)
_FAN_BACK = (140, 150, 161, 172)
_BACK_COLUMNS = (0.24, 0.12, 0.0)


def grid_positions(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(vertex indices, positions) of every grid vertex, and of the crown as index 0."""
    origins, directions = rays()
    kept = grid >= 0
    placed = skull.leave(origins[kept], directions[kept])
    crown = skull.leave(np.array([[0.0, 0.72, -0.52]]), np.array([[0.0, 1.0, 0.0]]))
    return np.concatenate([[0], grid[kept]]), np.concatenate([crown, placed])


def rays() -> tuple[np.ndarray, np.ndarray]:
    """Origins and unit directions, each [row, column, 3]."""
    keys = np.array(sorted(_KEY_ROWS))
    table = np.array([_KEY_ROWS[key] for key in keys], dtype=float)
    rows = np.stack(
        [np.interp(np.arange(layout.NUM_ROWS), keys, column) for column in table.T], axis=1
    )
    rows = _smoothed(rows)
    x, angle = _plan()
    to_side = _smoothstep((np.abs(np.degrees(angle))) / 80)
    y, elevation, z = (rows[:, [i]] * (1 - to_side) + rows[:, [i + 3]] * to_side for i in range(3))
    spread = rows[:, [6]]
    elevation = np.radians(elevation)
    origins = np.stack(np.broadcast_arrays(x * spread, y, z), axis=-1)
    directions = np.stack(
        [
            np.sin(angle) * np.cos(elevation),
            np.sin(elevation),
            np.cos(angle) * np.cos(elevation),
        ],
        axis=-1,
    )
    return origins, directions


def _plan() -> tuple[np.ndarray, np.ndarray]:
    """Seen from above: where each column's ray starts in x, and its angle from straight ahead."""
    ahead = np.arange(_NUM_PARALLEL + 1) * _COLUMN_STEP
    edge = ahead[-1]
    fan = np.radians(_FAN + _FAN_BACK)
    x = np.concatenate([ahead, np.full(len(fan), edge), _BACK_COLUMNS])
    angle = np.concatenate([np.zeros(len(ahead)), fan, np.full(len(_BACK_COLUMNS), np.pi)])
    mirror = slice(-2, 0, -1)
    return np.concatenate([x, -x[mirror]]), np.concatenate([angle, -angle[mirror]])


def _smoothed(rows: np.ndarray) -> np.ndarray:
    """Round the corners between key rows, but leave the rows of the face evenly spaced."""
    padded = np.pad(rows, ((2, 2), (0, 0)), mode="edge")
    weights = (0.1, 0.2, 0.4, 0.2, 0.1)
    around = np.sum([w * padded[i : i + len(rows)] for i, w in enumerate(weights)], axis=0)
    around[0], around[-1] = rows[0], rows[-1]
    return around


def _smoothstep(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
