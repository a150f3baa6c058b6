"""Sheets to look at: faces of a basis by identity, expression and pose, and dressed portraits.

Knows nothing about files: pictures are returned, not written.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.portrait.person import coefficients_of, draw_person, portrait_pose
from imagineid_core.corpus.portrait.portrait import render_portrait
from imagineid_core.face.lighting import default_lighting
from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.open_face import CONTROLS, EMOTIONS, expression_from_controls
from imagineid_core.render.camera import d3dfr_camera
from imagineid_core.render.mesh_frame import render_mesh_frame
from imagineid_core.values import FaceBasis, FaceCoefficients

_BACKGROUND = -0.55
_FAR = 30.0  # dm
_BACK = -2.6  # dm; a whole head, crown to collar, fits the frame
_LIMIT = 2.5
_MOVES: tuple[dict[str, float], ...] = (
    *EMOTIONS.values(),
    {"jaw_open": 1.0},
    {"blink_L": 1.0, "blink_R": 1.0},
)
_YAWS = (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9, 1.4)
_TOGETHER = {"lip_close": {"jaw_open": 1.0}}  # it takes back what the jaw opens
NUM_COLUMNS = 8


def face_sheet(basis: FaceBasis, seed: int, size: int = 192) -> Float[Tensor, "3 height width"]:
    """Five rows of eight: emotions and moves, a turning head, sixteen heads, and all at once.

    For a basis other than the open face, whose expressions have no names, moves are single large
    coefficients.
    """
    draw = np.random.default_rng(seed)
    moves = _moves(basis)
    still = torch.zeros(1, basis.expression_basis.shape[-1])
    level = _pose(basis, 0.0)
    somebody = _head(basis, draw)
    rows = [
        [_face(basis, *somebody, move, level, size) for move in moves],
        [_face(basis, *somebody, still, _pose(basis, yaw), size) for yaw in _YAWS],
    ]
    for _ in range(2):
        heads = [_head(basis, draw) for _ in range(NUM_COLUMNS)]
        rows.append([_face(basis, *head, still, level, size) for head in heads])
    mixed = []
    for move in moves:
        pose = _pose(basis, float(draw.uniform(-0.6, 0.6)), float(draw.uniform(-0.2, 0.2)))
        mixed.append(_face(basis, *_head(basis, draw), move, pose, size))
    return _tiled([*rows, mixed])


def control_sheet(basis: FaceBasis, size: int = 128) -> Float[Tensor, "3 height width"]:
    """Every control of the open face at its extremes, row by row in the order of the table."""
    moves = [
        expression_from_controls({**_TOGETHER.get(name, {}), name: amount})
        for name, control in CONTROLS.items()
        for amount in ((-1.0, 1.0) if control.is_signed else (1.0,))
    ]
    shape = torch.zeros(1, basis.shape_basis.shape[-1])
    texture = torch.zeros(1, basis.texture_basis.shape[-1])
    faces = [_face(basis, shape, texture, move, _pose(basis, 0.25), size) for move in moves]
    faces += [torch.full_like(faces[0], _BACKGROUND)] * (-len(faces) % NUM_COLUMNS)
    return _tiled([faces[i : i + NUM_COLUMNS] for i in range(0, len(faces), NUM_COLUMNS)])


def portrait_sheet(
    seed: int, num_rows: int = 4, size: int = 192
) -> Float[Tensor, "3 height width"]:
    """People of neighbouring seeds, each with an expression and a turn of the head."""
    draw = np.random.default_rng(seed)
    emotions = list(EMOTIONS.values())
    rows = []
    for row in range(num_rows):
        images = []
        for column in range(NUM_COLUMNS):
            person = draw_person(seed + row * NUM_COLUMNS + column)
            expression = expression_from_controls(emotions[int(draw.integers(len(emotions)))])
            pitch, yaw, roll = (draw.normal(size=3) * [0.07, 0.22, 0.05]).tolist()
            coefficients = coefficients_of(person, expression, portrait_pose(pitch, yaw, roll))
            images.append(render_portrait(person.attributes, coefficients, size).image[0])
        rows.append(images)
    return _tiled(rows)


def _moves(basis: FaceBasis) -> list[Float[Tensor, "1 expression"]]:
    if basis.name == "open":
        return [expression_from_controls(move) for move in _MOVES]
    size = basis.expression_basis.shape[-1]
    return [2.0 * torch.nn.functional.one_hot(torch.tensor([i]), size).float() for i in range(8)]


def _head(basis: FaceBasis, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
    sizes = (basis.shape_basis.shape[-1], basis.texture_basis.shape[-1])
    shape, texture = (np.clip(draw.normal(size=(1, size)), -_LIMIT, _LIMIT) for size in sizes)
    return torch.tensor(shape).float(), torch.tensor(texture).float()


def _pose(basis: FaceBasis, yaw: float, pitch: float = 0.0) -> Float[Tensor, "1 pose=6"]:
    back = _BACK if basis.name == "open" else 0.0
    return torch.tensor([[pitch, yaw, 0.0, 0.0, -0.08 if back else 0.0, back]])


def _face(
    basis: FaceBasis, shape: Tensor, texture: Tensor, expression: Tensor, pose: Tensor, size: int
) -> Float[Tensor, "3 height width"]:
    lighting = default_lighting(1).clone()
    lighting[:, ::9] += 0.2  # the sheet is for looking: a little brighter
    coefficients = FaceCoefficients(
        shape=shape, expression=expression, texture=texture, lighting=lighting, pose=pose
    )
    camera = replace(d3dfr_camera(size), far=_FAR)
    mesh = mesh_from(coefficients, basis)
    return render_mesh_frame(mesh, camera, background=_BACKGROUND, antialias=True).colour[0]


def _tiled(rows: Sequence[Sequence[Tensor]]) -> Float[Tensor, "3 height width"]:
    return torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
