"""Where the 68 landmarks of a posed face fall in the image, in two conventions.

`project_landmarks` is the renderer's: positions, in which pixel i covers [i, i + 1) and its centre
is i + 0.5, row 0 on top. `d3dfr_landmarks` is the reference code's: v counts up from the bottom,
and its image row 223 - v lies half a pixel above the renderer's pixel centre, its column half a
pixel right of it. Knows nothing about rasterising or visibility.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

CAMERA_DISTANCE = 10.0  # dm; the camera stands at z = 10 and looks along -z
D3DFR_FOCAL = 1015.0  # pixels, for an image of D3DFR_SIZE
D3DFR_SIZE = 224
_SMALLEST_DEPTH = 1e-6  # dm; a point beside or behind the camera lands far away, never on NaN

# iBUG order, the parts other code asks for by name.
CONTOUR = slice(0, 17)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
LEFT_EYE = slice(36, 42)  # left in the image: the person's right
RIGHT_EYE = slice(42, 48)
MOUTH = slice(48, 68)
INNER_MOUTH = slice(60, 68)


def project_landmarks(
    vertices: Float[Tensor, "batch vertices 3"],
    landmarks: Int[Tensor, " landmarks"],
    *,
    height: int,
    width: int | None = None,
) -> Float[Tensor, "batch landmarks 2"]:
    """Column and row of each landmark in a frame of this size, centres at .5.

    column = width / 2 + focal x / depth, row = height / 2 - focal y / depth, with the focal length
    scaled by the height: 1015 at 224, 2320 at 512.
    """
    width = height if width is None else width
    x, y, depth = _seen(vertices, landmarks)
    focal = D3DFR_FOCAL * height / D3DFR_SIZE
    return torch.stack((width / 2 + focal * x / depth, height / 2 - focal * y / depth), dim=-1)


def d3dfr_landmarks(
    vertices: Float[Tensor, "batch vertices 3"], landmarks: Int[Tensor, " landmarks"]
) -> Float[Tensor, "batch landmarks 2"]:
    """u and v of the reference code at 224: v counts from the bottom, image row = 223 - v."""
    x, y, depth = _seen(vertices, landmarks)
    centre = D3DFR_SIZE / 2
    return torch.stack((centre + D3DFR_FOCAL * x / depth, centre + D3DFR_FOCAL * y / depth), dim=-1)


def _seen(vertices: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    x, y, z = vertices[:, landmarks].unbind(-1)
    return x, y, (CAMERA_DISTANCE - z).clamp_min(_SMALLEST_DEPTH)
