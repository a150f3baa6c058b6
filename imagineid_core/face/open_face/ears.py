"""Ears that grow out of the head's own grid: loops from the root over the rim into the hollow.

Knows nothing about coefficients or colour. Built on the viewer's right (+x) and mirrored.
"""

import numpy as np

from imagineid_core.face.open_face import layout, skull

RIM_LOOP = 4
_CENTRE = np.array([0.14, -0.615])  # y, z
_TILT = np.radians(12)  # the upper end leans back
_CORNER_ANGLE = np.radians(56)

# Outline seen from the side, by angle in degrees from backward over up: reach in dm.
_OUTLINE = {
    0: 0.205, 25: 0.225, 50: 0.260, 75: 0.295, 100: 0.285, 125: 0.215, 150: 0.135,
    180: 0.105, 210: 0.115, 235: 0.175, 255: 0.265, 270: 0.290, 290: 0.265, 315: 0.215, 340: 0.200,
}  # fmt: skip

# Loop 1 onward: share of the outline, distance from the head as share of the outline's, extra lift.
_LOOPS = (
    (0.72, 0.00, -0.012),
    (0.80, 0.62, -0.005),
    (0.97, 0.93, 0.000),
    (1.00, 1.06, 0.010),
    (0.90, 1.02, 0.016),
    (0.80, 0.88, -0.012),
    (0.56, 0.86, -0.004),
    (0.003, 0.25, -0.040),
)


def ear_positions(perimeter: np.ndarray) -> np.ndarray:
    """[loop, around, 3] of the ear at +x, whose loop 0 is `perimeter`."""
    angle = layout.EAR_BLOCK.angles(_CORNER_ANGLE)
    outline = _reach(np.degrees(angle))
    backward, up = outline * np.cos(angle), outline * np.sin(angle)
    # The front edge lies on the head; the back edge stands off.
    stand_off = 0.020 + 0.50 * np.maximum(backward + 0.10, 0) ** 1.0 + 0.03 * np.maximum(up, 0)
    loops = [perimeter]
    for share, lift, extra in _LOOPS:
        # The hollow lies toward the front.
        shift = -0.035 * (1 - share)
        y, z = _placed(backward * share + shift, up * share)
        root = _side_of(y, z)
        root[:, 0] += stand_off * lift + extra
        loops.append(root)
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
