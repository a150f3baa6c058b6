"""A contact sheet of a film: moments from its first to its last frame, each below its mesh.

The film is read back, so the sheet shows what the film shows. Knows nothing about how it was made.
"""

from collections.abc import Sequence
from os import PathLike

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.imagine.host import MeshPicture
from imagineid_core.values import Speech
from imagineid_core.video.lettering import lettered_strip
from imagineid_core.video.reader import read_frames
from imagineid_core.video.shown import resized

_INK, _PAPER = (-0.75, -0.7, -0.65), (0.96, 0.96, 0.94)
_GAP, _LETTERS = 0.04, 0.07  # of a picture's width


def film_sheet(
    path: str | PathLike[str],
    meshes: Sequence[MeshPicture],
    speech: Speech,
    *,
    num_columns: int = 8,
    width: int = 192,
    label: str = "",
) -> Float[Tensor, "3 height wide"]:
    """A column a moment: its time, the mesh, the frame; the label, if there is one, at the foot.

    A label that the film itself shows below its pictures is cut off.
    """
    numbers = moments(len(meshes), num_columns)
    gap = max(2, round(width * _GAP))
    columns = []
    for number, frame in zip(numbers, read_frames(path, numbers), strict=True):
        mesh = meshes[number].colour[0]
        tall = round(frame.shape[2] * mesh.shape[1] / mesh.shape[2])
        time = _words(f"{float(number / speech.fps):.2f} s", width, width)
        pictures = [resized(picture, width) for picture in (mesh, frame[:, :tall])]
        columns.append(torch.cat([time, pictures[0], _blank(gap, width), pictures[1]], dim=1))
    space = _blank(columns[0].shape[1], gap)
    row = [piece for column in columns for piece in (space, column)]
    sheet = torch.cat([*row, space], dim=2)
    foot = _blank(gap, sheet.shape[2])
    if label:
        foot = torch.cat([foot, _words(label, sheet.shape[2], width)], dim=1)
    return torch.cat([sheet, foot], dim=1)


def moments(num_frames: int, most: int) -> list[int]:
    """Frames from the first to the last, as evenly as whole numbers allow."""
    count = min(num_frames, most)
    return [round(place * (num_frames - 1) / max(1, count - 1)) for place in range(count)]


def _words(text: str, wide: int, width: int) -> Float[Tensor, "3 height wide"]:
    size = max(10, round(width * _LETTERS))
    return lettered_strip(text, width=wide, size=size, ink=_INK, paper=_PAPER)


def _blank(height: int, width: int) -> Float[Tensor, "3 height width"]:
    return torch.tensor(_PAPER)[:, None, None].expand(3, height, width)
