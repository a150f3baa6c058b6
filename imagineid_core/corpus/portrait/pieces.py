"""The simple solids that hair, glasses and clothes are made of: sheets, tubes and balls.

Positions are in dm in the space of the unposed head. Knows nothing about what a piece is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagineid_core.face.open_face.layout import split_quads, strip_quads


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Something that is drawn with the head: a mesh with a colour at each vertex."""

    vertices: np.ndarray  # [vertex, 3]
    triangles: np.ndarray  # [triangle, 3], counter-clockwise from outside
    albedo: np.ndarray  # [vertex, 3], RGB in [0, 1]
    turns_with_head: bool = True


def sheet(points: np.ndarray, albedo: np.ndarray, *, keep: np.ndarray | None = None) -> Piece:
    """A grid of points [row, column, 3], first row on top as seen from outside.

    `keep` [row - 1, column - 1] leaves cells out.
    """
    rows, columns, _ = points.shape
    index = np.arange(rows * columns).reshape(rows, columns)
    quads = strip_quads(index)
    if keep is not None:
        quads = quads[keep.reshape(-1)]
    flat = points.reshape(-1, 3)
    return Piece(
        vertices=flat,
        triangles=split_quads(quads, flat),
        albedo=np.broadcast_to(albedo, points.shape).reshape(-1, 3),
    )


def tube(
    path: np.ndarray, radii: np.ndarray | float, albedo: np.ndarray, num_around: int = 8
) -> Piece:
    """A round rod along a path [point, 3]."""
    ahead = np.gradient(path, axis=0)
    ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
    across = _carried_along(ahead)
    above = np.cross(ahead, across)
    turn = np.linspace(2 * np.pi, 0, num_around + 1)
    radii = np.broadcast_to(radii, len(path))[:, None, None]
    ring = np.cos(turn)[:, None] * across[:, None] + np.sin(turn)[:, None] * above[:, None]
    return sheet(path[:, None] + radii * ring, albedo)


def _carried_along(ahead: np.ndarray) -> np.ndarray:
    """A direction across each step of a path that never twists round it."""
    start = np.array([0.0, 1.0, 0.0]) if abs(ahead[0, 1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    across = np.empty_like(ahead)
    carried = np.cross(start, ahead[0])
    for step, direction in enumerate(ahead):
        carried = carried - (carried @ direction) * direction
        carried = carried / np.linalg.norm(carried)
        across[step] = carried
    return across


def ball(
    centre: np.ndarray, radii: np.ndarray | float, albedo: np.ndarray, size: int = 14
) -> Piece:
    tilt = np.linspace(0.02, np.pi - 0.02, size)[:, None]
    turn = np.linspace(0, 2 * np.pi, 2 * size + 1)[None]
    unit = np.stack(
        np.broadcast_arrays(np.sin(tilt) * np.sin(turn), np.cos(tilt), np.sin(tilt) * np.cos(turn)),
        axis=-1,
    )
    return sheet(centre + unit * np.broadcast_to(radii, 3), albedo)


def joined(pieces: list[Piece]) -> Piece:
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces[:-1]])
    return Piece(
        vertices=np.concatenate([piece.vertices for piece in pieces]),
        triangles=np.concatenate(
            [piece.triangles + start for piece, start in zip(pieces, starts, strict=True)]
        ),
        albedo=np.concatenate([piece.albedo for piece in pieces]),
        turns_with_head=pieces[0].turns_with_head,
    )


def smooth_path(
    points: Sequence[tuple[float, float, float]] | Sequence[np.ndarray] | np.ndarray, count: int
) -> np.ndarray:
    """A Catmull-Rom curve through the points."""
    knots = np.asarray(points, dtype=float)
    knots = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    at = np.linspace(0, len(knots) - 3 - 1e-9, count)
    span, t = at.astype(int), (at % 1)[:, None]
    a, b, c, d = (knots[span + shift] for shift in range(4))
    curve = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
    return 0.5 * (curve + (3 * b - a - 3 * c + d) * t**3)
