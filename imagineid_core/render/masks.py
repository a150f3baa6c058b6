"""Where face and mouth are in a picture (Alg. 1: the mouth mask of I_ad, the mask m dilated).

Knows nothing about networks or colour; masks are 1 inside and 0 outside, float32.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import max_pool2d

from imagineid_core.errors import InputError
from imagineid_core.render.rasterize import Fragments
from imagineid_core.render.shade import interpolate


def region_mask(
    region: Bool[Tensor, " vertices"], triangles: Int[Tensor, "triangles 3"], fragments: Fragments
) -> Float[Tensor, "batch 1 height width"]:
    """1 where the surface seen is nearer to the vertices in `region` than to the others.

    The border runs midway between vertices, which is smoother than along the triangles.
    """
    num_items = len(fragments.triangle)
    members = region.float()[None, :, None].expand(num_items, -1, 1)
    return (interpolate(members, triangles, fragments) > 0.5).float()


def hole_cover(
    vertices: Float[Tensor, "batch vertices 3"],
    triangles: Int[Tensor, "triangles 3"],
    region: Bool[Tensor, " vertices"],
) -> tuple[Float[Tensor, "batch vertices+1 3"], Int[Tensor, "cover 3"]]:
    """A fan of triangles over the holes the surface has within `region`, and its vertices.

    The lips of some face models, D3DFR's too, surround nothing: an open mouth shows what is
    behind. The fan joins every edge of the hole to a vertex added last, the middle of the rim.
    """
    edges = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).long()
    edges = edges[region[edges].all(-1)].sort(-1).values
    num_vertices = vertices.shape[1]
    # As one number an edge: `unique` over rows is a hundred times slower.
    keys, counts = (edges[:, 0] * num_vertices + edges[:, 1]).unique(return_counts=True)
    keys = keys[counts == 1]  # edges of a single triangle
    rim = torch.stack([keys // num_vertices, keys % num_vertices], dim=-1)
    if len(rim) == 0:
        return torch.cat([vertices, vertices[:, :1]], dim=1), rim.new_zeros(0, 3)
    middle = vertices[:, rim.unique()].mean(1, keepdim=True)
    hub = rim.new_full((len(rim), 1), num_vertices)
    return torch.cat([vertices, middle], dim=1), torch.cat([rim, hub], dim=-1)


def dilate(
    mask: Float[Tensor, "batch channels height width"], radius: float
) -> Float[Tensor, "batch channels height width"]:
    """Grow a mask by `radius`, a fraction of the image height, rounded to whole pixels.

    The neighbourhood is a square, so corners grow furthest.
    """
    if radius < 0:
        raise InputError(
            f"dilation radius is {radius}; a mask cannot grow by less than nothing. "
            "Use a fraction of the image height of 0 or more, for example 0.02."
        )
    pixels = round(radius * mask.shape[-2])
    size = 2 * pixels + 1
    across = max_pool2d(mask, (1, size), stride=1, padding=(0, pixels))
    return max_pool2d(across, (size, 1), stride=1, padding=(pixels, 0))
