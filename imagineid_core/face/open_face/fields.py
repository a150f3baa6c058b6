"""Smooth weights over space that displacement and colour fields are made of.

Points are rows of (x, y, z) in dm. Knows nothing about which face they belong to.
"""

import numpy as np


def rise(value: np.ndarray, start: float | int, end: float | int) -> np.ndarray:
    """0 at `start`, 1 at `end`, smooth between and flat outside; `end` may be the smaller."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def bump(points: np.ndarray, centre: tuple, widths: tuple) -> np.ndarray:
    """A Gaussian hill of height 1; widths are standard deviations along the axes given.

    Two numbers mean x and y, the view from the front; three mean x, y and z.
    """
    size = len(centre)
    away = (points[:, :size] - np.array(centre)) / np.array(widths)
    return np.exp(-0.5 * (away**2).sum(axis=1))


def on_both_sides(points: np.ndarray, centre: tuple, widths: tuple) -> np.ndarray:
    """The hill at (x, ...) and its mirror image at (-x, ...)."""
    mirrored = (-centre[0], *centre[1:])
    return bump(points, centre, widths) + bump(points, mirrored, widths)


def away_from_middle(points: np.ndarray) -> np.ndarray:
    """-1 on the viewer's left, 1 on the right, passing through 0 in the middle without a step."""
    return np.tanh(points[:, 0] / 0.04)


def scattered(index: int, count: int) -> np.ndarray:
    """`count` numbers in [0, 1), evenly scattered and the same on every machine and version.

    An additive recurrence on irrational steps; a random generator promises no such thing.
    """
    steps = np.sqrt(np.array([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37])[:count])
    return (0.5 + (index + 1) * steps) % 1.0


def waves(points: np.ndarray, index: int, coarse: float, fine: float) -> np.ndarray:
    """A smooth scalar pattern in [-1, 1] with wavelengths between `coarse` and `fine` dm."""
    a, b, c, phase, length, *_ = scattered(index, 6)
    wave = np.array([a - 0.5, b - 0.5, 0.6 * (c - 0.5)])
    wave = wave / np.linalg.norm(wave)
    wavelength = coarse * (fine / coarse) ** length
    return np.cos(2 * np.pi * (points @ wave / wavelength + phase))
