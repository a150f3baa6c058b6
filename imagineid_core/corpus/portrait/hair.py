"""Hair: a shell over the scalp that dips into the skin at the hairline, and what hangs from it.

Where two smooth surfaces cross, the hairline is a smooth curve. Hair belongs to the head: it turns
with it and fits every shape. Knows nothing about faces below the hairline.
"""

from collections.abc import Callable

import numpy as np

from imagineid_core.corpus.portrait.attributes import PortraitAttributes
from imagineid_core.corpus.portrait.pieces import Piece, ball, joined, sheet, smooth_path, tube
from imagineid_core.corpus.portrait.scalp import Scalp, scalp_of
from imagineid_core.face.open_face.fields import bump, rise, scattered, waves

_SUNK = 0.03  # dm under the skin, where no hair grows
_OPACITY = {"buzz cut": 0.62}
_FIRST_HANGING_ROW = 12
_FRONT_EDGE = 21  # first column of hanging hair, at the temple


def hair_pieces(
    attributes: PortraitAttributes, head_vertices: np.ndarray, skin_rgb: np.ndarray
) -> list[Piece]:
    """On a head's vertices without expression; empty for a bald head."""
    style = attributes.hair_style
    if style == "bald":
        return []
    draw = np.random.default_rng([attributes.seed, 3])
    receding = float(draw.choice([0.0, 0.06, 0.14], p=[0.6, 0.25, 0.15]))
    hanging = style in ("bob", "bob with bangs", "long straight", "long wavy", "afro")
    scalp = scalp_of(head_vertices, 0.0 if hanging else receding)
    thickness = _THICKNESS[style](scalp, draw)
    if style == "bob with bangs":
        scalp = _with_bangs(scalp)
        thickness = _bangs_thickness(scalp)
    shell, points = _shell(scalp, thickness, attributes, draw, skin_rgb)
    pieces = [shell]
    if style in ("bob", "bob with bangs"):
        pieces.append(_hanging(points, attributes, draw, end=-0.62, flare=-0.05, wave=0.012))
    elif style == "long straight":
        pieces.append(_hanging(points, attributes, draw, end=-1.55, flare=0.02, wave=0.010))
    elif style == "long wavy":
        pieces.append(_hanging(points, attributes, draw, end=-1.40, flare=0.10, wave=0.055))
    elif style == "bun":
        middle = points[0, 0] + np.array([0.0, 0.10, -0.12])
        pieces.append(_knot(middle, 0.21, attributes, draw))
    elif style == "ponytail":
        pieces += _ponytail(points, attributes, draw)
    return [joined(pieces)]


def _short(scalp: Scalp, draw: np.random.Generator) -> np.ndarray:
    volume = draw.uniform(0.05, 0.09)
    return 0.035 + volume * _top(scalp) + 0.010 * _curls(scalp, draw, 0.45, 0.30)


def _buzz(scalp: Scalp, draw: np.random.Generator) -> np.ndarray:
    return np.full(scalp.around.shape, 0.016)


def _side_part(scalp: Scalp, draw: np.random.Generator) -> np.ndarray:
    x, _, z = np.moveaxis(scalp.rest, -1, 0)
    side = draw.choice([-1.0, 1.0])
    part = np.exp(-(((x * side - 0.26) / 0.035) ** 2)) * rise(z, -0.85, -0.5)
    swept = rise(x * side, 0.24, -0.10)
    return 0.045 + (0.05 + 0.075 * swept) * _top(scalp) * (1 - 0.75 * part) - 0.012 * part


def _quiff(scalp: Scalp, draw: np.random.Generator) -> np.ndarray:
    front = bump(scalp.rest.reshape(-1, 3), (0.0, 1.10, 0.02), (0.30, 0.17, 0.24))
    front = front.reshape(scalp.around.shape)
    return 0.028 + 0.04 * _top(scalp) + 0.26 * front + 0.010 * _curls(scalp, draw, 0.4, 0.25)


def _curly(scalp: Scalp, draw: np.random.Generator) -> np.ndarray:
    return 0.075 + 0.075 * _top(scalp) + 0.048 * _curls(scalp, draw, 0.30, 0.20)


def _afro(scalp: Scalp, draw: np.random.Generator) -> np.ndarray:
    sides = rise(scalp.rest[..., 1], 0.0, 0.55)
    return 0.12 + 0.18 * sides + 0.020 * _curls(scalp, draw, 0.28, 0.20)


def _sleek(scalp: Scalp, draw: np.random.Generator) -> np.ndarray:
    return 0.040 + 0.020 * _top(scalp)


def _long(scalp: Scalp, draw: np.random.Generator) -> np.ndarray:
    x, _, z = np.moveaxis(scalp.rest, -1, 0)
    part = np.exp(-(((x - draw.uniform(-0.2, 0.2)) / 0.05) ** 2)) * rise(z, -0.9, -0.4)
    return 0.070 + 0.055 * _top(scalp) * (1 - 0.5 * part) - 0.020 * part


_THICKNESS: dict[str, Callable[[Scalp, np.random.Generator], np.ndarray]] = {
    "buzz cut": _buzz,
    "short": _short,
    "side part": _side_part,
    "quiff": _quiff,
    "short curly": _curly,
    "afro": _afro,
    "bob": _long,
    "bob with bangs": _long,
    "long straight": _long,
    "long wavy": _long,
    "bun": _sleek,
    "ponytail": _sleek,
}


def _with_bangs(scalp: Scalp) -> Scalp:
    """The hairline comes down to the brows between the temples."""
    lower = np.interp(scalp.around, [0, 38, 52, 62], [0.36, 0.33, 0.14, 0.0])
    return Scalp(
        points=scalp.points,
        outward=scalp.outward,
        rest=scalp.rest,
        around=scalp.around,
        above_line=scalp.above_line + lower,
    )


def _bangs_thickness(scalp: Scalp) -> np.ndarray:
    return 0.065 + 0.050 * _top(scalp)


def _shell(
    scalp: Scalp,
    thickness: np.ndarray,
    attributes: PortraitAttributes,
    draw: np.random.Generator,
    skin_rgb: np.ndarray,
) -> tuple[Piece, np.ndarray]:
    cover = rise(scalp.above_line, -0.015, 0.10)
    height = thickness * cover - _SUNK * rise(scalp.above_line, 0.02, -0.06)
    points = scalp.points + scalp.outward * height[..., None]
    # Thin at the line, hair lets the skin shine through.
    clear = 0.02 if thickness.max() < 0.16 else -0.02  # big hair is dense from the root
    opacity = rise(scalp.above_line, clear - 0.05, clear)
    opacity = opacity * _OPACITY.get(attributes.hair_style, 1.0)
    albedo = _strands(points, scalp.around, attributes, draw)
    albedo = skin_rgb + opacity[..., None] * (albedo - skin_rgb)
    near = scalp.above_line > -0.08
    keep = near[:-1, :-1] | near[1:, :-1] | near[:-1, 1:] | near[1:, 1:]
    return sheet(points, albedo, keep=keep), points


def _hanging(
    points: np.ndarray,
    attributes: PortraitAttributes,
    draw: np.random.Generator,
    *,
    end: float,
    flare: float,
    wave: float,
) -> Piece:
    """A curtain from temple to temple round the back, clear of the ears, down to y = `end`."""
    columns = slice(_FRONT_EDGE, points.shape[1] - _FRONT_EDGE)
    top = points[_FIRST_HANGING_ROW, columns]
    middle = np.array([0.0, -0.55])  # x, z
    away = top[:, [0, 2]] - middle
    radius = np.linalg.norm(away, axis=1)
    unit = away / radius[:, None]
    along = np.linspace(0, 1, 26)[:, None]
    depth = np.where(unit[:, 1] < 0, 0.74, 0.50)
    at_neck = 1 / np.sqrt((unit[:, 0] / 0.86) ** 2 + (unit[:, 1] / depth) ** 2)
    fall = rise(along, 0.0, 0.42)
    clear = 0.11 * rise((top[:, 1] - end) * along, 0.0, 0.42)  # of the ears
    reach = (radius + clear) * (1 - fall) + (at_neck + flare * along) * fall
    # The edges in front roll in toward the face, so that hair has body.
    place = np.arange(len(top))
    edge = np.minimum(place, place[::-1])
    reach = reach - np.array([0.13, 0.06, 0.02])[np.minimum(edge, 2)] * (edge < 3) * rise(
        along, 0, 0.3
    )
    phase = draw.uniform(0, 2 * np.pi)
    turn = np.arctan2(unit[:, 0], unit[:, 1])
    reach = reach + wave * rise(along, 0.05, 0.3) * np.sin(
        2 * np.pi * (3.2 * along + 1.3 * turn) + phase
    )
    # Each strand ends a little differently; the front ones are shorter.
    tips = end + 0.05 * np.array([scattered(i, 1)[0] - 0.5 for i in range(len(top))])
    tips = tips + 0.10 * rise(np.abs(np.degrees(turn)), 95, 60)
    height = top[:, 1] + (tips - top[:, 1]) * along
    placed = np.stack(
        [middle[0] + unit[:, 0] * reach, height, middle[1] + unit[:, 1] * reach], axis=-1
    )
    around = np.broadcast_to(np.abs(np.degrees(turn)), placed.shape[:2])
    shade = (1 - 0.22 * rise(along, 0.3, 1.0))[..., None]
    return sheet(placed, _strands(placed, around, attributes, draw) * shade)


def _knot(
    middle: np.ndarray, radius: float, attributes: PortraitAttributes, draw: np.random.Generator
) -> Piece:
    piece = ball(middle, np.array([radius, 0.85 * radius, radius]), np.array(attributes.hair_rgb))
    turn = np.arctan2(piece.vertices[:, 0] - middle[0], piece.vertices[:, 2] - middle[2])
    spiral = np.sin(5 * turn + 14 * (piece.vertices[:, 1] - middle[1]) + draw.uniform(0, 6))
    return Piece(
        vertices=piece.vertices,
        triangles=piece.triangles,
        albedo=np.clip(piece.albedo * (1 + 0.16 * spiral[:, None]), 0, 1),
    )


def _ponytail(
    points: np.ndarray, attributes: PortraitAttributes, draw: np.random.Generator
) -> list[Piece]:
    """Tied high at the back, falling over one side, so that it shows from the front."""
    side = draw.choice([-1.0, 1.0])
    knots = np.array(
        [
            (0.10, 1.20, -1.22), (0.34, 1.46, -1.20), (0.72, 1.30, -1.10), (0.96, 0.82, -1.00),
            (1.00, 0.25, -0.95), (0.94, -0.35, -0.92), (0.90, -0.75, -0.90),
        ]
    ) * np.array([side, 1.0, 1.0])  # fmt: skip
    path = smooth_path(knots, 26)
    radii = np.interp(
        np.linspace(0, 1, 26), [0, 0.12, 0.35, 0.8, 1.0], [0.11, 0.13, 0.19, 0.14, 0.02]
    )
    tail = tube(path, radii, np.array(attributes.hair_rgb), num_around=12)
    along = np.repeat(np.arange(26), 13)
    stripes = np.tile(np.sin(np.arange(13) / 12 * 2 * np.pi * 4), 26)
    albedo = tail.albedo * (1 + 0.15 * stripes - 0.006 * along)[:, None]
    return [
        Piece(vertices=tail.vertices, triangles=tail.triangles, albedo=np.clip(albedo, 0, 1)),
        ball(path[2], 0.115, 0.6 * np.array(attributes.garment_rgb), size=8),
    ]


def _strands(
    points: np.ndarray,
    around: np.ndarray,
    attributes: PortraitAttributes,
    draw: np.random.Generator,
) -> np.ndarray:
    """Colour by strand, a sheen where the crown curves to the lamp, darker toward the nape."""
    columns = points.shape[1]
    streak = np.array([scattered(i + attributes.seed % 97, 2).sum() - 1 for i in range(columns)])
    streak[-1] = streak[0] if columns > 70 else streak[-1]
    streak = streak + 0.35 * np.sin(points[..., 1] * 9 + 11 * streak)
    y = points[..., 1]
    sheen = 0.28 * np.exp(-(((y - 1.12 - 0.03 * streak) / 0.10) ** 2)) * rise(around, 110, 40)
    shade = 0.86 + 0.14 * rise(y, 0.0, 0.9)
    light = shade * (1 + 0.13 * streak) + sheen
    return np.clip(np.array(attributes.hair_rgb) * light[..., None] + 0.04 * sheen[..., None], 0, 1)


def _top(scalp: Scalp) -> np.ndarray:
    return rise(scalp.rest[..., 1], 0.60, 1.25)


def _curls(scalp: Scalp, draw: np.random.Generator, coarse: float, fine: float) -> np.ndarray:
    first = int(draw.integers(0, 500))
    flat = scalp.rest.reshape(-1, 3)
    total = np.sum([waves(flat, first + i, coarse, fine) for i in range(4)], axis=0) / 2
    return total.reshape(scalp.around.shape)
