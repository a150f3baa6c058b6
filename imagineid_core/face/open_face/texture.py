"""Skin, lips, brows, eyes and teeth as colour: a mean, and named directions round it.

Albedo holds painted shade where light hardly reaches (inside the mouth, nostrils, under the chin,
in the orbit), in the same share for every skin. One unit of a direction is one standard deviation;
the tone runs continuously through the range of human skin. Knows nothing about who has which.
"""

import numpy as np

from imagineid_core.face.open_face import ears, eyes, layout, mouth, skull
from imagineid_core.face.open_face.fields import bump, on_both_sides, rise, scattered, waves
from imagineid_core.face.open_face.layout import mirror_order
from imagineid_core.face.open_face.rest import RestFace

SKIN = np.array([0.655, 0.485, 0.400])
_TONE = np.array([0.122, 0.114, 0.104])  # one unit lighter
_LIP_SHIFT = np.array([-0.045, -0.140, -0.105])
_INNER_LIP = np.array([0.46, 0.20, 0.20])
_THROAT = np.array([0.085, 0.030, 0.030])
_CONJUNCTIVA = np.array([0.84, 0.71, 0.68])
_CARUNCLE = np.array([0.74, 0.52, 0.48])  # the inner corner
_SCLERA = np.array([0.86, 0.85, 0.84])
_IRIS = np.array([0.335, 0.325, 0.315])
_PUPIL = np.array([0.035, 0.030, 0.030])
_TOOTH = np.array([0.90, 0.87, 0.80])
_GUM = np.array([0.58, 0.29, 0.28])
_TONGUE = np.array([0.62, 0.31, 0.31])
_BROW = np.array([0.25, 0.19, 0.15])
_LASH = np.array([0.14, 0.10, 0.09])
_SMALL = 0.0035  # the first of the small smooth colour fields


def mean_albedo(face: RestFace) -> np.ndarray:
    """RGB in [0, 1] by vertex, under white light."""
    lips, lash = _lip_weight(face)[:, None], _lash_weight(face)[:, None]
    brow = _brow_weights(face)[0][:, None]
    mean = np.broadcast_to(SKIN, face.vertices.shape) + lips * _LIP_SHIFT
    mean = mean + _warmth(face)[:, None] * np.array([0.016, -0.014, -0.014])
    mean = mean * (1 - brow) + brow * _BROW
    mean = mean * (1 - lash) + lash * _LASH
    mean = mean * _painted_shade(face)[:, None]
    _paint_inside(mean, face)
    return np.clip(mean, 0.0, 1.0)


def named_fields(face: RestFace) -> dict[str, np.ndarray]:
    """Change of albedo [vertex, 3] of one unit, by name."""
    shade = _painted_shade(face)
    bare = shade * _bare_skin(face)
    lips = _lip_weight(face) * shade
    brow, brow_edge = _brow_weights(face)
    enamel = np.zeros(len(face.vertices))
    enamel[face.teeth] = (face.teeth_share <= 1) & (face.teeth_share >= 0)
    painted = {
        "skin_tone": (bare * (1 - 0.35 * _lip_weight(face)), _TONE),
        "skin_warmth": (bare, (0.007, 0.001, -0.010)),
        "skin_redness": (bare, (0.005, -0.007, -0.004)),
        "lip_colour": (lips, (0.014, -0.022, -0.015)),
        "lip_tone": (lips, (-0.028, -0.022, -0.019)),
        "brow_tone": (brow * shade, (-0.060, -0.050, -0.042)),
        "brow_thickness": (brow_edge * shade, (-0.075, -0.060, -0.050)),
        "blush": (_blush(face) * shade, (0.007, -0.013, -0.010)),
        "freckles": (_freckles(face) * bare, (-0.022, -0.026, -0.024)),
        "under_eye": (_under_eye(face) * shade, (-0.024, -0.026, -0.018)),
        "stubble": (_stubble(face) * shade, (-0.020, -0.016, -0.012)),
        "tooth_colour": (enamel, (-0.012, -0.025, -0.050)),
    }
    iris = _iris_weight(face)
    painted |= {
        "iris_blue": (iris, (-0.012, 0.048, 0.100)),
        "iris_green": (iris, (-0.014, 0.022, -0.016)),
        "iris_light": (iris, (0.062, 0.056, 0.050)),
    }
    return {name: weight[:, None] * np.array(colour) for name, (weight, colour) in painted.items()}


def smooth_fields(face: RestFace, count: int) -> dict[str, np.ndarray]:
    """Soft patches of colour on the skin."""
    bare = _painted_shade(face) * _bare_skin(face)
    fields = {}
    for index in range(count):
        pattern = waves(face.vertices, index + 300, 0.9, 0.25) * bare
        colour = scattered(index + 400, 3) - 0.5
        colour = 0.5 + 0.5 * colour if index % 2 else colour  # half of them lighten and darken
        amount = _SMALL / np.sqrt(1 + index / 10)
        fields[f"smooth_{index}"] = amount * pattern[:, None] * colour / np.linalg.norm(colour)
    return fields


def _bare_skin(face: RestFace) -> np.ndarray:
    """Skin that brows and lashes do not hide."""
    return _skin_weight(face) * (1 - _brow_weights(face)[0]) * (1 - _lash_weight(face))


def _skin_weight(face: RestFace) -> np.ndarray:
    weight = np.ones(len(face.vertices))
    for part in (*face.eyeballs, face.teeth, face.tongue):
        weight[part] = 0.0
    number = np.arange(len(face.skin.mouth))
    weight[face.skin.mouth] = rise(number, mouth.CONTACT_LOOP + 1, mouth.CONTACT_LOOP - 1)[:, None]
    for patch in face.skin.eyes:
        weight[patch[eyes.MARGIN_LOOP + 1 :]] = 0.0
    return weight


def _lip_weight(face: RestFace) -> np.ndarray:
    """1 on the red of the lips; its border is one loop wide."""
    number = np.arange(len(face.skin.mouth))
    share = np.interp(number, [4.4, 5.6, 10, 11], [0.0, 1.0, 1.0, 0.0])
    weight = np.zeros(len(face.vertices))
    weight[face.skin.mouth] = share[:, None]
    return weight


def _brow_weights(face: RestFace) -> tuple[np.ndarray, np.ndarray]:
    """(hair, where thicker brows would have hair): tapered arcs along the ridge."""
    points = face.vertices
    x = np.abs(points[:, 0])
    along = np.clip((x - 0.085) / 0.40, 0, 1)
    arc = 0.419 + 0.064 * np.sin(np.pi * (0.10 + 0.76 * along)) + 0.004 * along
    half = 0.031 * (1 - 0.60 * along**1.3) * rise(x, 0.050, 0.150)
    away = np.abs(points[:, 1] - arc) / np.maximum(half, 1e-3)
    ends = rise(x, 0.070, 0.150) * rise(x, 0.50, 0.40) * rise(points[:, 2], -0.25, -0.05)
    hair = 0.88 * rise(away, 1.5, 0.35) * ends
    edge = np.exp(-(((away - 1.25) / 0.5) ** 2)) * ends
    return hair, edge


def _lash_weight(face: RestFace) -> np.ndarray:
    """A dark edge on the upper lid, faint on the lower: it draws the eye, open or shut."""
    weight = np.zeros(len(face.vertices))
    height = np.sin(eyes.lid_angles())
    upper, lower = np.maximum(height, 0) ** 0.5, np.maximum(-height, 0) ** 0.5
    for patch in face.skin.eyes:
        right = patch is face.skin.eyes[1]
        turn = slice(None) if right else mirror_order(patch.shape[1])
        weight[patch[eyes.MARGIN_LOOP]] = (0.92 * upper + 0.42 * lower)[turn]
        weight[patch[eyes.MARGIN_LOOP - 1]] = (0.35 * upper + 0.08 * lower)[turn]
    return weight


def _painted_shade(face: RestFace) -> np.ndarray:
    """Share of the sky each vertex sees, by eye: 1 in the open."""
    points = face.vertices
    z = points[:, 2]
    shade = np.ones(len(points))
    nostril = on_both_sides(points, (0.060, -0.112, 0.40), (0.024, 0.018, 0.05))
    shade *= 1 - 0.78 * np.minimum(nostril, 1)
    shade *= 1 - 0.16 * bump(points, (0.0, -0.155, 0.30), (0.13, 0.030, 0.08))
    shade *= 1 - 0.10 * on_both_sides(points, (0.182, -0.075), (0.020, 0.050)) * rise(z, 0, 0.15)
    shade *= 1 - 0.20 * on_both_sides(points, (0.175, 0.33), (0.060, 0.060)) * rise(z, -0.1, 0.1)
    shade *= 1 - 0.14 * on_both_sides(points, (0.32, 0.385), (0.15, 0.022)) * rise(z, -0.1, 0.1)
    shade *= 1 - 0.12 * bump(points, (0.0, -0.52), (0.13, 0.030)) * rise(z, 0, 0.2)
    under_chin = rise(points[:, 1], -0.72, -0.95) * rise(points[:, 1], -1.7, -1.0)
    shade *= 1 - 0.20 * under_chin * rise(z, -0.9, -0.2)
    line = np.zeros(len(points))
    loops = face.skin.mouth
    line[loops[9:11]] = np.array([0.18, 0.45])[:, None]
    shade *= 1 - line
    for patch in face.skin.ears:
        shade[patch[6:]] *= np.array([0.84, 0.97, 0.70, 0.50])[:, None]
        behind = np.cos(layout.EAR_BLOCK.angles(ears.CORNER_ANGLE))
        behind = behind if patch is face.skin.ears[1] else behind[mirror_order(len(behind))]
        shade[patch[1:4]] *= 1 - np.array([0.30, 0.22, 0.08])[:, None] * rise(behind, -0.2, 0.4)
    return shade


def _warmth(face: RestFace) -> np.ndarray:
    """Blood near the surface: cheeks, nose, chin, ears."""
    points = face.vertices
    warm = on_both_sides(points, (0.36, -0.05), (0.14, 0.12)) * rise(points[:, 2], -0.3, 0.1)
    warm = warm + bump(points, (0.0, -0.05, 0.5), (0.09, 0.08, 0.15))
    warm = warm + 0.5 * bump(points, (0.0, -0.72, 0.2), (0.12, 0.08, 0.15))
    for patch in face.skin.ears:
        warm[patch[2:]] += 0.8
    return warm


def _blush(face: RestFace) -> np.ndarray:
    points = face.vertices
    cheeks = on_both_sides(points, (0.36, -0.06), (0.12, 0.09)) * rise(points[:, 2], -0.3, 0.05)
    return (cheeks + 0.4 * bump(points, (0.0, -0.05, 0.5), (0.09, 0.08, 0.15))) * _skin_weight(face)


def _freckles(face: RestFace) -> np.ndarray:
    points = face.vertices
    where = bump(points, (0.0, 0.02), (0.32, 0.11)) * rise(points[:, 2], -0.1, 0.15)
    # By vertex, without pattern, and the same on every machine.
    spots = np.array([scattered(index, 2).sum() % 1.0 for index in range(len(points))])
    spots = np.maximum(spots - 0.55, 0) * 2.2
    return where * spots * _skin_weight(face)


def _under_eye(face: RestFace) -> np.ndarray:
    points = face.vertices
    bags = on_both_sides(points, (0.30, 0.185), (0.11, 0.032)) * rise(points[:, 2], -0.1, 0.1)
    return bags * _skin_weight(face)


def _stubble(face: RestFace) -> np.ndarray:
    return np.maximum(beard_weight(face), moustache_weight(face))


def beard_weight(face: RestFace) -> np.ndarray:
    """Where a beard grows on jaw and chin; 0..1."""
    x, y, z = face.vertices.T
    # The upper edge falls from the ear to the corner of the mouth.
    edge = np.interp(np.abs(x), [0.0, 0.25, 0.40, 0.62], [-0.46, -0.36, -0.22, 0.10])
    jaw = rise(y - edge, 0.05, -0.07) * rise(y, -1.02, -0.86) * rise(z, -0.66, -0.50)
    under_lip = 0.35 + 0.65 * rise(np.hypot(x / 0.9, (y + 0.52) * 1.3), 0.05, 0.16)
    return jaw * under_lip * (1 - _lip_weight(face)) * _skin_weight(face)


def moustache_weight(face: RestFace) -> np.ndarray:
    """Where a moustache grows, from the nose to the red of the lip and round its corners; 0..1."""
    points = face.vertices
    lip = bump(points, (0.0, -0.235), (0.19, 0.050)) * rise(points[:, 2], 0.0, 0.15)
    lip = lip + 0.8 * on_both_sides(points, (0.27, -0.33), (0.045, 0.09)) * rise(
        points[:, 2], 0, 0.1
    )
    below_nose = rise(points[:, 1], -0.145, -0.19)
    bare = (1 - _lip_weight(face)) * _skin_weight(face)
    return np.minimum(1.5 * lip, 1.0) * below_nose * bare


def _paint_inside(mean: np.ndarray, face: RestFace) -> None:
    loops = face.skin.mouth
    steps = np.interp(np.arange(len(loops)), [10.5, 11, 13, 15], [0.0, 0.35, 0.7, 1.0])
    inside = _INNER_LIP * (1 - steps[:, None]) + _THROAT * steps[:, None]
    for number in range(mouth.CONTACT_LOOP + 1, len(loops)):
        mean[loops[number]] = inside[number]
    for patch in face.skin.eyes:
        inner = rise(np.abs(face.vertices[patch[eyes.MARGIN_LOOP], 0]), 0.205, 0.175)[:, None]
        mean[patch[eyes.MARGIN_LOOP + 1 :]] = _CONJUNCTIVA + inner * (_CARUNCLE - _CONJUNCTIVA)
    share, upper = face.teeth_share, face.teeth_upper
    teeth = np.where((share > 1)[:, None], _GUM, _TOOTH) * np.where(share < 0, 0.84, 1.0)[:, None]
    back = np.clip((face.vertices[face.teeth, 2].max() - face.vertices[face.teeth, 2]) / 0.25, 0, 1)
    mean[face.teeth] = teeth * (1 - 0.80 * back)[:, None] * np.where(upper, 0.97, 0.82)[:, None]
    mean[face.tongue] = _TONGUE * (0.35 + 0.65 * face.tongue_forward[:, None] ** 0.8)
    for ball in face.eyeballs:
        mean[ball] = _eyeball_colour(face, ball)


def _eyeball_colour(face: RestFace, ball: np.ndarray) -> np.ndarray:
    tilt = face.eyeball_tilt
    colour = np.broadcast_to(_SCLERA, (len(ball), 3)).copy()
    iris = tilt < eyes.IRIS_ANGLE
    ring = rise(tilt, eyes.IRIS_ANGLE * 0.72, eyes.IRIS_ANGLE)
    colour[iris] = _IRIS * (1 - 0.45 * ring[iris, None])
    colour[tilt < eyes.PUPIL_ANGLE] = _PUPIL
    colour *= _lid_shade(face, ball)[:, None]
    pink = rise(tilt, np.radians(50), np.radians(85))[:, None]
    colour *= 1 - pink * np.array([0.05, 0.16, 0.16])
    # The lamp's reflection, above and to the viewer's left: without it eyes look blind.
    glint = (tilt > np.radians(8)) & (tilt < np.radians(18)) & _is_upper_left(face, ball)
    colour[glint] += 0.75 * (1 - colour[glint])
    return colour


def _is_upper_left(face: RestFace, ball: np.ndarray) -> np.ndarray:
    from_pole = face.vertices[ball] - face.vertices[ball[0]]
    degrees = np.degrees(np.arctan2(from_pole[:, 1], from_pole[:, 0]))
    return (degrees > 108) & (degrees < 142)


def _iris_weight(face: RestFace) -> np.ndarray:
    tilt = face.eyeball_tilt
    inside = (tilt < eyes.IRIS_ANGLE) & (tilt > eyes.PUPIL_ANGLE)
    ring = 1 - 0.45 * rise(tilt, eyes.IRIS_ANGLE * 0.72, eyes.IRIS_ANGLE)
    weight = np.zeros(len(face.vertices))
    for ball in face.eyeballs:
        weight[ball] = np.where(inside, _lid_shade(face, ball) * ring, 0.0)
    return weight


def _lid_shade(face: RestFace, ball: np.ndarray) -> np.ndarray:
    """The upper lid shades the eyeball under it."""
    up = (face.vertices[ball, 1] - skull.EYE_CENTRE[1]) / skull.EYE_RADIUS
    return 1 - 0.26 * rise(up, 0.05, 0.62)
