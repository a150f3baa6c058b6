"""The contract of `rasterize`, kept by pytorch3d where it is installed (supplement Eq. 3, R).

Knows nothing about cameras, colour or faces.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.errors import MissingPackageError
from imagineid_core.render.rasterize import Fragments, check_rasterizer_input


def rasterize_pytorch3d(
    screen: Float[Tensor, "batch vertices 3"],
    triangles: Int[Tensor, "triangles 3"],
    height: int,
    width: int,
    *,
    near: float = 0.0,
    far: float = math.inf,
    cull_back_faces: bool = False,
) -> Fragments:
    """As `rasterize`, but a pixel centre exactly on an edge may go to either triangle or none."""
    try:
        # Optional and not in the type checker's environment.
        from pytorch3d.renderer.mesh.rasterize_meshes import (  # pyright: ignore[reportMissingImports]
            rasterize_meshes,
        )
        from pytorch3d.structures import Meshes  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingPackageError(
            f"rasterize_pytorch3d needs pytorch3d, which does not import here ({error}). "
            "Install it with: pip install --no-build-isolation "
            "'git+https://github.com/facebookresearch/pytorch3d.git@stable', "
            "or use rasterize, which needs nothing and gives the same."
        ) from error
    check_rasterizer_input(screen, triangles, height, width, near, far)
    triangles = triangles.long()
    depth = screen[..., 2].detach()[:, triangles]  # [batch, triangles, corner]
    dropped = (depth.amin(-1) <= near) | (depth.amax(-1) >= far)
    # pytorch3d skips triangles without area: the dropped ones, and one more so that none is fine.
    faces = triangles * ~dropped[..., None]
    faces = torch.cat([faces, faces.new_zeros(len(screen), 1, 3)], dim=1)
    triangle, depth, barycentrics, _ = rasterize_meshes(
        Meshes(_to_ndc(screen.float(), height, width), faces),
        image_size=(height, width),
        blur_radius=0.0,
        faces_per_pixel=1,
        perspective_correct=True,
        cull_backfaces=cull_back_faces,
    )
    covered = triangle[..., 0] >= 0
    first = torch.arange(len(screen), device=screen.device)[:, None, None] * faces.shape[1]
    return Fragments(
        triangle=torch.where(covered, triangle[..., 0] - first, -1),
        barycentrics=torch.where(covered[..., None], barycentrics[..., 0, :], 0.0),
        depth=torch.where(covered, depth[..., 0], 0.0),
    )


def _to_ndc(screen: Tensor, height: int, width: int) -> Tensor:
    """Pixels to pytorch3d's axes: left, up, and [-1, 1] over the shorter side of the image."""
    column, row, depth = screen.unbind(-1)
    shorter = min(height, width)
    return torch.stack([(width - 2 * column) / shorter, (height - 2 * row) / shorter, depth], -1)
