"""Small films of a drawn face with known landmarks, written to files, and extractors to read them.

The face is a dark oval with eyes and a mouth on a grain that stands still; it nods a little, and
its mouth opens and shuts with the sound.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagineid_core.video.open_writer import open_writer

SIZE, FRAMES, FPS = 96, 30, 25


def landmarks(num_frames: int = FRAMES, late: int = 0, size: int = SIZE) -> np.ndarray:
    """[frames, 68, 2]; `late` frames later in the same motion."""
    scale = size / 96
    found = np.zeros((num_frames, 68, 2))
    for frame in range(num_frames):
        moment = frame - late
        middle = np.array([48 + 2 * np.sin(moment / 5), 46 + 3 * np.sin(moment / 3)])
        opening = 3 + 2.5 * np.sin(moment / 2)
        angle = np.linspace(np.pi, 0, 17)
        points = found[frame]
        points[:17] = middle + np.stack([24 * np.cos(angle), 32 * np.sin(angle)], axis=1)
        points[17:27] = middle + np.stack([np.linspace(-18, 18, 10), np.full(10, -14.0)], axis=1)
        points[27:36] = middle + np.stack([np.linspace(-3, 3, 9), np.linspace(-6, 6, 9)], axis=1)
        for eyes, side in ((slice(36, 42), -10), (slice(42, 48), 10)):
            turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)
            points[eyes] = middle + (side, -8) + np.stack([4 * np.cos(turn), 2 * np.sin(turn)], 1)
        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        lips = np.stack([9 * np.cos(turn), opening * np.sin(turn)], axis=1)
        points[48:68] = middle + (0, 17) + lips
    return found * scale


def frames(num_frames: int = FRAMES, late: int = 0, size: int = SIZE, noise: float = 0.0) -> Tensor:
    """[frames, 3, size, size] in [-1, 1]."""
    rows, columns = np.mgrid[:size, :size] + 0.5
    random = np.random.default_rng(0)
    grain = 0.25 * random.normal(size=(size, size))
    drawn = []
    for points in landmarks(num_frames, late, size):
        middle, scale = (
            points[:17].mean(axis=0) * (1, 0) + points[17:27].mean(0) * (0, 1),
            size / 96,
        )
        face = np.hypot((columns - middle[0]) / 25, (rows - middle[1] - 12 * scale) / 33) < scale
        picture = np.where(face, 0.3 + 0.3 * grain, -0.2 + grain)
        for part in (slice(36, 42), slice(42, 48), slice(48, 68)):
            centre, reach = points[part].mean(axis=0), np.ptp(points[part], axis=0) / 2 + 0.5
            inside = ((columns - centre[0]) / reach[0]) ** 2 + ((rows - centre[1]) / reach[1]) ** 2
            picture = np.where(inside < 1, -0.8, picture)
        drawn.append(np.stack([picture, 0.8 * picture, 0.7 * picture]))
    film = np.stack(drawn) + noise * random.normal(size=(num_frames, 3, size, size))
    return torch.from_numpy(film).float().clamp(-1, 1)


def write_film(path: Path, film: Tensor, *, fps: int = FPS, with_sound: bool = True) -> Path:
    """`path` names an .mp4, or a folder (exact pixels)."""
    seconds = len(film) / fps
    time = torch.arange(round(seconds * 16000)) / 16000
    sound = (
        0.3 * torch.sin(2 * torch.pi * 200 * time) * (1 + torch.sin(2 * torch.pi * 3 * time)) / 2
    )
    with open_writer(
        path,
        fps=Fraction(fps),
        sound=sound[None] if with_sound else None,
        sample_rate=16000,
    ) as writer:
        for frame in film:
            writer.write(frame)
    return path


def save_landmarks(path: Path, points: np.ndarray) -> Path:
    np.savez(path, landmarks=points)
    return path


def thumbnails(film: Tensor) -> Tensor:
    """A 'network' for tests: 6 x 6 colours."""
    return torch.nn.functional.interpolate(film, size=(6, 6), mode="area").flatten(1)


def classes(film: Tensor) -> Tensor:
    """A 'classifier' for tests: how bright the picture is, in three classes."""
    mean = film.mean(dim=(1, 2, 3))
    return torch.softmax(torch.stack([mean, -mean, torch.zeros_like(mean)], dim=1) * 10, dim=1)


def faces_of_bright_frames(film: Tensor) -> Tensor:
    """A 'detector' for tests that finds no face in dark frames."""
    found = torch.from_numpy(landmarks(len(film), size=film.shape[-1]))
    found[film.mean(dim=(1, 2, 3)) < -0.5] = torch.nan
    return found


def coefficients(film: Tensor) -> Tensor:
    """A 'D3DFR' for tests: numbers that follow the picture."""
    return thumbnails(film).repeat(1, 3)[:, :257]


not_callable = 3
HERE = "tests.evaluation.video.films"
