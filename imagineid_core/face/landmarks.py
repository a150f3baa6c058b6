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
# Of each landmark, the number of the one that takes its place in a mirrored picture.
MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
)  # fmt: skip
_INNER_UPPER, _INNER_LOWER = slice(61, 64), (67, 66, 65)  # opposite one another


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


def mouth_opening(
    landmarks: Float[Tensor, "batch landmarks=68 2"],
) -> Float[Tensor, " batch"]:
    """Mean distance of opposite points of the inner lips, over that between the eyes' middles."""
    upper, lower = landmarks[:, _INNER_UPPER], landmarks[:, _INNER_LOWER]
    return (upper - lower).norm(dim=-1).mean(dim=1) / eye_distance(landmarks)


def eye_distance(
    landmarks: Float[Tensor, "batch landmarks=68 2"],
) -> Float[Tensor, " batch"]:
    """Between the means of both eyes' six points, in the unit of the landmarks."""
    left, right = landmarks[:, LEFT_EYE].mean(dim=1), landmarks[:, RIGHT_EYE].mean(dim=1)
    return (left - right).norm(dim=-1)


def _seen(vertices: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    x, y, z = vertices[:, landmarks].unbind(-1)
    return x, y, (CAMERA_DISTANCE - z).clamp_min(_SMALLEST_DEPTH)
