"""Temporal mesh-warp error: does the picture move as its mesh does?

The mesh knows where every visible point of the face was a frame ago, so the frame before can be
warped onto this one without estimating flow. Knows nothing about coefficients.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import grid_sample

from imagineid_core.render.camera import Camera, project
from imagineid_core.render.rasterize import rasterize
from imagineid_core.render.shade import interpolate

_HIDDEN_BEYOND = 0.03  # dm behind the surface of the frame before


def mesh_flow(
    vertices: Float[Tensor, "frames vertices 3"],
    triangles: Tensor,
    camera: Camera,
) -> tuple[Float[Tensor, "pairs height width 2"], Bool[Tensor, "pairs height width"]]:
    """Where each pixel of frames 2, 3, ... was in the frame before, and whether it was seen there.

    Positions are columns and rows with pixel centres at .5; outside the mesh they are not visible
    (and 0). `vertices`: posed, in dm, as `Mesh` has them.
    """
    screen = project(vertices.float(), camera)
    fragments = rasterize(
        screen, triangles, camera.height, camera.width, near=camera.near, far=camera.far
    )
    # 1. The point of the surface that a pixel shows now, where it was in the world before.
    now = type(fragments)(
        triangle=fragments.triangle[1:],
        barycentrics=fragments.barycentrics[1:],
        depth=fragments.depth[1:],
    )
    world = interpolate(vertices[:-1].float(), triangles, now)  # [pairs, 3, height, width]
    before = project(world.flatten(2).transpose(1, 2), camera)
    # 2. Seen then: inside the frame, and at the surface, not behind it.
    column, row, depth = before.unbind(-1)
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    pixel = row.long().clamp(0, camera.height - 1) * camera.width
    pixel = pixel + column.long().clamp(0, camera.width - 1)
    surface = fragments.depth[:-1].flatten(1).gather(1, pixel)
    on_mesh = fragments.triangle[:-1].flatten(1).gather(1, pixel) >= 0
    seen = inside & on_mesh & (depth <= surface + _HIDDEN_BEYOND)
    visible = seen.view(now.triangle.shape) & (now.triangle >= 0)
    flow = before[..., :2].view(*now.triangle.shape, 2)
    return torch.where(visible[..., None], flow, 0.0), visible


def warp_error(
    frames: Float[Tensor, "frames 3 height width"],
    flow: Float[Tensor, "pairs height width 2"],
    visible: Bool[Tensor, "pairs height width"],
) -> Float[Tensor, " pairs"]:
    """Root mean squared difference to the warped frame before, in levels of 255; lower is better.

    Over pixels that show the mesh in both frames. A blurred or still film of a still mesh has
    none, so it stands beside a sharpness term. NaN where nothing is visible.
    """
    height, width = frames.shape[-2:]
    grid = 2 * flow / flow.new_tensor([width, height]) - 1
    warped = grid_sample(
        frames[:-1], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    squared = (frames[1:] - warped).square().mean(dim=1) * visible
    count = visible.flatten(1).sum(dim=1)
    mean = squared.flatten(1).sum(dim=1) / count  # 0 / 0 is NaN
    return 127.5 * mean.sqrt()
