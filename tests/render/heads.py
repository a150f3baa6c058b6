"""A head for the renderer's tests: an egg with a nose and, if asked, an open mouth."""

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from imagineid_core.values import Mesh

SIZE = torch.tensor([0.75, 1.0, 0.85])  # half axes in dm
LIGHT = torch.tensor([0.3, 0.5, 0.8])


def turned(points: Tensor, yaw: float) -> Tensor:
    """Turn about the y axis; positive looks to the viewer's right."""
    cosine, sine = math.cos(yaw), math.sin(yaw)
    return points @ torch.tensor([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]).T


def spiral(num_vertices: int, num_segments: int) -> tuple[Tensor, Tensor]:
    """Unit sphere from pole to pole along one spiral, wound counter-clockwise seen from outside."""
    index = torch.arange(num_vertices, dtype=torch.float64)
    height = math.pi * (index + 0.5) / num_vertices
    angle = 2 * math.pi * index / num_segments
    sphere = torch.stack(
        [height.sin() * angle.sin(), height.cos(), height.sin() * angle.cos()], dim=-1
    )
    first = torch.arange(num_vertices - num_segments - 1)
    quads = torch.stack([first, first + num_segments, first + num_segments + 1, first + 1], dim=-1)
    return sphere.float(), torch.cat([quads[:, [0, 1, 3]], quads[:, [3, 1, 2]]])


def outward(vertices: Tensor, triangles: Tensor) -> Tensor:
    a, b, c = vertices[triangles].unbind(1)
    area = torch.linalg.cross(b - a, c - a).repeat_interleave(3, dim=0)
    return normalize(torch.zeros_like(vertices).index_add(0, triangles.flatten(), area), dim=-1)


def head(
    *, num_vertices: int = 4600, num_segments: int = 96, yaws=(0.0,), open_mouth: bool = False
) -> Mesh:
    """`landmarks`: nose tip first, then the back of the head."""
    sphere, triangles = spiral(num_vertices, num_segments)
    x, y, z = sphere.unbind(-1)
    front = z > 0
    nose = 0.2 * torch.exp(-((x / 0.15) ** 2) - ((y + 0.05) / 0.2) ** 2) * front
    from_mouth = ((x / 0.4) ** 2 + ((y + 0.5) / 0.25) ** 2).sqrt()
    vertices = sphere * SIZE + nose[:, None] * torch.tensor([0.0, 0.0, 1.0])
    normals = outward(vertices, triangles)
    mouth = (from_mouth < 1) & front
    if open_mouth:
        triangles = triangles[~((from_mouth < 0.55) & front)[triangles].any(-1)]
    albedo = torch.where(
        mouth[:, None], torch.tensor([0.7, 0.2, 0.2]), torch.tensor([0.9, 0.7, 0.6])
    )
    irradiance = 0.3 + 0.7 * (normals @ LIGHT).clamp_min(0)
    return Mesh(
        vertices=torch.stack([turned(vertices, yaw) for yaw in yaws]),
        normals=torch.stack([turned(normals, yaw) for yaw in yaws]),
        albedo=albedo.expand(len(yaws), -1, -1),
        irradiance=irradiance[:, None].expand(len(yaws), -1, 3),
        triangles=triangles,
        landmarks=torch.stack([vertices[:, 2].argmax(), vertices[:, 2].argmin()]),
        mouth=mouth,
        front=front & (y < 0.6),
    )
