"""Where face and mouth are in a picture (Alg. 1: the mouth mask of I_ad, the mask m dilated).

Knows nothing about networks or colour; masks are 1 inside and 0 outside, float32.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import max_pool2d

from imagineid_core.errors import InputError
from imagineid_core.render.rasterize import Fragments


def region_mask(
    region: Bool[Tensor, " vertices"], triangles: Int[Tensor, "triangles 3"], fragments: Fragments
) -> Float[Tensor, "batch 1 height width"]:
    """1 where the triangle seen has all three corners in `region`."""
    # One more entry, False, which the background's index -1 picks.
    inside = torch.cat([region[triangles.long()].all(-1), region.new_zeros(1)])
    return inside[fragments.triangle][:, None].float()


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
    edges, counts = edges.unique(dim=0, return_counts=True)
    rim = edges[counts == 1]  # edges of a single triangle
    if len(rim) == 0:
        return torch.cat([vertices, vertices[:, :1]], dim=1), rim.new_zeros(0, 3)
    middle = vertices[:, rim.unique()].mean(1, keepdim=True)
    hub = rim.new_full((len(rim), 1), vertices.shape[1])
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
