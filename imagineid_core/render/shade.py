"""Vertex attributes to images: interpolation over fragments (supplement Eq. 3, the rendered T).

Knows nothing about cameras, light or what an attribute means.
"""

from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.render.rasterize import Fragments


def interpolate(
    attributes: Float[Tensor, "batch vertices channels"],
    triangles: Int[Tensor, "triangles 3"],
    fragments: Fragments,
    *,
    background: float = 0.0,
) -> Float[Tensor, "batch channels height width"]:
    """Blend each triangle's corner values by its barycentrics; `background` where nothing is.

    Gradients reach the attributes, and the vertices through the barycentrics.
    """
    num_items, num_vertices, num_channels = attributes.shape
    _, height, width = fragments.triangle.shape
    triangle = fragments.triangle.reshape(-1)
    covered = (triangle >= 0).nonzero().squeeze(1)
    item = covered // (height * width)
    vertex = triangles.long().index_select(0, triangle[covered]) + (item * num_vertices)[:, None]
    weights = fragments.barycentrics.reshape(-1, 3).index_select(0, covered)
    values = attributes.reshape(-1, num_channels)
    a, b, c = (
        values.index_select(0, vertex[:, corner]) * weights[:, corner, None] for corner in range(3)
    )
    image = attributes.new_full((len(triangle), num_channels), background)
    image = image.index_copy(0, covered, a + b + c)
    return image.view(num_items, height, width, num_channels).permute(0, 3, 1, 2)
