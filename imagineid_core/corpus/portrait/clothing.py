"""Shoulders and what covers them: the garment stays upright while the neck turns in its collar.

Positions are in dm, placed by where the neck goes. Knows nothing about heads above the neck.
"""

from dataclasses import replace

import numpy as np

from imagineid_core.corpus.portrait.attributes import PortraitAttributes
from imagineid_core.corpus.portrait.pieces import Piece, joined, sheet, tube
from imagineid_core.face.open_face.fields import rise

_NUM_AROUND = 49
_ROWS_A_STRIPE = 3
# Rings of the torso from the collar down: height at the side, drop in front, half width, depth.
# Width and depth of the first rings are added to the neck's own.
_RINGS = np.array(
    [
        (-1.10, 0.10, 0.030, 0.030),
        (-1.18, 0.12, 0.110, 0.060),
        (-1.27, 0.14, 0.330, 0.090),
        (-1.37, 0.16, 0.620, 0.110),
        (-1.50, 0.16, 0.880, 0.140),
        (-1.70, 0.12, 1.050, 0.170),
        (-2.30, 0.00, 1.150, 0.230),
    ]
)
_OPENING = {"v-neck": (2.9, 34.0), "shirt": (1.9, 20.0)}  # depth in rings, half angle in degrees
_WHITE = np.array([0.92, 0.92, 0.90])


def clothing_pieces(
    attributes: PortraitAttributes,
    neck: np.ndarray,
    skin_rgb: np.ndarray,
    yaw: float,
) -> list[Piece]:
    """`neck`: the posed ring of neck vertices [around, 3] that the collar closes round."""
    centre = neck.mean(axis=0)
    half = np.abs(neck - centre).max(axis=0)
    colour = np.array(attributes.garment_rgb)
    turn = np.linspace(-np.pi, np.pi, _NUM_AROUND)
    degrees = np.abs(np.degrees(turn))
    depth, width = _OPENING.get(attributes.garment, (0.0, 1.0))
    start = depth * np.maximum(1 - degrees / width, 0)
    down = np.linspace(0, 1, 37)[:, None]
    ring = start + (len(_RINGS) - 1 - start) * down**1.15
    cloth = _surface(ring, turn, half)
    pieces = [sheet(cloth, _cloth_colour(attributes, cloth, colour, degrees))]
    if depth:
        chest_ring = np.linspace(-0.6, 5.0, 12)[:, None] + 0 * turn
        chest = _surface(chest_ring, turn, half - np.array([0.030, 0, 0.030]))
        pieces.append(sheet(chest, 0.94 * skin_rgb))
    pieces += _COLLARS[attributes.garment](colour, turn, half)
    return [_placed(piece, centre, 0.3 * yaw) for piece in pieces]


def _surface(ring: np.ndarray, turn: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Points of the torso about the neck's centre; fractions of rings lie between them."""
    number = np.arange(len(_RINGS))
    height, drop, wide, deep = (
        np.interp(ring, number, column) + (ring < 0) * ring * slope
        for column, slope in zip(_RINGS.T, (-0.10, 0.0, 0.0, 0.0), strict=True)
    )
    ahead = np.cos(turn)
    y = height - drop * np.maximum(ahead, 0) ** 2 + 0.03 * np.maximum(-ahead, 0)
    squared = np.interp(ring, number, [1, 1, 1, 0.92, 0.86, 0.8, 0.8])
    x = (half[0] + wide) * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** squared
    z = (half[2] + deep) * ahead
    return np.stack([x, y, z], axis=-1)


def _placed(piece: Piece, centre: np.ndarray, yaw: float) -> Piece:
    """Heights are absolute at rest; the neck's centre brings the head's translation along."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y, z = piece.vertices.T
    vertices = np.stack(
        [
            cos * x + sin * z + centre[0],
            y + centre[1] - _REST_HEIGHT,
            cos * z - sin * x + centre[2],
        ],
        axis=-1,
    )
    return replace(piece, vertices=vertices, turns_with_head=False)


_REST_HEIGHT = -1.27  # of the neck ring on the mean head


def _cloth_colour(
    attributes: PortraitAttributes, cloth: np.ndarray, colour: np.ndarray, degrees: np.ndarray
) -> np.ndarray:
    albedo = np.broadcast_to(colour, cloth.shape).copy()
    if attributes.garment_striped:
        other = _WHITE if colour.mean() < 0.6 else 0.35 * colour
        row = np.arange(len(cloth))[:, None, None]
        band = (row // _ROWS_A_STRIPE) % 2
        albedo = albedo * (1 - band) + other * band
    if attributes.garment == "shirt":  # the buttons' strip
        strip = rise(degrees, 5.0, 3.0)[None, :, None]
        albedo = albedo * (1 - 0.22 * strip)
    return np.clip(albedo, 0, 1)


def _no_collar(colour: np.ndarray, turn: np.ndarray, half: np.ndarray) -> list[Piece]:
    return []


def _rolled(radius: float, shade: float, ring: float = 0.05):  # noqa: ANN202
    def collar(colour: np.ndarray, turn: np.ndarray, half: np.ndarray) -> list[Piece]:
        path = _surface(np.full_like(turn, ring), turn, half)
        return [tube(path, radius, np.clip(shade * colour, 0, 1), num_around=8)]

    return collar


def _turtleneck(colour: np.ndarray, turn: np.ndarray, half: np.ndarray) -> list[Piece]:
    along = np.linspace(0, 1, 6)[:, None]
    path = _surface(np.zeros((6, 1)) + 0 * turn, turn, half + np.array([0.012, 0.0, 0.012]))
    path[..., 1] += 0.16 * (1 - along) - 0.02
    bulge = 1 + 0.06 * np.sin(np.pi * along)
    path[..., 0] *= bulge
    path[..., 2] *= bulge
    ribs = 1 + 0.07 * np.cos(turn * 26)[None, :, None]
    top = tube(path[0], 0.028, np.clip(1.05 * colour, 0, 1), num_around=6)
    return [sheet(path, np.clip(colour * ribs, 0, 1)), top]


def _shirt_collar(colour: np.ndarray, turn: np.ndarray, half: np.ndarray) -> list[Piece]:
    """A band round the neck folded over into two flaps with points in front."""
    open_front = np.radians(9.0)
    around = np.linspace(open_front, 2 * np.pi - open_front, 41)
    from_front = np.degrees(np.minimum(around, 2 * np.pi - around))
    base = _surface(np.zeros_like(around), around, half)
    points = 0.16 * np.exp(-(((from_front - 22) / 16) ** 2))
    top, fold, edge = base.copy(), base.copy(), base.copy()
    top[:, 1] += 0.085
    fold[:, [0, 2]] *= 1.06
    fold[:, 1] += 0.095
    edge[:, [0, 2]] *= 1.20
    edge[:, 1] -= 0.02 + points
    edge[:, 2] += 0.04 * np.cos(around)
    inner = base.copy()
    inner[:, 1] -= 0.06
    strip = np.stack([inner, top, fold, 0.5 * (fold + edge), edge])[:, ::1]
    return [sheet(strip, np.clip(1.10 * colour + 0.02, 0, 1))]


def _hood(colour: np.ndarray, turn: np.ndarray, half: np.ndarray) -> list[Piece]:
    path = _surface(np.full_like(turn, 0.75), turn, half + np.array([0.05, 0.0, 0.02]))
    ahead = np.maximum(np.cos(turn), 0) ** 3
    path[:, 1] += 0.03 - 0.05 * ahead
    radius = 0.105 - 0.035 * ahead
    strings = []
    for side in (-1.0, 1.0):
        start = _surface(np.array([0.9]), np.array([side * 0.30]), half)[0] + [0.0, 0.0, 0.14]
        string = np.stack([start, start + [0.01 * side, -0.25, 0.02], start + [0, -0.6, 0.03]])
        strings.append(tube(string, 0.022, _WHITE, num_around=6))
    return [tube(path, radius, np.clip(0.93 * colour, 0, 1), num_around=10), joined(strings)]


_COLLARS = {
    "t-shirt": _rolled(0.024, 0.90),
    "sweater": _rolled(0.045, 1.08),
    "turtleneck": _turtleneck,
    "shirt": _shirt_collar,
    "hoodie": _hood,
    "v-neck": _no_collar,
}
