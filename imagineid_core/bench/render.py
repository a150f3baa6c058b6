"""How long one frame takes to draw on one CPU thread: the renderer's bench (Sec. 3.1, R).

Knows nothing about networks; the two meshes stand for a BFM user's and for the embedded face.
"""

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from imagineid_core.errors import InputError
from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.open_face import open_face_basis
from imagineid_core.render.camera import Camera, d3dfr_camera, project
from imagineid_core.render.mesh_frame import render_mesh_frame
from imagineid_core.render.rasterize import Fragments, rasterize
from imagineid_core.render.shade import interpolate
from imagineid_core.values import FaceCoefficients, Mesh

_BFM_VERTICES = 35_709
_BFM_SEGMENTS = 314  # makes 70,788 triangles; the BFM face has 70,789


def bench_render(
    *, num_runs: int = 15, rasterizer: Callable[..., Fragments] = rasterize
) -> dict[str, Any]:
    """Milliseconds a frame: median by `<case>_ms`, smallest by `<case>_min_ms`.

    A frame is one call each of `project`, the rasterizer and `interpolate` for colour
    (albedo * irradiance); `<case>_mesh_frame_ms` is all of `render_mesh_frame`, with its masks,
    normals, depth and landmarks. One warm-up run is not counted. The number of threads is set to
    one meanwhile: on operations this small more threads wait for one another.
    """
    if num_runs < 5:
        raise InputError(
            f"num_runs is {num_runs}, too few for a median on a busy machine. Use 5 or more."
        )
    bfm, open_face = egg(), _open_face()
    cases = {"bfm_512": (bfm, 512), "bfm_224": (bfm, 224), "open_128": (open_face, 128)}
    results: dict[str, Any] = {"bench": "render", "threads": 1, "num_runs": num_runs}
    with _one_thread():
        for name, (mesh, size) in cases.items():
            camera = d3dfr_camera(size)
            shaded = _milliseconds(partial(_shade, mesh, camera, rasterizer), num_runs)
            whole = _milliseconds(
                partial(render_mesh_frame, mesh, camera, rasterizer=rasterizer), num_runs
            )
            for label, times in (("", shaded), ("_mesh_frame", whole)):
                results[f"{name}{label}_ms"] = round(statistics.median(times), 2)
                results[f"{name}{label}_min_ms"] = round(min(times), 2)
    return results


def egg(num_vertices: int = _BFM_VERTICES, num_segments: int = _BFM_SEGMENTS) -> Mesh:
    """An egg as large in the picture as a face, its back too, wound as one spiral.

    A spiral takes any number of vertices; it is closed but for two pinholes at the poles.
    """
    index = torch.arange(num_vertices, dtype=torch.float64)
    height = math.pi * (index + 0.5) / num_vertices
    angle = 2 * math.pi * index / num_segments
    sphere = torch.stack(
        [height.sin() * angle.sin(), height.cos(), height.sin() * angle.cos()], dim=-1
    ).float()
    half_axes = torch.tensor([0.75, 1.0, 0.85])
    first = torch.arange(num_vertices - num_segments - 1)
    below = first + num_segments
    pairs = [
        torch.stack([first, below, first + 1], dim=-1),
        torch.stack([first + 1, below, below + 1], dim=-1),
    ]
    x, y, z = sphere.unbind(-1)
    return Mesh(
        vertices=(sphere * half_axes)[None],
        normals=normalize(sphere / half_axes, dim=-1)[None],
        albedo=torch.full((1, num_vertices, 3), 0.7),
        irradiance=(0.8 + 0.2 * y)[None, :, None].expand(1, num_vertices, 3),
        triangles=torch.stack(pairs, dim=1).flatten(0, 1),  # neighbours stay neighbours
        landmarks=torch.arange(68) * (num_vertices // 68),
        mouth=(z > 0) & ((x / 0.4) ** 2 + ((y + 0.5) / 0.15) ** 2 < 1),
        front=z > 0,
    )


def _open_face() -> Mesh:
    basis = open_face_basis()
    sizes = {"shape": basis.shape_basis, "expression": basis.expression_basis}
    sizes["texture"] = basis.texture_basis
    coefficients = {name: torch.zeros(1, each.shape[-1]) for name, each in sizes.items()}
    neutral = FaceCoefficients(**coefficients, lighting=torch.zeros(1, 27), pose=torch.zeros(1, 6))
    return mesh_from(neutral, basis)


def _shade(mesh: Mesh, camera: Camera, rasterizer: Callable[..., Fragments]) -> Tensor:
    fragments = rasterizer(
        project(mesh.vertices, camera), mesh.triangles, camera.height, camera.width
    )
    return interpolate(mesh.albedo * mesh.irradiance, mesh.triangles, fragments)


def _milliseconds(draw: Callable[[], object], num_runs: int) -> list[float]:
    times = []
    for _ in range(num_runs + 1):
        start = time.perf_counter()
        draw()
        times.append((time.perf_counter() - start) * 1000)
    return times[1:]


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
