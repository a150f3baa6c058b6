"""Contact sheets: moments of a film, below them the same of its reference, below how they differ.

Knows nothing about pages or metrics.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from imagineid_core.evaluation.video.clip import Clip

MOST_MOMENTS = 10
AMPLIFIED = 4  # of differences
_SIDE = 144  # pixels of a frame's longer side at most
_GAP, _BETWEEN = 2, 200  # pixels between frames, and their grey
_QUALITY = 82  # of JPEG
Frames = Float[Tensor, "moments 3 height width"]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """`rows`: what each row shows, from above; `numbers`: the frame of each column."""

    jpeg: bytes
    width: int
    height: int
    rows: tuple[str, ...]
    numbers: tuple[int, ...]


def contact_sheet(clip: Clip, reference: Clip | None, *, is_aligned: bool) -> Sheet:
    """Every k-th frame from the first on, at most ten.

    Of a reference that is not aligned the same seconds are shown, grey where it has ended.
    """
    step = math.ceil(clip.num_frames / MOST_MOMENTS)
    numbers = tuple(range(0, clip.num_frames, step))
    film = _frames(clip, numbers)
    rows = {"film": film}
    if reference is not None:
        true = [round(number / clip.fps * reference.fps) for number in numbers]
        there = [number for number in true if number < reference.num_frames]
        shown = torch.zeros(len(numbers), *_frames(reference, there[:1]).shape[1:])
        shown[: len(there)] = _frames(reference, there)
        rows["reference"] = shown
        if is_aligned and shown.shape == film.shape:
            difference = (film - shown).abs() * AMPLIFIED - 1
            rows[f"difference × {AMPLIFIED}"] = difference.clamp(-1, 1)
    height, width = film.shape[-2:]
    column = min(width, max(1, round(width * _SIDE / max(height, width))))
    picture = np.concatenate([_side_by_side(_fitted(row, column)) for row in rows.values()])
    return Sheet(
        jpeg=_jpeg(picture),
        width=picture.shape[1],
        height=picture.shape[0],
        rows=tuple(rows),
        numbers=numbers,
    )


def _frames(clip: Clip, numbers: Sequence[int]) -> Frames:
    picked = replace(clip, numbers=tuple(clip.numbers[number] for number in numbers))
    return torch.cat([block for _, block in picked.blocks()])


def _fitted(frames: Frames, column: int) -> Frames:
    """Columns are equally wide in all rows, whatever size their film has."""
    height, width = frames.shape[-2:]
    if width == column:
        return frames
    size = max(1, round(height * column / width)), column
    return interpolate(frames, size=size, mode="bilinear", antialias=True, align_corners=False)


def _side_by_side(frames: Frames) -> np.ndarray:
    pixels = ((frames + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    framed = np.pad(pixels, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=_BETWEEN)
    return np.concatenate(list(framed), axis=1)


def _jpeg(picture: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()
