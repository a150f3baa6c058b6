"""Ears that grow out of the head's own grid: loops from the root over the rim into the hollow.

Knows nothing about coefficients or colour. Built on the viewer's right (+x) and mirrored.
"""

import numpy as np

from imagineid_core.face.open_face import layout, skull
from imagineid_core.face.open_face.fields import rise

_CENTRE = np.array([0.14, -0.615])  # y, z
_TILT = np.radians(12)  # the upper end leans back
CORNER_ANGLE = np.radians(56)

# Outline seen from the side, by angle in degrees from backward over up: reach in dm.
_OUTLINE = {
    0: 0.205, 25: 0.225, 50: 0.260, 75: 0.295, 100: 0.285, 125: 0.215, 150: 0.135,
    180: 0.105, 210: 0.115, 235: 0.175, 255: 0.265, 270: 0.290, 290: 0.265, 315: 0.215, 340: 0.200,
}  # fmt: skip

# Loop 1 onward, behind and in front: share of the outline behind; share in front, where the ear
# lies flat on the head; lift off the head as share of the ear's plane; lift beside the plane.
_LOOPS = (
    (0.66, 1.30, 0.00, -0.004),
    (0.74, 1.16, 0.55, 0.000),
    (0.96, 1.05, 0.90, 0.000),
    (1.00, 0.97, 1.00, 0.012),
    (0.91, 0.90, 1.00, 0.020),
    (0.80, 0.84, 1.00, -0.014),
    (0.62, 0.74, 1.00, 0.010),
    (0.44, 0.58, 0.80, -0.050),
    (0.004, 0.004, 0.50, -0.060),
)
_HOLLOW = np.array([-0.045, -0.020])  # its middle from the ear's: backward, up


def ear_positions(perimeter: np.ndarray) -> np.ndarray:
    """[loop, around, 3] of the ear at +x, whose loop 0 is `perimeter`."""
    angle = layout.EAR_BLOCK.angles(CORNER_ANGLE)
    degrees = np.degrees(angle)
    outline = _reach(degrees)
    # 1 where the rim stands off, 0 in front, from where it springs to the lobe.
    free = rise(np.abs((degrees - 190 + 180) % 360 - 180), 32, 78)
    tragus = 0.022 * np.exp(-(((degrees - 192) / 16) ** 2))
    loops = [perimeter]
    for behind, before, lift, beside in _LOOPS:
        share = behind * free + before * (1 - free)
        backward = outline * np.cos(angle) * share + _HOLLOW[0] * np.maximum(1 - share, 0)
        up = outline * np.sin(angle) * share + _HOLLOW[1] * np.maximum(1 - share, 0)
        plane = 0.012 + 0.52 * np.maximum(backward + 0.115, 0)
        points = _side_of(*_placed(backward, up))
        lifted = plane * lift + beside
        # Outside the hollow nothing sinks into the head, and the front lies flat on it.
        points[:, 0] += lifted if share.max() < 0.7 else np.maximum(lifted * free, 0.003 * lift)
        points[:, 0] += tragus * np.exp(-(((share - 0.86) / 0.10) ** 2))
        loops.append(points)
    return np.stack(loops)


def _placed(backward: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = _CENTRE[0] + up * np.cos(_TILT) - backward * np.sin(_TILT)
    z = _CENTRE[1] - backward * np.cos(_TILT) - up * np.sin(_TILT)
    return y, z


def _side_of(y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The head's surface straight outward at (y, z)."""
    origins = np.stack([np.full_like(y, 0.3), y, z], axis=-1)
    return skull.leave(origins, np.broadcast_to([1.0, 0.0, 0.0], origins.shape))


def _reach(degrees: np.ndarray) -> np.ndarray:
    """The outline, rounded over a few degrees to either side."""
    at, reach = np.array(sorted(_OUTLINE)), [_OUTLINE[degree] for degree in sorted(_OUTLINE)]
    around = [np.interp(degrees + shift, at, reach, period=360) for shift in range(-16, 17, 4)]
    return np.mean(around, axis=0)
