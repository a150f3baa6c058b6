"""What faces do: one displacement field for each named control, and small smooth ones beside.

Every field is linear: half the control moves every vertex half the way. Fields that must not open
the mouth move both lips alike where they touch. Knows nothing about emotions or phonemes.
"""

import numpy as np

from imagineid_core.face.open_face import eyes, mouth, skull
from imagineid_core.face.open_face.fields import (
    away_from_middle,
    bump,
    on_both_sides,
    rise,
    scattered,
    waves,
)
from imagineid_core.face.open_face.rest import SIDES, RestFace, lid_motion

JAW_ANGLE = 0.33  # radians at jaw_open = 1
JAW_HINGE = np.array([0.0, 0.10, -0.62])
_GAZE_ANGLE = 0.34  # radians at gaze_right = 1

_UPPER_SHARE = 0.35  # of the gap that the upper lip closes in lip_close
# A little past meeting, so that eyes which are more open than most shut too.
_SHUT = eyes.Opening(upper=1.16, lower=1.0)
_SMALL = 0.006  # dm, the small smooth fields


def named_fields(face: RestFace) -> dict[str, np.ndarray]:
    """Displacements [vertex, 3] at control 1, by name; `_L` is the person's left (+x)."""
    jaw = jaw_weight(face)
    fields = _jaw_fields(face, jaw)
    fields |= _lip_fields(face, fields["jaw_open"])
    fields |= _cheek_fields(face)
    fields |= _eye_fields(face)
    fields |= _brow_fields(face)
    return fields | _tongue_fields(face)


def smooth_fields(face: RestFace, count: int) -> dict[str, np.ndarray]:
    """Small motions of the soft face that no name covers; they leave lids and eyes alone."""
    points = face.vertices
    where = (
        bump(points, (0.0, -0.15), (0.40, 0.42))
        * rise(points[:, 2], -0.35, 0.1)
        * _is_soft(face)
        * _above_eyes(face)
    )
    fields = {}
    for index in range(count):
        pattern = waves(points, index, 1.1, 0.5) * where
        direction = scattered(index + 100, 3) - 0.5
        direction = direction / np.linalg.norm(direction)
        fields[f"smooth_{index}"] = _SMALL * pattern[:, None] * direction
    return fields


def jaw_weight(face: RestFace) -> np.ndarray:
    """How much each vertex goes with the lower jaw, 0..1.

    Round the lips the weight is (1 - sin angle) / 2, so that an opening mouth is an ellipse.
    """
    points = face.vertices
    up, ahead = points[:, 1] - JAW_HINGE[1], points[:, 2] - JAW_HINGE[2]
    angle = np.degrees(np.arctan2(up, np.maximum(ahead, 1e-3)))
    weight = rise(angle, -15, -40)
    low = rise(points[:, 1], -0.45, -0.75)  # under the jaw the neck begins further forward
    weight = weight * rise(points[:, 1], -1.12, -0.90)
    weight = weight * rise(points[:, 2] - 0.28 * low, -0.72, -0.30)
    loops = face.skin.mouth
    around = (1 - np.sin(mouth.mouth_angles())) / 2
    share = rise(np.arange(len(loops)) / mouth.CONTACT_LOOP, 0.0, 0.75)[:, None]
    weight[loops] = weight[loops] * (1 - share) + around * share
    weight[face.teeth] = np.where(face.teeth_upper, 0.0, 1.0)
    weight[face.tongue] = 0.75 + 0.25 * face.tongue_forward
    _clear_head(weight, face)
    return weight


def lip_weights(face: RestFace) -> tuple[np.ndarray, np.ndarray]:
    """(upper, lower) 0..1: full on the red, fading over the skin of the patch to its edge."""
    loops = face.skin.mouth
    height = np.sin(mouth.mouth_angles())
    number = np.arange(len(loops))
    share = rise(number, 0.5, mouth.BORDER_LOOP) * rise(number, len(loops) - 1, mouth.GUM_LOOP)
    upper, lower = np.zeros(len(face.vertices)), np.zeros(len(face.vertices))
    upper[loops] = share[:, None] * np.maximum(height, 0) ** 0.8
    lower[loops] = share[:, None] * np.maximum(-height, 0) ** 0.8
    return upper, lower


def _jaw_fields(face: RestFace, jaw: np.ndarray) -> dict[str, np.ndarray]:
    from_hinge = face.vertices - JAW_HINGE
    cos, sin = np.cos(JAW_ANGLE), np.sin(JAW_ANGLE)
    turned = np.stack(
        [
            from_hinge[:, 0],
            cos * from_hinge[:, 1] - sin * from_hinge[:, 2],
            sin * from_hinge[:, 1] + cos * from_hinge[:, 2],
        ],
        axis=-1,
    )
    opened = jaw[:, None] * (turned - from_hinge)
    corners = on_both_sides(face.vertices, (0.26, -0.38, 0.25), (0.10, 0.12, 0.14))
    opened[:, 0] -= 0.028 * corners * away_from_middle(face.vertices) * _is_soft(face)
    return {
        "jaw_open": opened,
        "jaw_left": _along(_sealed(face, jaw), (0.042, 0.0, 0.0)),
        "jaw_forward": _along(_sealed(face, jaw), (0.0, 0.0, 0.045)),
    }


def _lip_fields(face: RestFace, jaw_open: np.ndarray) -> dict[str, np.ndarray]:
    points, soft = face.vertices, _is_soft(face)
    upper, lower = lip_weights(face)
    both = upper + lower
    fields = {"lip_close": _lip_close(face, jaw_open)}
    red = _red_weight(face)
    near = bump(points, (0.0, -0.37), (0.19, 0.13)) * rise(points[:, 2], -0.1, 0.15) * soft
    x, y = points[:, 0], points[:, 1] + 0.37

    narrow = bump(points, (0.0, -0.37), (0.24, 0.16)) * rise(points[:, 2], -0.1, 0.12) * soft
    fields["pucker"] = np.stack(
        [-0.40 * x * narrow, 0.10 * y * near, 0.085 * near * np.exp(-((x / 0.22) ** 2))], axis=-1
    )
    fields["funnel"] = np.stack([-0.24 * x * narrow, 0.05 * (upper - lower), 0.075 * near], axis=-1)
    fields["stretch"] = np.stack(
        [0.26 * x * narrow, -0.22 * y * near, -0.020 * near - 0.30 * x**2 * narrow], axis=-1
    )
    firm = np.stack([-0.10 * x * narrow, -0.26 * y * red, 0.012 * red + 0.008 * near], axis=-1)
    fields["lip_press"] = firm
    fields["lip_roll_in"] = np.stack([np.zeros_like(x), -0.58 * y * red, -0.040 * red], axis=-1)
    fields["upper_lip_raise"] = _along(upper, (0.0, 0.060, 0.004))
    fields["lower_lip_down"] = _along(lower, (0.0, -0.062, 0.004))
    fields["upper_lip_forward"] = _along(_sealed(face, upper), (0.0, 0.003, 0.035))
    fields["lower_lip_forward"] = _along(_sealed(face, lower), (0.0, -0.003, 0.035))
    fields["mouth_left"] = _along(near * 0.8 + 0.2 * both * soft, (0.06, 0.0, 0.0))
    fields["chin_raise"] = _along(
        bump(points, (0.0, -0.60, 0.25), (0.17, 0.11, 0.16)) * soft, (0.0, 0.045, 0.012)
    ) + _along(near, (0.0, 0.012, 0.004))
    return fields


def _cheek_fields(face: RestFace) -> dict[str, np.ndarray]:
    points, soft = face.vertices, _is_soft(face)
    fields = {}
    for side, letter in zip(SIDES, "RL", strict=True):
        corner = bump(points, (side * 0.26, -0.38, 0.22), (0.105, 0.10, 0.16)) * soft
        # Along a smile the line of the lips is a bow, not a V.
        bow = corner * np.clip(side * points[:, 0] / 0.26, 0, 1.15)
        cheek = bump(points, (side * 0.36, 0.0, 0.12), (0.13, 0.12, 0.2)) * soft
        fold = bump(points, (side * 0.30, -0.20, 0.18), (0.09, 0.12, 0.16)) * soft
        fields[f"smile_{letter}"] = (
            _along(corner, (side * 0.066, 0.0, -0.050))
            + _along(bow, (0.0, 0.068, 0.0))
            + _along(cheek, (side * 0.004, 0.030, 0.026))
            + _along(fold, (side * 0.030, 0.022, 0.006))
        )
        fields[f"frown_{letter}"] = _along(bow, (side * 0.008, -0.060, -0.012)) + _along(
            bump(points, (side * 0.20, -0.50, 0.2), (0.10, 0.08, 0.15)) * soft, (0.0, -0.015, 0.01)
        )
        fields[f"dimple_{letter}"] = _along(corner, (side * 0.035, 0.004, -0.050))
        fields[f"cheek_puff_{letter}"] = _along(
            bump(points, (side * 0.36, -0.28, 0.08), (0.12, 0.14, 0.16)) * soft,
            (side * 0.070, 0.0, 0.055),
        )
        fields[f"sneer_{letter}"] = (
            _along(bump(points, (side * 0.12, -0.07, 0.33), (0.06, 0.08, 0.12)), (0.0, 0.035, 0.0))
            + _along(fold, (0.0, 0.020, 0.012))
            + _along(lip_weights(face)[0] * rise(side * points[:, 0], -0.03, 0.14), (0, 0.035, 0))
        )
    nose = bump(points, (0.0, 0.26, 0.26), (0.10, 0.09, 0.16)) * soft
    wings = on_both_sides(points, (0.13, -0.07, 0.30), (0.05, 0.06, 0.10)) * soft
    sides = away_from_middle(points)
    fields["nose_wrinkle"] = _along(nose, (0.0, -0.012, 0.010)) + _along(wings, (0.0, 0.034, 0.0))
    fields["nostril_flare"] = np.stack([0.028 * wings * sides, 0.008 * wings, 0.0 * wings], axis=-1)
    return fields


def _eye_fields(face: RestFace) -> dict[str, np.ndarray]:
    points, soft = face.vertices, _is_soft(face)
    fields = {}
    for place, (side, letter) in enumerate(zip(SIDES, "RL", strict=True)):
        cheek = bump(points, (side * 0.33, 0.08, 0.12), (0.13, 0.055, 0.2)) * soft
        fields[f"blink_{letter}"] = _lid_field(face, place, _SHUT)
        fields[f"squint_{letter}"] = _lid_field(
            face, place, eyes.Opening(upper=0.22, lower=2.2)
        ) + _along(cheek, (0.0, 0.022, 0.016))
        fields[f"eye_wide_{letter}"] = _lid_field(
            face, place, eyes.Opening(upper=-0.36, lower=-0.9)
        )
    fields["gaze_right"] = np.zeros_like(points)
    fields["gaze_up"] = np.zeros_like(points)
    for place, side in enumerate(SIDES):
        ball = face.eyeballs[place]
        from_centre = points[ball] - skull.EYE_CENTRE * np.array([side, 1.0, 1.0])
        fields["gaze_right"][ball] = _GAZE_ANGLE * np.cross([0.0, 1.0, 0.0], from_centre)
        fields["gaze_up"][ball] = 0.78 * _GAZE_ANGLE * np.cross([-1.0, 0.0, 0.0], from_centre)
    return fields


def _brow_fields(face: RestFace) -> dict[str, np.ndarray]:
    points = face.vertices
    skin = _above_eyes(face)
    inner = on_both_sides(points, (0.10, 0.47), (0.10, 0.10)) * skin
    middle = bump(points, (0.0, 0.48), (0.09, 0.10)) * skin
    fields = {"brow_up_inner": _along(inner, (0.0, 0.070, 0.004))}
    for side, letter in zip(SIDES, "RL", strict=True):
        outer = bump(points, (side * 0.38, 0.47), (0.16, 0.11)) * skin
        near = bump(points, (side * 0.16, 0.45), (0.11, 0.08)) * skin
        fields[f"brow_up_outer_{letter}"] = _along(outer, (0.0, 0.070, 0.002))
        fields[f"brow_down_{letter}"] = _along(near, (-side * 0.028, -0.052, 0.016)) + _along(
            outer * 0.35, (-side * 0.01, -0.030, 0.004)
        )
    fields["brow_furrow"] = np.stack(
        [-0.22 * points[:, 0] * inner, -0.012 * middle, 0.014 * middle], axis=-1
    )
    fields["forehead_up"] = _along(
        bump(points, (0.0, 0.75), (0.35, 0.14)) * skin, (0.0, 0.030, 0.0)
    )
    return fields


def _tongue_fields(face: RestFace) -> dict[str, np.ndarray]:
    up, out = np.zeros_like(face.vertices), np.zeros_like(face.vertices)
    forward = face.tongue_forward
    up[face.tongue, 1] = 0.105 * rise(forward, 0.25, 1.0)
    out[face.tongue, 2] = 0.095 * rise(forward, 0.0, 0.8)
    out[face.tongue, 1] = 0.055 * rise(forward, 0.2, 0.8)
    return {"tongue_up": up, "tongue_out": out}


def _lip_close(face: RestFace, jaw_open: np.ndarray) -> np.ndarray:
    """Undo exactly the gap that jaw_open makes, so that lip_close = jaw_open shuts the mouth."""
    loops = face.skin.mouth
    num_around = loops.shape[1]
    around = np.arange(num_around)
    opposite = (-around) % num_around
    contact = loops[mouth.CONTACT_LOOP]
    gap = jaw_open[contact[opposite]] - jaw_open[contact]  # toward the other lip
    is_upper = np.sin(mouth.mouth_angles()) > 0
    share = np.where(is_upper, _UPPER_SHARE, 1 - _UPPER_SHARE)[:, None]
    number = np.arange(len(loops))
    fade = rise(number, 0, mouth.CONTACT_LOOP - 2) * rise(number, len(loops) - 1, mouth.GUM_LOOP)
    field = np.zeros_like(face.vertices)
    field[loops] = fade[:, None, None] * (share * gap)[None]
    return field


def _sealed(face: RestFace, weight: np.ndarray) -> np.ndarray:
    """The same weight, but alike on both lips where they touch, so that they stay shut."""
    loops = face.skin.mouth
    both = 0.5 * (weight[loops] + weight[loops[:, (-np.arange(loops.shape[1])) % loops.shape[1]]])
    share = rise(np.arange(len(loops)), mouth.BORDER_LOOP, mouth.CONTACT_LOOP)[:, None]
    sealed = weight.copy()
    sealed[loops] += share * (both - weight[loops])
    return sealed


def _red_weight(face: RestFace) -> np.ndarray:
    """1 on the red of the lips, fading over the skin beside it; 0 inside."""
    loops = face.skin.mouth
    number = np.arange(len(loops))
    fade = rise(number, 1.5, mouth.BORDER_LOOP) * rise(number, 13.5, mouth.CONTACT_LOOP)
    weight = np.zeros(len(face.vertices))
    weight[loops] = fade[:, None] * np.abs(np.sin(mouth.mouth_angles())) ** 0.5
    return weight


def _lid_field(face: RestFace, place: int, opening: eyes.Opening) -> np.ndarray:
    field = np.zeros_like(face.vertices)
    field[face.skin.eyes[place]] = lid_motion(place, opening)
    return field


def _is_soft(face: RestFace) -> np.ndarray:
    """1 on skin and lips, 0 on eyeballs, lids' inside, teeth, tongue and the pocket's depth."""
    soft = np.ones(len(face.vertices))
    loops = face.skin.mouth
    soft[loops] = rise(np.arange(len(loops)), len(loops) - 2, mouth.GUM_LOOP)[:, None]
    for ball in face.eyeballs:
        soft[ball] = 0.0
    soft[face.teeth] = 0.0
    soft[face.tongue] = 0.0
    for patch in face.skin.eyes:
        soft[patch] = rise(np.arange(len(patch)), 5.0, 0.0)[:, None]
    return soft


def _above_eyes(face: RestFace) -> np.ndarray:
    """Where brows may move: skin in front, fading toward the lids."""
    ahead = rise(face.vertices[:, 2], -0.35, -0.05)
    return ahead * _is_soft(face)


def _clear_head(weight: np.ndarray, face: RestFace) -> None:
    for part in (*face.eyeballs, *face.skin.eyes):
        weight[part] = 0.0


def _along(weight: np.ndarray, direction: tuple) -> np.ndarray:
    return weight[:, None] * np.array(direction)
