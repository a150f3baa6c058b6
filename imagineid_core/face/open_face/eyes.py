"""Lids that travel over eyeballs, and the eyeballs.

A lid is placed for any opening by the same rule: its margin moves between the open almond and the
lower lid, its skin stays on a sphere a lid's thickness outside the eyeball, and a skirt of
conjunctiva runs from the margin into the eyeball, so that no view finds a gap. Knows nothing about
coefficients or colour. Everything is built on the viewer's right (+x) and mirrored.
"""

from dataclasses import dataclass

import numpy as np

from imagineid_core.face.open_face import layout, skull

MARGIN_LOOP = 8  # the edge of the lid; outside it skin, inside it conjunctiva
_SKIRT = (1.004, 0.88, 0.70)  # of the eyeball's radius, loops 9 to 11
_EASE = (0.0, 0.20, 0.38, 0.54, 0.68, 0.80, 0.89, 0.955, 1.0)  # block to margin
_TRAVEL = (0.0, 0.0, 0.02, 0.16, 0.40, 0.65, 0.85, 0.96, 1.0)  # share of the margin's way
_CORNER_ANGLE = np.radians(36)

_INNER_CORNER = np.array([0.166, 0.268])
_OUTER_CORNER = np.array([0.462, 0.297])
_UPPER_HEIGHT, _LOWER_HEIGHT = 0.070, 0.056
_LAP = 0.007  # dm
_MEETING = 0.14  # where closed lids meet, as a share of the opening above the lower lid

IRIS_ANGLE = np.radians(27.5)
PUPIL_ANGLE = np.radians(11.0)
_RING_ANGLES = np.radians([3.5, 7.5, 10.9, 11.1, 16, 22, 26.8, 28.2, 34, 44, 56, 70, 86, 100])
NUM_SPOKES = 24


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How far each lid has gone its way: upper 1 = closed, -0.35 = wide; lower 1 = meets it."""

    upper: float = 0.0
    lower: float = 0.0


def lid_positions(perimeter: np.ndarray, opening: Opening) -> np.ndarray:
    """[loop, around, 3] of the eye at +x, whose loop 0 is `perimeter`."""
    angle = lid_angles()
    rest, moved = _margin(angle, Opening()), _margin(angle, opening)
    ease, travel = np.array(_EASE)[:, None, None], np.array(_TRAVEL)[:, None, None]
    flat = perimeter[None, :, :2] * (1 - ease) + rest * ease + (moved - rest) * travel
    skin = skull.front_of(flat[..., 0], flat[..., 1])
    skin[0] = perimeter
    outward = skin[MARGIN_LOOP] - skull.EYE_CENTRE
    outward = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    # A shut upper lid lies over the lower one.
    over = _LAP * max(opening.upper, 0.0) * np.maximum(np.sin(angle), 0)[:, None] ** 0.5
    skin[MARGIN_LOOP - 2 : MARGIN_LOOP + 1] += over * outward
    skirt = [skull.EYE_CENTRE + outward * skull.EYE_RADIUS * share for share in _SKIRT]
    return np.concatenate([skin, np.stack(skirt)])


def lid_angles() -> np.ndarray:
    """The angle of each vertex around the eye: 0 at the outer corner, pi at the inner one."""
    return layout.EYE_BLOCK.angles(_CORNER_ANGLE)


def mirrored_patch(patch: np.ndarray) -> np.ndarray:
    """The same loops on the other side of the face, still counter-clockwise."""
    return patch[:, layout.mirror_order(patch.shape[1])] * np.array([-1.0, 1.0, 1.0])


def eyeball() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions [vertex, 3] at +x, angle from the optical axis [vertex], and quads.

    Vertex 0 is the front pole; then rings of `num_spokes`. The pole's fan is made of quads whose
    last corner repeats, so that one rule splits them all.
    """
    spoke = np.arange(NUM_SPOKES) * 2 * np.pi / NUM_SPOKES
    rings = [
        np.stack(
            [
                np.sin(tilt) * np.cos(spoke),
                np.sin(tilt) * np.sin(spoke),
                np.full_like(spoke, np.cos(tilt)),
            ],
            axis=-1,
        )
        for tilt in _RING_ANGLES
    ]
    unit = np.concatenate([[[0.0, 0.0, 1.0]], *rings])
    tilt = np.concatenate([[0.0], np.repeat(_RING_ANGLES, NUM_SPOKES)])
    index = 1 + np.arange(len(_RING_ANGLES) * NUM_SPOKES).reshape(-1, NUM_SPOKES)
    quads = layout.loop_quads(index[::-1])
    return skull.EYE_CENTRE + unit * skull.EYE_RADIUS, tilt, quads


def pole_triangles() -> np.ndarray:
    ring = 1 + np.arange(NUM_SPOKES)
    return np.stack([np.zeros_like(ring), ring, np.roll(ring, -1)], axis=-1)


def _margin(angle: np.ndarray, opening: Opening) -> np.ndarray:
    """(x, y) of the lid's edge."""
    along = (1 - np.cos(angle)) / 2  # 0 at the outer corner, 1 at the inner
    base = _OUTER_CORNER + along[:, None] * (_INNER_CORNER - _OUTER_CORNER)
    height = np.abs(np.sin(angle))
    # The upper lid peaks toward the nose, the lower one toward the temple.
    top = _UPPER_HEIGHT * height**0.85 * (1 + 0.18 * np.cos(angle) * -1)
    bottom = -_LOWER_HEIGHT * height**0.95 * (1 + 0.18 * np.cos(angle))
    meet = bottom + _MEETING * (top - bottom)
    upper = top + opening.upper * (meet - top)
    lower = bottom + opening.lower * (meet - bottom)
    y = base[:, 1] + np.where(np.sin(angle) >= 0, upper, lower)
    return np.stack([base[:, 0], y], axis=-1)
