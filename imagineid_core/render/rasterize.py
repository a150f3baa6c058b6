"""Which triangle is seen at each pixel, and where on it: a z-buffer in plain PyTorch.

The R of I_rd = R(S, T, gamma, p) up to shading (supplement Eq. 3).
Knows nothing about cameras, colour or faces: triangles in pixels come in, fragments go out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.errors import InputError

_TRIANGLES_AT_ONCE = 1 << 17  # bounds the memory of a batch
_CANDIDATES_AT_ONCE = 1 << 17  # (triangle, pixel) pairs; larger ones leave the CPU's cache
_SMALLEST_AREA = 1e-9  # square pixels, doubled; a thinner triangle has no usable barycentrics
_FARTHEST = 1e15  # pixels; beyond, products of two overflow float32 and depth would be NaN
_EMPTY = torch.iinfo(torch.int64).max


@dataclass(frozen=True, kw_only=True)
class Fragments:
    """What each pixel sees. On the background: triangle -1, barycentrics 0, depth 0."""

    triangle: Int[Tensor, "batch height width"]
    barycentrics: Float[Tensor, "batch height width 3"]  # perspective-correct; sum to 1
    depth: Float[Tensor, "batch height width"]  # in the unit of the input


def rasterize(
    screen: Float[Tensor, "batch vertices 3"],
    triangles: Int[Tensor, "triangles 3"],
    height: int,
    width: int,
    *,
    near: float = 0.0,
    far: float = math.inf,
    cull_back_faces: bool = False,
) -> Fragments:
    """Find the nearest triangle under every pixel centre.

    `screen` holds (column, row, depth): pixels with centres at .5, row 0 on top, depth growing
    away from the viewer. Edges belong to both their triangles, so a closed surface has no cracks;
    equal depth goes to the lowest triangle index, so the result does not depend on any order.
    A triangle is dropped whole, never clipped, when one of its corners is not between `near` and
    `far`, or lies more than 1e15 pixels away. Back faces (clockwise on the screen) are drawn, as
    D3DFR does, unless culled.

    Gradients reach `screen` through barycentrics and depth. The choice of triangle is a step
    function and has none: silhouettes do not pull on vertices. The choice is made in float32.
    """
    check_rasterizer_input(screen, triangles, height, width, near, far)
    with torch.no_grad():
        triangle = _nearest_triangles(
            screen.float(), triangles, height, width, near, far, cull_back_faces
        )
    barycentrics, depth = _positions(screen, triangles, triangle, width)
    size = (screen.shape[0], height, width)
    return Fragments(
        triangle=triangle.view(size),
        barycentrics=barycentrics.view(*size, 3),
        depth=depth.view(size),
    )


def _nearest_triangles(
    screen: Tensor,
    triangles: Tensor,
    height: int,
    width: int,
    near: float,
    far: float,
    cull_back_faces: bool,
) -> Tensor:
    """Triangle index by pixel, [batch * pixels]; -1 where there is none."""
    num_items, num_vertices, _ = screen.shape
    num_triangles = triangles.shape[0]
    pixels_per_item = height * width
    # Depth in the upper half, index in the lower: the smallest key is the nearest triangle.
    keys = torch.full((num_items * pixels_per_item,), _EMPTY, device=screen.device)
    items_at_once = max(1, _TRIANGLES_AT_ONCE // max(1, num_triangles))
    for first in range(0, num_items, items_at_once):
        items = screen[first : first + items_at_once]
        corners = _corners(items, triangles, num_vertices)  # [xyz, corner, items * triangles]
        low, size, kept = _boxes(corners, height, width, near, far, cull_back_faces)
        corners, low, size = corners[..., kept], low[:, kept], size[:, kept]
        item, index = kept // max(1, num_triangles), kept % max(1, num_triangles)
        start = (item + first) * pixels_per_item  # of the item's first pixel
        for owner, column, row in _candidates(low, size):
            weights = _edge_weights(corners[:2, :, owner], column + 0.5, row + 0.5)
            inside = _is_inside(weights).nonzero().squeeze(1)
            owner, weights = owner[inside], weights[:, inside]
            inverse_depth = (weights / corners[2][:, owner]).sum(0) / weights.sum(0)
            depth = inverse_depth.reciprocal()
            key = (depth.view(torch.int32).long() << 32) | index[owner]
            pixel = start[owner] + row[inside].long() * width + column[inside].long()
            keys.scatter_reduce_(0, pixel, key, "amin")
    return torch.where(keys == _EMPTY, -1, keys & 0xFFFFFFFF)


def _corners(items: Tensor, triangles: Tensor, num_vertices: int) -> Tensor:
    offsets = torch.arange(items.shape[0], device=items.device) * num_vertices
    vertex = triangles.t().long()[:, None] + offsets[:, None]  # [corner, items, triangles]
    coordinates = items.reshape(-1, 3).t().contiguous()
    return coordinates.index_select(1, vertex.reshape(-1)).view(3, 3, -1)


def _boxes(
    corners: Tensor, height: int, width: int, near: float, far: float, cull_back_faces: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """First pixel and size of each triangle's box of pixel centres, and which are to be drawn."""
    limit = corners.new_tensor([[width], [height]])
    low = torch.minimum((corners[:2].amin(1) - 0.5).ceil().clamp_min(0), limit)
    high = torch.minimum((corners[:2].amax(1) - 0.5).floor().clamp_min(-1), limit - 1)
    size = high - low + 1  # [column and row, triangles]
    depth = corners[2]
    keep = (size.amin(0) > 0) & (depth.amin(0) > near) & (depth.amax(0) < far)
    keep &= corners[:2].abs().amax((0, 1)) < _FARTHEST
    if cull_back_faces:
        column, row = corners[:2] - corners[:2, :1]
        keep &= column[1] * row[2] - row[1] * column[2] < 0  # rows count downward
    return low, size.long(), keep.nonzero().squeeze(1)


def _candidates(low: Tensor, size: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Every pixel of every box as (box, column, row), a bounded number at a time."""
    num_columns, counts = size[0], size[0] * size[1]
    ends = counts.cumsum(0)
    begins = ends - counts
    total = int(counts.sum())
    for start in range(0, total, _CANDIDATES_AT_ONCE):
        stop = min(start + _CANDIDATES_AT_ONCE, total)
        limits = torch.tensor([start, stop - 1], device=low.device)
        first, last = torch.searchsorted(ends, limits, right=True).tolist()
        boxes = torch.arange(first, last + 1, device=low.device)
        here = ends[boxes].clamp_max(stop) - begins[boxes].clamp_min(start)  # of each box
        owner = boxes.repeat_interleave(here)
        rank = torch.arange(start, stop, device=low.device) - begins[owner]
        row = rank // num_columns[owner]
        column = rank - row * num_columns[owner]
        yield owner, low[0][owner] + column, low[1][owner] + row


def _edge_weights(corners: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Twice the signed area each corner's opposite edge spans with the point, [corner, points].

    Taken relative to the point, so that two triangles compute the same number, up to its sign,
    for the edge they share: rounding cannot open a crack between them.
    """
    x, y = corners[0] - column, corners[1] - row  # [corner, points]
    (x0, x1, x2), (y0, y1, y2) = x, y
    return torch.stack([x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1])


def _is_inside(weights: Tensor) -> Tensor:
    w0, w1, w2 = weights
    low = torch.minimum(torch.minimum(w0, w1), w2)
    high = torch.maximum(torch.maximum(w0, w1), w2)
    return ((low >= 0) & (high > _SMALLEST_AREA)) | ((high <= 0) & (low < -_SMALLEST_AREA))


def _positions(
    screen: Tensor, triangles: Tensor, triangle: Tensor, width: int
) -> tuple[Tensor, Tensor]:
    """Barycentrics and depth of every pixel from its triangle, differentiable in `screen`."""
    num_items, num_vertices, _ = screen.shape
    pixels_per_item = len(triangle) // max(1, num_items)
    covered = (triangle >= 0).nonzero().squeeze(1)
    item = covered // max(1, pixels_per_item)
    pixel = covered - item * pixels_per_item
    row = pixel // width
    column = pixel - row * width
    vertex = triangles.long().index_select(0, triangle[covered]).t() + item * num_vertices
    coordinates = screen.reshape(-1, 3).t()
    corners = coordinates.index_select(1, vertex.reshape(-1)).view(3, 3, -1)
    weights = _edge_weights(corners[:2], column + 0.5, row + 0.5) / corners[2]
    barycentrics = weights / weights.sum(0)
    depth = (barycentrics * corners[2]).sum(0)
    return (
        screen.new_zeros(len(triangle), 3).index_copy(0, covered, barycentrics.t()),
        screen.new_zeros(len(triangle)).index_copy(0, covered, depth),
    )


def check_rasterizer_input(
    screen: Tensor, triangles: Tensor, height: int, width: int, near: float, far: float
) -> None:
    if height < 1 or width < 1:
        raise InputError(
            f"image size is {height} x {width} (height x width), which holds no pixel. "
            "Use a height and a width of at least 1."
        )
    if not 0 <= near < far:
        raise InputError(
            f"near is {near} and far is {far}, which leaves nothing between them. "
            "Use 0 <= near < far."
        )
    if screen.dtype not in (torch.float32, torch.float64):
        raise InputError(
            f"screen is {screen.dtype}, too coarse to place a vertex within a pixel. "
            "Use float32: geometry never runs in half precision."
        )
    if not bool(screen.isfinite().all()):
        raise InputError(
            "screen holds NaN or infinite coordinates. Check the vertices that were projected."
        )
    if triangles.numel() and not (
        int(triangles.min()) >= 0 and int(triangles.max()) < screen.shape[1]
    ):
        raise InputError(
            f"triangles name vertices {int(triangles.min())} to {int(triangles.max())} but there "
            f"are {screen.shape[1]}. Indices count from 0; use the triangles of this mesh."
        )
