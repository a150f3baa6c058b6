"""The reference: one pixel after the other, every triangle, float64, another formula."""

import numpy as np
from torch import Tensor


def slow_rasterize(screen: Tensor, triangles: Tensor, height: int, width: int):
    """Index, barycentrics, depth, and how decided each pixel is, for one item.

    `margin` is how far the pixel is from any other answer: the smallest distance, in barycentric
    units or in relative depth, to an edge or to the second nearest triangle.
    """
    points = screen.double().numpy()
    a, b, c = (points[triangles[:, corner].numpy()] for corner in range(3))
    edges = np.stack([(b - a)[:, :2], (c - a)[:, :2]], axis=-1)  # [triangles, 2, 2]
    usable = np.abs(np.linalg.det(edges)) > 1e-9
    usable &= np.minimum(np.minimum(a[:, 2], b[:, 2]), c[:, 2]) > 0
    inverse = np.linalg.inv(np.where(usable[:, None, None], edges, np.eye(2)))
    index = np.full((height, width), -1)
    barycentrics, depth = np.zeros((height, width, 3)), np.zeros((height, width))
    margin = np.full((height, width), np.inf)
    for row in range(height):
        for column in range(width):
            v, w = np.einsum("tij,tj->it", inverse, [column + 0.5, row + 0.5] - a[:, :2])
            flat = np.stack([1 - v - w, v, w], axis=-1)  # barycentrics on the screen
            lowest = np.where(usable, flat.min(-1), -np.inf)
            inside = np.flatnonzero(lowest >= 0)
            margin[row, column] = np.abs(lowest).min(initial=np.inf)
            if len(inside) == 0:
                continue
            weights = flat[inside] / np.stack([a, b, c], axis=-1)[inside, 2]
            depths = 1 / weights.sum(-1)
            nearest = depths.argmin()
            index[row, column] = inside[nearest]
            barycentrics[row, column] = weights[nearest] * depths[nearest]
            depth[row, column] = depths[nearest]
            others = np.delete(depths, nearest) / depths[nearest] - 1
            margin[row, column] = min(margin[row, column], others.min(initial=np.inf))
    return index, barycentrics, depth, margin
