"""The 68 landmarks of the open face, in iBUG order, as vertices where they truly lie.

Knows nothing about images.
"""

import numpy as np

from imagineid_core.face.open_face import eyes, mouth
from imagineid_core.face.open_face.rest import RestFace

# Where the outline of a frontal face runs, from ear to chin on the viewer's right.
_CONTOUR = (
    (0.66, 0.26, -0.36),
    (0.66, 0.08, -0.36),
    (0.64, -0.10, -0.34),
    (0.60, -0.28, -0.32),
    (0.52, -0.45, -0.26),
    (0.42, -0.60, -0.16),
    (0.29, -0.73, -0.02),
    (0.15, -0.83, 0.10),
    (0.0, -0.865, 0.16),
)
_BROW = ((0.095, 0.445), (0.19, 0.478), (0.29, 0.487), (0.39, 0.470), (0.475, 0.425))
_NOSE_RIDGE = ((0.0, 0.34), (0.0, 0.21), (0.0, 0.08), (0.0, -0.035))
_NOSE_BASE = ((0.0, -0.130), (0.062, -0.118), (0.135, -0.105))


def landmark_vertices(face: RestFace) -> np.ndarray:
    """Contour 0-16, brows 17-26, nose 27-35, eyes 36-47, outer lips 48-59, inner lips 60-67."""
    contour_right = [_nearest(face, np.array(place)) for place in _CONTOUR]
    brow_right = [_seen_at(face, *place) for place in _BROW]
    nose_right = [_seen_at(face, *place) for place in _NOSE_BASE]
    across = face.mirror
    contour = [*across[contour_right[:-1]], *contour_right[::-1]]
    brows = [*across[brow_right[::-1]], *brow_right]
    nose = [_seen_at(face, *place) for place in _NOSE_RIDGE]
    nose += [across[nose_right[2]], across[nose_right[1]], *nose_right]
    return np.array(contour + brows + nose + _eye_landmarks(face) + _lip_landmarks(face))


def _eye_landmarks(face: RestFace) -> list[int]:
    """The viewer's left eye from its outer corner over the upper lid, then the right."""
    margin = face.skin.eyes[1][eyes.MARGIN_LOOP]
    angle = np.degrees(eyes.lid_angles())
    # The viewer's right eye: inner corner 180, upper 120 and 60, outer 0, lower 300 and 240.
    right = [int(margin[_at(angle, degree)]) for degree in (180, 120, 60, 0, 300, 240)]
    left = [int(face.mirror[right[place]]) for place in (3, 2, 1, 0, 5, 4)]
    return left + right


def _lip_landmarks(face: RestFace) -> list[int]:
    angle = np.degrees(mouth.mouth_angles())
    border = face.skin.mouth[mouth.BORDER_LOOP]
    contact = face.skin.mouth[mouth.CONTACT_LOOP]
    outer = [180, 135, 105, 90, 75, 45, 0, 315, 285, 270, 255, 225]
    inner = [180, 125, 90, 55, 0, 305, 270, 235]
    return [int(border[_at(angle, degree)]) for degree in outer] + [
        int(contact[_at(angle, degree)]) for degree in inner
    ]


def _at(angle: np.ndarray, degree: float) -> int:
    return int(np.abs((angle - degree + 180) % 360 - 180).argmin())


def _nearest(face: RestFace, place: np.ndarray) -> int:
    """On the grid, so not on an ear."""
    grid = face.skin.grid[face.skin.grid >= 0]
    return int(grid[np.linalg.norm(face.vertices[grid] - place, axis=1).argmin()])


def _seen_at(face: RestFace, x: float, y: float) -> int:
    """The front vertex nearest to (x, y)."""
    head = face.vertices[: face.skin.num_vertices]
    away = np.hypot(head[:, 0] - x, head[:, 1] - y)
    inside = np.zeros(len(head), dtype=bool)
    inside[face.skin.mouth[mouth.CONTACT_LOOP :].ravel()] = True
    return int(np.where((head[:, 2] > -0.1) & ~inside, away, np.inf).argmin())
