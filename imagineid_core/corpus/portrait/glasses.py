"""Glasses that sit on the nose and reach the ears of any head; rims two pixels thick at 128.

Knows nothing about what the eyes behind them do.
"""

import numpy as np

from imagineid_core.corpus.portrait.attributes import COLOURS, PortraitAttributes
from imagineid_core.corpus.portrait.pieces import Piece, joined, smooth_path, tube
from imagineid_core.face.open_face.rest import SIDES, rest_face

_ROD = 0.026  # dm; two pixels at 128
_HALF_WIDTH, _HALF_HEIGHT = 0.215, 0.165
_ROUNDNESS = {"round": 2.0, "square": 5.0}  # exponent of the rim's superellipse


def glasses_piece(attributes: PortraitAttributes, head_vertices: np.ndarray) -> Piece | None:
    """Of a head's vertices without expression; None without glasses."""
    if attributes.glasses == "none":
        return None
    face = rest_face()
    albedo = 0.75 * np.array(COLOURS[attributes.glasses_colour])
    power = 2 / _ROUNDNESS[attributes.glasses]
    bridge = head_vertices[face.skin.grid[20, 0]]
    turn = np.linspace(0, 2 * np.pi, 33)
    rods = []
    inner_ends = []
    for place, side in enumerate(SIDES):
        eye = head_vertices[face.eyeballs[place][0]]
        spread = _HALF_WIDTH * (1.0 if attributes.glasses == "square" else 0.92)
        cos, sin = np.cos(turn), np.sin(turn)
        x = side * spread * np.sign(cos) * np.abs(cos) ** power
        y = _HALF_HEIGHT * np.sign(sin) * np.abs(sin) ** power
        front = max(eye[2] + 0.10, bridge[2] - 0.02)
        # The frame bends back a little toward the temples.
        z = front - 0.30 * np.maximum(side * x, 0) ** 2 - 0.06 * side * x
        rim = np.stack([eye[0] + x, eye[1] - 0.02 + y, z], axis=-1)
        rods.append(tube(rim, _ROD, albedo, num_around=6))
        inner_ends.append(rim[np.argmin(side * rim[:, 0])] + np.array([0, 0.05, 0]))
        outer = rim[np.argmax(side * rim[:, 0])] + np.array([0, 0.04, 0])
        ear = head_vertices[face.skin.ears[place][2]]
        top = ear[np.argmax(ear[:, 1])]
        hinge = outer + np.array([side * 0.035, 0.0, -0.03])
        beside = np.array([side * (abs(top[0]) + 0.035), top[1] + 0.0, top[2] + 0.30])
        hook = np.array([side * (abs(top[0]) + 0.03), top[1] - 0.02, top[2]])
        rods.append(tube(smooth_path([outer, hinge, beside, hook], 14), _ROD, albedo, 6))
    left, right = inner_ends
    middle = np.array(
        [0.0, (left[1] + right[1]) / 2 + 0.025, max(left[2], bridge[2] + _ROD) + 0.01]
    )
    rods.append(tube(smooth_path([left, middle, right], 9), _ROD, albedo, 6))
    return joined(rods)
