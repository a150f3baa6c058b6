"""How heads differ: named directions of shape, and smooth small ones that no word covers.

One unit of a direction is about one standard deviation. Inside an orbit everything moves with the
eyeball, so lids fit their eyes in every head. Knows nothing about who has which shape: directions
are measures of a head, never labels of people.
"""

import numpy as np

from imagineid_core.face.open_face import eyes, mouth, skull
from imagineid_core.face.open_face.expression import lip_weights
from imagineid_core.face.open_face.fields import (
    away_from_middle,
    bump,
    on_both_sides,
    rise,
    scattered,
    waves,
)
from imagineid_core.face.open_face.rest import SIDES, RestFace, lid_motion

_SPREAD = 0.62  # of every named direction: together they add up
_ORBIT = (0.18, 0.42)  # dm from the eye's centre: rigid inside, free outside
_MORE_OPEN = eyes.Opening(upper=-0.07, lower=-0.15)
_SMALL = 0.0045  # dm, the first of the smooth fields; later ones are smaller


def named_fields(face: RestFace) -> dict[str, np.ndarray]:
    """Displacements [vertex, 3] of one unit, by name."""
    fields = (
        _skull_fields(face.vertices) | _face_fields(face.vertices) | _nose_fields(face.vertices)
    )
    fields = {name: _with_rigid_orbits(face, field) for name, field in fields.items()}
    fields |= _mouth_fields(face) | _eye_fields(face) | _ear_fields(face)
    return {name: _SPREAD * field for name, field in fields.items()}


def smooth_fields(face: RestFace, count: int) -> dict[str, np.ndarray]:
    """Low waves over the whole head; two in three alike on both sides, the rest not."""
    points = face.vertices
    across = points * np.array([-1.0, 1.0, 1.0])
    where = rise(points[:, 1], -1.3, -0.8)
    fields = {}
    for index in range(count):
        is_even = index % 3 != 2
        here = waves(points, index + 40, 2.2, 0.8)
        there = waves(across, index + 40, 2.2, 0.8)
        direction = scattered(index + 200, 3) - 0.5
        moved = (here if not is_even else here + there)[:, None] * direction
        if is_even:  # a mirror image moves the other way in x
            moved[:, 0] = (here - there) * direction[0]
        amount = _SMALL / np.sqrt(1 + index / 8) * (0.7 if is_even else 0.6)
        field = amount * where[:, None] * moved / np.linalg.norm(direction)
        fields[f"smooth_{index}"] = _with_rigid_orbits(face, field)
    return fields


def _skull_fields(points: np.ndarray) -> dict[str, np.ndarray]:
    x, y, z = points.T
    head = rise(y, -1.35, -0.75)
    return {
        "head_width": _field(x=0.040 * x * head),
        "head_depth": _field(z=0.035 * (z + 0.35) * head * rise(z, -0.1, -0.6)),
        "cranium_height": _field(y=0.060 * rise(y, 0.55, 1.35)),
        "forehead_height": _field(y=0.030 * rise(y, 0.35, 0.75)),
        "forehead_slope": _field(z=-0.050 * rise(y, 0.50, 1.05) * rise(z, -0.5, 0.1)),
        "temple_width": _field(x=0.028 * _away(points, (0.60, 0.50, -0.15), (0.2, 0.22, 0.3))),
        "face_length": _field(y=-0.060 * rise(y, 0.15, -0.70) * rise(y, -1.4, -0.9)),
        "neck_width": _field(
            x=0.10 * x * rise(y, -0.55, -1.0) * rise(z, 0.0, -0.3),
            z=0.05 * (z + 0.75) * rise(y, -0.65, -1.0) * rise(z, 0.0, -0.3),
        ),
    }


def _face_fields(points: np.ndarray) -> dict[str, np.ndarray]:
    x, y, z = points.T
    chin = bump(points, (0.0, -0.74, 0.15), (0.20, 0.14, 0.22))
    jaw = rise(y, -0.05, -0.45) * rise(y, -1.05, -0.75)
    cheek = on_both_sides(points, (0.34, -0.22, 0.05), (0.15, 0.18, 0.22))
    brow = bump(points, (0.0, 0.46), (0.30, 0.07)) * rise(z, -0.2, 0.1)
    return {
        "cheekbone_width": _field(x=0.026 * _away(points, (0.52, 0.06, -0.15), (0.22, 0.16, 0.35))),
        "cheekbone_height": _field(
            z=0.022 * on_both_sides(points, (0.36, 0.06, 0.1), (0.12, 0.09, 0.2)),
            y=0.012 * on_both_sides(points, (0.36, 0.06, 0.1), (0.14, 0.12, 0.2)),
        ),
        "cheek_fullness": _field(x=0.036 * cheek * away_from_middle(points), z=0.024 * cheek),
        "jaw_width": _field(x=0.075 * x * jaw * rise(z, 0.5, -0.1)),
        "jaw_height": _field(
            y=-0.045 * on_both_sides(points, (0.44, -0.44, -0.35), (0.2, 0.16, 0.3))
        ),
        "jaw_taper": _field(
            x=0.14 * x * bump(points, (0.0, -0.62, 0.0), (0.5, 0.16, 0.4)) * rise(z, -0.5, 0.0)
        ),
        "chin_length": _field(y=-0.040 * rise(y, -0.50, -0.80) * rise(y, -1.25, -0.9)),
        "chin_forward": _field(z=0.045 * chin),
        "chin_width": _field(x=0.22 * x * chin),
        "chin_cleft": _field(z=-0.010 * bump(points, (0.0, -0.72), (0.03, 0.08)) * rise(z, 0, 0.2)),
        "brow_ridge": _field(z=0.022 * brow),
        "brow_height": _field(y=0.018 * bump(points, (0.0, 0.48), (0.4, 0.10)) * rise(z, -0.3, 0)),
        "brow_tilt": _field(
            y=0.016 * (np.abs(x) - 0.25) / 0.15 * bump(points, (0.0, 0.47), (0.3, 0.09))
            * rise(z, -0.2, 0.05)
        ),
        "nasolabial_depth": _field(
            z=-0.009 * on_both_sides(points, (0.235, -0.21), (0.035, 0.10)) * rise(z, -0.1, 0.1)
        ),
        "under_chin": _field(y=-0.040 * bump(points, (0.0, -0.90, -0.10), (0.25, 0.12, 0.2))),
    }  # fmt: skip


def _nose_fields(points: np.ndarray) -> dict[str, np.ndarray]:
    x, y, z = points.T
    nose = bump(points, (0.0, -0.02, 0.40), (0.13, 0.15, 0.16))
    tip = bump(points, (0.0, -0.05, 0.45), (0.10, 0.09, 0.13))
    bridge = bump(points, (0.0, 0.20, 0.32), (0.09, 0.13, 0.16))
    root = bump(points, (0.0, 0.36, 0.26), (0.09, 0.09, 0.14))
    return {
        "nose_length": _field(y=-0.034 * rise(y, 0.36, -0.02) * bump(
            points, (0.0, -0.02, 0.36), (0.16, 0.22, 0.2)
        )),
        "nose_projection": _field(z=0.042 * nose),
        "nose_width": _field(x=0.15 * x * bump(points, (0.0, -0.07, 0.3), (0.16, 0.10, 0.2))),
        "nose_tip_size": _field(x=0.10 * x * tip, z=0.010 * tip, y=-0.010 * tip),
        "nose_tip_up": _field(y=0.026 * tip, z=0.006 * tip),
        "nose_bridge_height": _field(z=0.020 * bridge),
        "nose_bridge_width": _field(x=0.20 * x * bump(points, (0, 0.14, 0.25), (0.09, 0.14, 0.2))),
        "nose_root_depth": _field(z=-0.018 * root),
        "nose_wing_height": _field(
            y=0.016 * on_both_sides(points, (0.13, -0.08, 0.3), (0.045, 0.06, 0.10))
        ),
    }  # fmt: skip


def _mouth_fields(face: RestFace) -> dict[str, np.ndarray]:
    points = face.vertices
    x, y, z = points.T
    near = bump(points, (0.0, -0.37), (0.24, 0.13)) * rise(z, -0.25, 0.15)
    upper, lower = lip_weights(face)
    red = _red(face)
    return {
        "mouth_width": _field(x=0.10 * x * near),
        "mouth_height": _field(y=0.022 * near),
        "mouth_forward": _field(z=0.024 * bump(points, (0, -0.37, 0.3), (0.2, 0.16, 0.25))),
        "mouth_curve": _field(y=0.30 * (np.abs(x) - 0.12) * np.abs(x) * near),
        "upper_lip_fullness": _field(y=0.016 * red * upper, z=0.010 * red * upper),
        "lower_lip_fullness": _field(y=-0.020 * red * lower, z=0.012 * red * lower),
        "lip_bow": _field(y=0.010 * red * upper * np.cos(np.abs(x) / 0.065 * np.pi) * -1),
    }


def _eye_fields(face: RestFace) -> dict[str, np.ndarray]:
    points = face.vertices
    spacing, height, depth, size, tilt, opening = (np.zeros_like(points) for _ in range(6))
    for place, side in enumerate(SIDES):
        centre = skull.EYE_CENTRE * np.array([side, 1.0, 1.0])
        inside = _orbit_weight(points, centre)
        inside[face.eyeballs[place]] = 1.0
        spacing[:, 0] += 0.014 * side * inside
        height[:, 1] += 0.014 * inside
        depth[:, 2] += 0.014 * inside
        from_centre = points - centre
        size += 0.055 * inside[:, None] * from_centre
        turned = np.cross([0.0, 0.0, side], from_centre)
        lids = inside.copy()
        lids[face.eyeballs[place]] = 0.0
        tilt += 0.055 * lids[:, None] * turned
        opening[face.skin.eyes[place]] = lid_motion(place, _MORE_OPEN)
    return {
        "eye_spacing": spacing,
        "eye_height": height,
        "eye_depth": depth,
        "eye_size": size,
        "eye_tilt": tilt,
        "eye_opening": opening,
    }


def _ear_fields(face: RestFace) -> dict[str, np.ndarray]:
    size, flare, height = (np.zeros_like(face.vertices) for _ in range(3))
    for place, side in enumerate(SIDES):
        patch = face.skin.ears[place]
        points = face.vertices[patch]
        root = points[1].mean(axis=0)
        grown = rise(np.arange(len(patch)), 0, 2)[:, None, None]
        from_root = points - root
        size[patch] += 0.075 * grown * from_root
        stand_off = np.maximum(side * from_root[..., 0], 0)
        flare[patch, 0] += (0.24 * side * stand_off) * grown[..., 0]
        height[patch, 1] += 0.020 * np.broadcast_to(grown[..., 0], stand_off.shape)
    return {"ear_size": size, "ear_flare": flare, "ear_height": height}


def _with_rigid_orbits(face: RestFace, field: np.ndarray) -> np.ndarray:
    """Inside each orbit replace the field by one translation, its mean over the lids' edge."""
    field = field.copy()
    for place, side in enumerate(SIDES):
        centre = skull.EYE_CENTRE * np.array([side, 1.0, 1.0])
        inside = _orbit_weight(face.vertices, centre)
        inside[face.eyeballs[place]] = 1.0
        moved = field[face.skin.eyes[place][eyes.MARGIN_LOOP]].mean(axis=0)
        field += inside[:, None] * (moved - field)
    return field


def _orbit_weight(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return rise(np.linalg.norm(points - centre, axis=1), _ORBIT[1], _ORBIT[0])


def _red(face: RestFace) -> np.ndarray:
    """Strongest in the middle of the red, 0 where the lips touch and beyond the skin beside."""
    loops = face.skin.mouth
    number = np.arange(len(loops))
    weight = np.zeros(len(face.vertices))
    fade = rise(number, 2.0, mouth.BORDER_LOOP + 1) * rise(number, mouth.CONTACT_LOOP, 7)
    weight[loops] = fade[:, None]
    return weight


def _away(points: np.ndarray, centre: tuple, widths: tuple) -> np.ndarray:
    """A hill on both sides, signed so that x moves away from the middle."""
    return on_both_sides(points, centre, widths) * away_from_middle(points)


def _field(
    x: np.ndarray | float = 0.0, y: np.ndarray | float = 0.0, z: np.ndarray | float = 0.0
) -> np.ndarray:
    size = max(np.size(x), np.size(y), np.size(z))
    return np.stack([np.broadcast_to(axis, size) for axis in (x, y, z)], axis=-1).astype(float)
