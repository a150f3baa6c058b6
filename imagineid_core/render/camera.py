"""The pinhole camera of D3DFR and its projection to pixels (Sec. 3.1, R(S, T, gamma, p)).

Knows nothing about triangles, colour or faces.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError

_D3DFR_SIZE = 224  # pixels
_D3DFR_FOCAL = 1015.0  # pixels at that size
_SMALLEST_DEPTH = 1e-6  # dm; keeps a point beside or behind the camera finite


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Stands at z = `distance` on the z axis and looks along -z; all in dm and pixels.

    `centre` is (column, row) of the optical axis, in coordinates where pixel (0, 0), the one at
    the top left, has its centre at (0.5, 0.5).
    """

    height: int
    width: int
    focal: float
    centre: tuple[float, float]
    distance: float = 10.0
    near: float = 5.0
    far: float = 15.0


def d3dfr_camera(height: int, width: int | None = None) -> Camera:
    """The camera of D3DFR (224 pixels, focal length 1015), scaled to `height`.

    A `width` other than `height` shows more or less at the sides, never a stretched face.
    """
    width = height if width is None else width
    if height < 1 or width < 1:
        raise InputError(
            f"image size is {height} x {width} (height x width), which holds no pixel. "
            "Use a height and a width of at least 1."
        )
    return Camera(
        height=height,
        width=width,
        focal=_D3DFR_FOCAL * height / _D3DFR_SIZE,
        centre=(width / 2, height / 2),
    )


def project(
    vertices: Float[Tensor, "batch vertices 3"], camera: Camera
) -> Float[Tensor, "batch vertices 3"]:
    """World points (dm) to (column, row, depth): pixels with centres at .5, row 0 on top, dm.

    D3DFR's own landmark rule (row = 223 - v_up) lies half a pixel above this one.
    A point behind the camera has depth <= 0 and lands far away, never on NaN.
    """
    x, y, z = vertices.unbind(-1)
    depth = camera.distance - z
    scale = camera.focal / depth.clamp_min(_SMALLEST_DEPTH)
    column, row = camera.centre
    return torch.stack([column + x * scale, row - y * scale, depth], dim=-1)
