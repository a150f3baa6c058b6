"""Lips, the mouth behind them, teeth and tongue at rest, with the mouth closed.

Loops run from the cheek over the red of the lip to the line where the lips touch, roll inward, and
widen into a pocket that holds the teeth. Upper and lower vertices of the touching loop coincide.
Knows nothing about coefficients or colour.
"""

import numpy as np

from imagineid_core.face.open_face import layout, skull

BORDER_LOOP = 5  # where skin becomes red
CONTACT_LOOP = 10  # where the lips touch
GUM_LOOP = 13  # the last loop that belongs to the lips
_CORNER_ANGLE = np.radians(38)
_EASE = (0.0, 0.27, 0.52, 0.74, 0.90, 1.0)  # block to border

HALF_WIDTH = 0.245  # of the line of contact
_BORDER_HALF_WIDTH = 0.258
_LINE_HEIGHT = -0.365
_UPPER_RED, _LOWER_RED = 0.076, 0.098
_UPPER_FULLNESS, _LOWER_FULLNESS = 0.040, 0.046
_RECESS = 0.012  # the line of contact lies this far behind the skin around

# Inside, by loop from 11: back from the line of contact, up or down from it, share of its width.
_INSIDE = (
    (0.018, -0.004, 1.0),  # past each other, a seal behind the line of contact
    (0.034, 0.055, 1.02),
    (0.050, 0.115, 1.05),
    (0.130, 0.165, 1.15),
    (0.250, 0.180, 1.20),
    (0.380, 0.170, 1.15),
    (0.500, 0.140, 0.95),
    (0.580, 0.080, 0.60),
    (0.610, 0.002, 0.02),
)

_ARCH_HALF_WIDTH, _ARCH_DEPTH = 0.255, 0.42
_UPPER_TEETH_BACK, _LOWER_TEETH_BACK = 0.074, 0.110  # behind the line of contact
_TEETH_EDGE = -0.014  # upper edge of closed lower teeth, from the line of contact
_NUM_TEETH = 12
_COLUMNS_A_TOOTH = 3
NUM_TEETH_COLUMNS = _NUM_TEETH * _COLUMNS_A_TOOTH + 1
NUM_TONGUE_SPOKES = 16


def mouth_angles() -> np.ndarray:
    """The angle of each vertex around the mouth: 0 at the viewer's right corner, pi/2 on top."""
    return layout.MOUTH_BLOCK.angles(_CORNER_ANGLE)


def lip_positions(perimeter: np.ndarray) -> np.ndarray:
    """[loop, around, 3]; loop 0 is `perimeter`."""
    angle = mouth_angles()
    ease = np.array(_EASE)[:, None, None]
    flat = perimeter[None, :, :2] * (1 - ease) + _border(angle) * ease
    skin = skull.front_of(flat[..., 0], flat[..., 1])
    skin[0] = perimeter
    border, contact = skin[BORDER_LOOP], contact_line(angle)
    red = _red(angle, border, contact)
    return np.concatenate([skin, red, contact[None], _inside(angle, contact)])


def contact_line(angle: np.ndarray) -> np.ndarray:
    x = HALF_WIDTH * np.cos(angle)
    along = (x / HALF_WIDTH) ** 2
    # A tubercle in the middle, a slight rise beside it, corners a little lower.
    y = _LINE_HEIGHT - 0.006 * np.exp(-((x / 0.05) ** 2)) - 0.012 * along**2
    point = skull.front_of(x, y)
    point[:, 2] -= _RECESS
    return point


def teeth() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Upper and lower rows: positions, tooth-to-gum share, is_upper, quads.

    The share is 0 at the edge of a tooth, 1 where the gum begins, more on the gum; it is negative
    between teeth, where light does not reach.
    """
    parts = [_row_of_teeth(is_upper=True), _row_of_teeth(is_upper=False)]
    count = len(parts[0][0])
    positions = np.concatenate([part[0] for part in parts])
    share = np.concatenate([part[1] for part in parts])
    quads = np.concatenate([parts[0][2], parts[1][2] + count])
    return positions, share, np.repeat([True, False], count), quads


def tongue() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, how far forward each vertex lies (0 root, 1 tip), quads."""
    num_loops, num_around = 9, NUM_TONGUE_SPOKES
    turn = np.arange(num_around) * 2 * np.pi / num_around
    forward = np.linspace(0, 1, num_loops)
    width = 0.17 * np.sqrt(np.maximum(1 - forward**5, 0.03)) * (0.82 + 0.18 * np.cos(forward * 2))
    height = 0.060 * np.sqrt(np.maximum(1 - forward**4, 0.03))
    z = -0.28 + 0.45 * forward
    y = _LINE_HEIGHT - 0.130 + 0.030 * np.sin(np.pi * forward) - 0.02 * forward
    loops = np.stack(
        np.broadcast_arrays(
            width[:, None] * np.cos(turn),
            y[:, None]
            + height[:, None] * np.sin(turn)
            - 0.018 * np.exp(-((np.cos(turn) / 0.3) ** 2)) * (np.sin(turn) > 0),
            z[:, None],
        ),
        axis=-1,
    )
    index = np.arange(loops.shape[0] * num_around).reshape(num_loops, num_around)
    return loops.reshape(-1, 3), np.repeat(forward, num_around), layout.loop_quads(index)


def _border(angle: np.ndarray) -> np.ndarray:
    """(x, y) where the red of the lips begins: a bow above, a fuller curve below."""
    x = _BORDER_HALF_WIDTH * np.cos(angle)
    height = np.abs(np.sin(angle))
    bow = (
        1 - 0.16 * np.exp(-((x / 0.032) ** 2)) + 0.05 * np.exp(-(((np.abs(x) - 0.065) / 0.03) ** 2))
    )
    upper = _UPPER_RED * height**1.15 * bow
    lower = -_LOWER_RED * height**1.25
    corner = _LINE_HEIGHT - 0.012
    return np.stack([x, corner + np.where(np.sin(angle) >= 0, upper, lower)], axis=-1)


def _red(angle: np.ndarray, border: np.ndarray, contact: np.ndarray) -> np.ndarray:
    """Four loops that swell between border and contact, as a Bezier curve in profile."""
    height = np.abs(np.sin(angle)) ** 0.7
    is_upper = np.sin(angle) >= 0
    fullness = np.where(is_upper, _UPPER_FULLNESS, _LOWER_FULLNESS) * height
    swell = 0.45 * border + 0.55 * contact
    swell[:, 2] = np.maximum(border[:, 2], contact[:, 2]) + 2 * fullness
    swell[:, 1] += np.where(is_upper, -0.004, 0.004) * height
    along = np.array([0.16, 0.36, 0.58, 0.80])[:, None, None]
    return (1 - along) ** 2 * border + 2 * along * (1 - along) * swell + along**2 * contact


def _inside(angle: np.ndarray, contact: np.ndarray) -> np.ndarray:
    loops = []
    for back, away, width in _INSIDE:
        # Toward the corners the pocket is shallower, so that it stays inside the cheek.
        up = away * np.sin(angle)
        x = contact[:, 0] * width
        # The lower lip lies a little further back, so the two pass each other.
        z = (
            contact[:, 2]
            - 0.008 * (np.sin(angle) < 0)
            - back * (0.55 + 0.45 * np.abs(np.sin(angle)))
        )
        z = np.where(back > 0.1, contact[:, 2].max() - back - 0.28 * (x / 0.3) ** 2, z)
        loops.append(
            np.stack([x, contact[:, 1] + up, np.minimum(z, contact[:, 2] - 0.01)], axis=-1)
        )
    return np.stack(loops)


def _row_of_teeth(*, is_upper: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One arch as an open grid: gum, gum line, belly, edge, and the edge's back."""
    num_columns = NUM_TEETH_COLUMNS
    turn = np.linspace(-1, 1, num_columns) * np.radians(78)
    middle = contact_line(np.array([np.pi / 2]))[0]
    back = _UPPER_TEETH_BACK if is_upper else _LOWER_TEETH_BACK
    narrow = 1.0 if is_upper else 0.93
    arch_x = _ARCH_HALF_WIDTH * narrow * np.sin(turn)
    arch_z = middle[2] - back - _ARCH_DEPTH * (1 - np.cos(turn))
    within = np.arange(num_columns) % _COLUMNS_A_TOOTH
    between = within == 0
    gap = np.where(between, 1.0, 0.0)
    # from the edge toward the gum: up, outward, share
    rows = ((0.0, -0.030, 0.05), (0.0, 0.0, 0.0), (0.045, 0.008, 0.45), (0.090, 0.0, 1.0))
    rows += ((0.150, 0.004, 2.0),)
    sign = 1.0 if is_upper else -1.0
    edge = middle[1] + _TEETH_EDGE - (0.004 if is_upper else 0.012)
    outward = np.stack([np.sin(turn), np.zeros_like(turn), np.cos(turn)], axis=-1)
    grid, share = [], []
    for up, out, part in rows:
        on_tooth = part <= 1.0
        y = edge + sign * (up + (0.008 * gap if part < 0.1 else (-0.012 * gap if part == 1 else 0)))
        out_here = out - (0.010 * gap if on_tooth else 0.0)
        base = np.stack([arch_x, np.broadcast_to(y, arch_x.shape), arch_z], axis=-1)
        grid.append(base + outward * np.broadcast_to(out_here, arch_x.shape)[:, None])
        share.append(np.where(between & on_tooth, -1.0, part))
    if is_upper:  # the first row must be on top
        grid, share = grid[::-1], share[::-1]
    index = np.arange(len(grid) * num_columns).reshape(len(grid), num_columns)
    return np.concatenate(grid), np.concatenate(share), layout.strip_quads(index)
