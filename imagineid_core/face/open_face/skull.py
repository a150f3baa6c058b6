"""The solid form of head, jaw, nose and neck: a smooth union of ellipsoids and capsules, in dm.

The measures follow published means of adult face anthropometry; no scan was used. Knows nothing
about vertices: it answers how far a point is from the surface, and where a ray leaves it.
"""

import numpy as np

EYE_CENTRE = np.array([0.315, 0.29, 0.033])  # of the viewer's right; mirrored on the left
EYE_RADIUS = 0.135
LID_THICKNESS = 0.030  # deeper than the chord a lid cuts when it moves straight over the eyeball

# centre, radii; those with x != 0 stand on both sides
_BULK_ELLIPSOIDS = (
    ((0.0, 0.60, -0.62), (0.70, 0.74, 0.84)),  # cranium
    ((0.0, 0.30, -0.85), (0.58, 0.55, 0.58)),  # occiput
    ((0.0, 0.58, -0.24), (0.59, 0.52, 0.48)),  # forehead
    ((0.0, -0.02, -0.36), (0.56, 0.62, 0.55)),  # midface
    ((0.0, -0.36, 0.03), (0.25, 0.24, 0.25)),  # dental arches
    ((0.36, 0.04, -0.12), (0.20, 0.18, 0.23)),  # cheekbone
    ((0.27, -0.30, -0.16), (0.22, 0.30, 0.25)),  # cheek
    ((0.20, 0.46, 0.02), (0.20, 0.09, 0.17)),  # brow
    ((0.0, -0.73, 0.06), (0.17, 0.12, 0.15)),  # chin
    ((0.0, -0.46, -0.26), (0.38, 0.32, 0.42)),  # floor of the mouth
)
# start, end, radius at the start, at the end
_BULK_CAPSULES = (
    ((0.13, -0.70, -0.04), (0.39, -0.44, -0.46), 0.09, 0.11),  # body of the jaw
    ((0.39, -0.44, -0.46), (0.48, 0.10, -0.58), 0.11, 0.13),  # its ramus
    ((0.40, 0.10, -0.20), (0.53, 0.14, -0.60), 0.09, 0.10),  # cheekbone to ear
    ((0.11, -0.50, -0.72), (0.14, -2.0, -0.80), 0.36, 0.40),  # neck
    ((0.36, -1.60, -0.80), (1.2, -2.00, -0.85), 0.24, 0.22),  # shoulder
)
_NOSE_ELLIPSOIDS = (
    ((0.0, -0.032, 0.415), (0.098, 0.080, 0.118)),  # tip
    ((0.116, -0.066, 0.300), (0.058, 0.068, 0.115)),  # wing
)
_NOSE_CAPSULES = (
    ((0.0, 0.40, 0.185), (0.0, 0.02, 0.40), 0.062, 0.080),  # bridge
    ((0.050, 0.30, 0.05), (0.080, -0.03, 0.255), 0.10, 0.105),  # flank
    ((0.0, -0.05, 0.42), (0.0, -0.108, 0.32), 0.046, 0.040),  # columella
)
_SOCKET = ((0.315, 0.33, 0.36), (0.21, 0.10, 0.20))
_SOCKET_BLEND = 0.03
_LID_BLEND = 0.012
_BULK_BLEND = 0.07
_NOSE_BLEND = 0.018
_JOIN = 0.025


def leave(origins: np.ndarray, directions: np.ndarray, *, num_steps: int = 26) -> np.ndarray:
    """The first surface point met from inside along each ray (sphere tracing)."""
    travelled = np.zeros(len(origins))
    for _ in range(num_steps):
        points = origins + travelled[:, None] * directions
        travelled = travelled - np.clip(distance(points), -0.4, 0.4) * 0.9
    return origins + travelled[:, None] * directions


def front_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The surface point the viewer sees at (x, y); only for the face, not for the sides."""
    origins = np.stack([x, y, np.full_like(x, -0.1)], axis=-1).reshape(-1, 3)
    ahead = np.broadcast_to([0.0, 0.0, 1.0], origins.shape)
    return leave(origins, ahead).reshape(*x.shape, 3)


def distance(points: np.ndarray) -> np.ndarray:
    """Signed distance, nearly: negative inside."""
    folded = np.concatenate([np.abs(points[:, :1]), points[:, 1:]], axis=1)
    bulk = _union(folded, _BULK_ELLIPSOIDS, _BULK_CAPSULES, _BULK_BLEND)
    nose = _union(folded, _NOSE_ELLIPSOIDS, _NOSE_CAPSULES, _NOSE_BLEND)
    head = smooth_min(np.stack([bulk, nose]), _JOIN)
    hollow = smooth_min(np.stack([-head, _ellipsoid(folded, *_SOCKET)]), _SOCKET_BLEND)
    lids = np.linalg.norm(folded - EYE_CENTRE, axis=1) - EYE_RADIUS - LID_THICKNESS
    return smooth_min(np.stack([-hollow, lids]), _LID_BLEND)


def smooth_min(distances: np.ndarray, softness: float) -> np.ndarray:
    """Of the first axis; exact far from ties, rounder than the minimum near them."""
    lowest = distances.min(axis=0)
    return lowest - softness * np.log(np.exp((lowest - distances) / softness).sum(axis=0))


def _union(points: np.ndarray, ellipsoids: tuple, capsules: tuple, softness: float) -> np.ndarray:
    """Pairs are met twice near the middle plane, so that both halves join smoothly there."""
    distances = []
    mirrored = points * np.array([-1.0, 1.0, 1.0])
    for centre, radii in ellipsoids:
        distances.append(_ellipsoid(points, centre, radii))
        if centre[0]:
            distances.append(_ellipsoid(mirrored, centre, radii))
    for start, end, first, last in capsules:
        distances.append(_capsule(points, start, end, first, last))
        if start[0]:
            distances.append(_capsule(mirrored, start, end, first, last))
    return smooth_min(np.stack(distances), softness)


def _ellipsoid(points: np.ndarray, centre: tuple, radii: tuple) -> np.ndarray:
    scaled = (points - np.array(centre)) / np.array(radii)
    size = np.linalg.norm(scaled, axis=1)
    slope = np.linalg.norm(scaled / np.array(radii), axis=1)
    return size * (size - 1) / np.maximum(slope, 1e-9)


def _capsule(points: np.ndarray, start: tuple, end: tuple, first: float, last: float) -> np.ndarray:
    axis = np.array(end) - np.array(start)
    along = np.clip((points - np.array(start)) @ axis / (axis @ axis), 0, 1)
    nearest = np.array(start) + along[:, None] * axis
    return np.linalg.norm(points - nearest, axis=1) - (first + (last - first) * along)
