"""An egg with a face's landmarks: a FaceBasis small enough for every test, smooth enough to fit.

1,602 vertices; bumps of the surface are its shape, expression and texture directions.
"""

import math

import torch
from torch import Tensor

from imagineid_core.values import FaceBasis, FaceCoefficients

_ROWS, _COLUMNS = 40, 40
_RADII = torch.tensor([0.75, 1.0, 0.8])  # dm: the size of a head's front in D3DFR's camera


def egg_face(*, shape: int = 6, expression: int = 5, texture: int = 4) -> FaceBasis:
    vertices, triangles = _egg()
    landmarks = _nearest(vertices, _template())
    return FaceBasis(
        name="egg",
        mean_vertices=vertices,
        shape_basis=_bumps(vertices, shape, width=0.9, size=0.05, turn=0.0),
        expression_basis=_expressions(vertices, expression),
        mean_albedo=0.5
        + 0.2
        * torch.sin(torch.stack([4 * vertices[:, 0], 5 * vertices[:, 1], 6 * vertices[:, 2]], -1)),
        texture_basis=0.3 * _bumps(vertices, texture, width=0.5, size=0.3, turn=1.0),
        triangles=triangles,
        landmarks=landmarks,
        mouth=_near(vertices, landmarks[48:], 0.12),
        eyes=_near(vertices, landmarks[36:48], 0.1),
        front=vertices[:, 2] > 0.2,
    )


def coefficients_for(
    basis: FaceBasis, batch_size: int = 1, seed: int | None = None, scale: float = 1.0
) -> FaceCoefficients:
    """Zero coefficients, or normal ones (pose about 0.2 rad and 0.1 dm) from a seed."""
    sizes = {
        "shape": basis.shape_basis.shape[-1],
        "expression": basis.expression_basis.shape[-1],
        "texture": basis.texture_basis.shape[-1],
        "lighting": 27,
        "pose": 6,
    }
    if seed is None:
        return FaceCoefficients(
            **{name: torch.zeros(batch_size, size) for name, size in sizes.items()}
        )
    generator = torch.Generator().manual_seed(seed)
    drawn = {
        name: scale * torch.randn(batch_size, size, generator=generator)
        for name, size in sizes.items()
    }
    drawn["lighting"] = 0.1 * drawn["lighting"]
    drawn["pose"] = drawn["pose"] * torch.tensor([0.2, 0.2, 0.2, 0.1, 0.1, 0.1])
    return FaceCoefficients(**drawn)


def _egg() -> tuple[Tensor, Tensor]:
    latitude = torch.linspace(0, math.pi, _ROWS + 2)[1:-1]
    longitude = torch.arange(_COLUMNS) * (2 * math.pi / _COLUMNS)
    up, round_ = torch.meshgrid(latitude, longitude, indexing="ij")
    ring = torch.stack(
        [torch.sin(up) * torch.sin(round_), torch.cos(up), torch.sin(up) * torch.cos(round_)], -1
    )
    top, bottom = torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[0.0, -1.0, 0.0]])
    vertices = torch.cat([ring.reshape(-1, 3), top, bottom]) * _RADII
    index = torch.arange(_ROWS * _COLUMNS).reshape(_ROWS, _COLUMNS)
    a, b = index[:-1].reshape(-1), index[1:].reshape(-1)
    right = index.roll(-1, dims=1)
    c, d = right[:-1].reshape(-1), right[1:].reshape(-1)
    pole = torch.full((_COLUMNS,), _ROWS * _COLUMNS)
    triangles = torch.cat(
        [
            torch.stack([a, b, c], -1),
            torch.stack([c, b, d], -1),
            torch.stack([pole, index[0], right[0]], -1),
            torch.stack([pole + 1, right[-1], index[-1]], -1),
        ]
    )
    return vertices, triangles


def _template() -> Tensor:
    """x, y of 68 landmarks on the egg, iBUG order, dm."""

    def arc(
        points: int,
        centre: tuple[float, float],
        radii: tuple[float, float],
        start: float,
        stop: float,
    ) -> list[list[float]]:
        angles = [math.radians(start + (stop - start) * i / (points - 1)) for i in range(points)]
        return [
            [centre[0] + radii[0] * math.cos(t), centre[1] + radii[1] * math.sin(t)] for t in angles
        ]

    def ring(
        points: int, centre: tuple[float, float], radii: tuple[float, float]
    ) -> list[list[float]]:
        return arc(points + 1, centre, radii, 180, -180)[:points]

    return torch.tensor(
        arc(17, (0, 0.1), (0.68, 0.95), 180, 360)
        + arc(5, (-0.3, 0.4), (0.18, 0.08), 160, 20)
        + arc(5, (0.3, 0.4), (0.18, 0.08), 160, 20)
        + [[0, 0.3 - 0.12 * i] for i in range(4)]
        + arc(5, (0, -0.1), (0.14, 0.06), 180, 360)
        + ring(6, (-0.3, 0.25), (0.12, 0.06))
        + ring(6, (0.3, 0.25), (0.12, 0.06))
        + ring(12, (0, -0.42), (0.28, 0.14))
        + ring(8, (0, -0.42), (0.18, 0.07))
    )


def _nearest(vertices: Tensor, template: Tensor) -> Tensor:
    distance = torch.cdist(template, vertices[:, :2])
    distance[:, vertices[:, 2] < 0] = math.inf
    return distance.argmin(dim=1)


def _near(vertices: Tensor, landmarks: Tensor, radius: float) -> Tensor:
    return torch.cdist(vertices, vertices[landmarks]).min(dim=1).values < radius


def _bumps(vertices: Tensor, number: int, *, width: float, size: float, turn: float) -> Tensor:
    """Smooth fields: round bump k sits at its own place on the front and has its own direction."""
    fields = []
    for k in range(number):
        angle = 2.4 * k + turn
        centre = torch.tensor([0.5 * math.cos(angle), 0.6 * math.sin(angle), 0.6])
        direction = torch.tensor(
            [math.cos(1.7 * angle), math.sin(1.7 * angle), math.cos(angle + 0.5)]
        )
        weight = torch.exp(-((vertices - centre) ** 2).sum(-1, keepdim=True) / (2 * width**2 / 4))
        fields.append(size * weight * direction)
    return torch.stack(fields, -1)


def _expressions(vertices: Tensor, number: int) -> Tensor:
    """Jaw, mouth corners, brows, lips forward, lids: what moves a face, in this order."""
    centres = [
        (0, -0.55, 0.6),
        (0.28, -0.42, 0.6),
        (-0.28, -0.42, 0.6),
        (0, 0.45, 0.7),
        (0, -0.42, 0.7),
    ]
    moves = [(0, -0.12, 0), (0.05, 0.06, 0), (-0.05, 0.06, 0), (0, 0.07, 0), (0, 0, 0.12)]
    fields = []
    for k in range(number):
        centre, move = torch.tensor(centres[k % 5], dtype=torch.float32), torch.tensor(moves[k % 5])
        width = 0.16 / (1 + k // 5)
        weight = torch.exp(-((vertices - centre) ** 2).sum(-1, keepdim=True) / (2 * width**2))
        fields.append(weight * move)
    return torch.stack(fields, -1)
