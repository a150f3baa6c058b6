"""All parts of the open face put together at rest: positions, triangles, and what each vertex is.

Knows nothing about coefficients or colour.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from imagineid_core.face.open_face import ears, eyes, head, mouth
from imagineid_core.face.open_face.layout import Layout, mirror_order, skin_layout, split_quads

SIDES = (-1.0, 1.0)  # the viewer's left first, as iBUG counts


@dataclass(frozen=True, kw_only=True)
class RestFace:
    """One topology, its rest positions, and index arrays that name the vertices of each part."""

    vertices: np.ndarray  # [vertex, 3]
    triangles: np.ndarray  # [triangle, 3]
    skin: Layout
    eyeballs: tuple[np.ndarray, np.ndarray]  # vertex indices, front pole first
    eyeball_tilt: np.ndarray  # angle from the optical axis, by place in `eyeballs`
    teeth: np.ndarray
    teeth_share: np.ndarray  # 0 edge, 1 gum line, more on the gum, negative between teeth
    teeth_upper: np.ndarray  # bool
    tongue: np.ndarray
    tongue_forward: np.ndarray  # 0 root, 1 tip
    mirror: np.ndarray  # the vertex on the other side of the face


@lru_cache(maxsize=1)
def rest_face() -> RestFace:
    skin = skin_layout()
    vertices = np.zeros((skin.num_vertices, 3))
    index, positions = head.grid_positions(skin.grid)
    vertices[index] = positions
    _place(vertices, skin.mouth, mouth.lip_positions(vertices[skin.mouth[0]]))
    right = eyes.lid_positions(vertices[skin.eyes[1][0]], eyes.Opening())
    _place(vertices, skin.eyes[1], right)
    _place(vertices, skin.eyes[0], eyes.mirrored_patch(right))
    ear = ears.ear_positions(vertices[skin.ears[1][0]])
    _place(vertices, skin.ears[1], ear)
    _place(vertices, skin.ears[0], eyes.mirrored_patch(ear))

    ball, tilt, ball_quads = eyes.eyeball()
    teeth, share, is_upper, teeth_quads = mouth.teeth()
    tongue, forward, tongue_quads = mouth.tongue()
    starts = np.cumsum([len(vertices), len(ball), len(ball), len(teeth)])
    quads = np.concatenate(
        [
            skin.quads,
            ball_quads + starts[0],
            ball_quads + starts[1],
            teeth_quads + starts[2],
            tongue_quads + starts[3],
        ]
    )
    poles = [eyes.pole_triangles() + start for start in starts[:2]]
    # A mirrored ball would be inside out, so the left one is the right one moved across.
    moved = ball - np.array([2 * ball[0, 0], 0.0, 0.0])
    vertices = np.concatenate([vertices, moved, ball, teeth, tongue])
    triangles = np.concatenate([skin.triangles, *poles, split_quads(quads, vertices)])
    parts = {
        "left": starts[0] + np.arange(len(ball)),
        "right": starts[1] + np.arange(len(ball)),
        "teeth": starts[2] + np.arange(len(teeth)),
        "tongue": starts[3] + np.arange(len(tongue)),
    }
    return RestFace(
        vertices=vertices,
        triangles=triangles,
        skin=skin,
        eyeballs=(parts["left"], parts["right"]),
        eyeball_tilt=tilt,
        teeth=parts["teeth"],
        teeth_share=share,
        teeth_upper=is_upper,
        tongue=parts["tongue"],
        tongue_forward=forward,
        mirror=_mirror(skin, parts),
    )


@lru_cache(maxsize=16)
def lid_motion(place: int, opening: eyes.Opening) -> np.ndarray:
    """How far an eye's lids move from rest, [loop, around, 3]; place 0 is the viewer's left."""
    if place == 0:
        return eyes.mirrored_patch(lid_motion(1, opening))
    patch = rest_face().vertices[rest_face().skin.eyes[1]]
    return eyes.lid_positions(patch[0], opening) - patch


def _place(vertices: np.ndarray, patch: np.ndarray, positions: np.ndarray) -> None:
    vertices[patch[1:]] = positions[1:]  # loop 0 belongs to the grid


def _mirror(skin: Layout, parts: dict[str, np.ndarray]) -> np.ndarray:
    """By topology, not by position: two places a rounding error apart are never confused."""
    count = 1 + max(int(part.max()) for part in parts.values())
    mirror = np.arange(count)
    grid = skin.grid
    across = grid[:, -np.arange(grid.shape[1]) % grid.shape[1]]
    mirror[grid[grid >= 0]] = across[grid >= 0]
    for left, right in ((skin.mouth, skin.mouth), skin.eyes, skin.ears):
        turned = right[:, mirror_order(right.shape[1])]
        mirror[left] = turned
        mirror[turned] = left
    for left, right in ((parts["left"], parts["right"]), (parts["right"], parts["left"])):
        rings = right[1:].reshape(-1, eyes.NUM_SPOKES)
        mirror[left[1:]] = rings[:, mirror_order(eyes.NUM_SPOKES)].ravel()
        mirror[left[0]] = right[0]
    rows = parts["teeth"].reshape(-1, mouth.NUM_TEETH_COLUMNS)
    mirror[rows] = rows[:, ::-1]
    loops = parts["tongue"].reshape(-1, mouth.NUM_TONGUE_SPOKES)
    mirror[loops] = loops[:, mirror_order(mouth.NUM_TONGUE_SPOKES)]
    return mirror
