"""Heads to look at: who sounds alike (Fig. 6), and the mesh after each stage (Fig. 3, I, C, E).

Knows nothing about how near is measured, or how stages were trained.
"""

import math
from collections.abc import Sequence
from os import PathLike

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.evaluation.figure import ACCENT, COLOURS, INK, SHADE, new_figure, save_figure
from imagineid_core.evaluation.listen.heard_clips import HeardClip
from imagineid_core.face.lighting import default_lighting
from imagineid_core.face.mesh import mesh_from
from imagineid_core.render.camera import d3dfr_camera
from imagineid_core.render.mesh_frame import render_mesh_frame
from imagineid_core.values import FaceBasis, FaceCoefficients

_SIZE = 176  # pixels a head
_BACKGROUND = 0.93
_TURN = math.radians(14)  # a little from the side, where shapes tell
_FRAMES_SHOWN = 6


def head(
    shape: Float[Tensor, " shape"],
    expression: Float[Tensor, " expression"],
    basis: FaceBasis,
    *,
    size: int = _SIZE,
) -> Float[np.ndarray, "height width 3"]:
    """One head without skin colour, which no voice tells, turned a little; RGB in [0, 1]."""
    pose = torch.tensor([[0.0, _TURN, 0.0, 0.0, 0.0, 0.0]])
    coefficients = FaceCoefficients(
        shape=shape.float()[None],
        expression=expression.float()[None],
        texture=torch.zeros(1, basis.texture_basis.shape[-1]),
        lighting=default_lighting(1),
        pose=pose,
    )
    frame = render_mesh_frame(
        mesh_from(coefficients, basis), d3dfr_camera(size), background=_BACKGROUND, antialias=True
    )
    return ((frame.colour[0].permute(1, 2, 0).numpy() + 1) / 2).clip(0, 1)


def draw_retrieval(
    clips: Sequence[HeardClip],
    nearest: Sequence[np.ndarray],
    queries: Sequence[int],
    basis: FaceBasis,
    path: str | PathLike[str],
    *,
    num_found: int = 5,
) -> None:
    """A row for each query: its true head, then the true heads of the nearest clips by theta_id.

    Only clips of other sentences are searched. A head that is not known is drawn as it was heard.
    """
    rows = [[query, *nearest[query][:num_found].tolist()] for query in queries]
    columns = max(len(row) for row in rows)
    figure = new_figure(1.85 * columns, 2.15 * len(rows) + 0.4)
    figure.suptitle(
        "voices retrieved by theta_id: query, then the nearest of other sentences", color=INK
    )
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    still = torch.zeros(basis.expression_basis.shape[-1])
    for line, row in zip(grid, rows, strict=True):
        speaker = clips[row[0]].clip.speaker
        for column, (axes, index) in enumerate(zip(line, row, strict=False)):
            one = clips[index]
            shape = one.clip.shape
            shape = one.heard.identity.shape[0] if shape is None else shape
            axes.imshow(head(shape, still, basis))
            same = one.clip.speaker == speaker
            colour = INK if column == 0 else COLOURS[2] if same else ACCENT
            mark = "query" if column == 0 else "same" if same else "other"
            axes.set_title(f"{one.clip.name}\n{mark}", fontsize=7, color=colour)
    save_figure(figure, path)


def draw_stages(one: HeardClip, basis: FaceBasis, path: str | PathLike[str]) -> None:
    """The mesh after each stage in a few frames: identity, content, emotion, and the truth."""
    frames = frames_to_show(one.gaps.heard, _FRAMES_SHOWN)
    heard, clip = one.heard, one.clip
    shape = heard.identity.shape[0]
    still = torch.zeros(basis.expression_basis.shape[-1])
    lips, full = heard.content.lip_expression[0], heard.emotion.expression[0]
    rows = [
        ("I: alpha-hat", shape, [still for _ in frames]),
        ("C: and l-hat", shape, [lips[frame] for frame in frames]),
        ("E: and beta-hat", shape, [full[frame] for frame in frames]),
    ]
    if clip.shape is not None and clip.expression is not None:
        rows.append(("truth", clip.shape, [clip.expression[frame] for frame in frames]))
    figure = new_figure(1.8 * len(frames) + 0.6, 1.85 * len(rows) + 0.7)
    figure.suptitle(f"{clip.name}   {clip.style or ''}   {clip.text or ''}", color=INK, fontsize=10)
    grid = figure.subplots(len(rows), len(frames), squeeze=False)
    for axes, frame in zip(grid[0], frames, strict=True):
        axes.set_title(f"{frame / float(clip.speech.fps):.2f} s", fontsize=8, color=INK)
    for line, (name, face, expressions) in zip(grid, rows, strict=True):
        for axes, expression in zip(line, expressions, strict=True):
            axes.imshow(head(face, expression, basis))
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color(SHADE)
        line[0].set_ylabel(name, color=INK)
    save_figure(figure, path)


def frames_to_show(gaps: Float[np.ndarray, " frames"], count: int) -> list[int]:
    """In time's order: of each equal part of the clip the widest mouth, then the narrowest."""
    parts = [part for part in np.array_split(np.arange(len(gaps)), count) if len(part)]
    return [
        int(part[gaps[part].argmax() if index % 2 == 0 else gaps[part].argmin()])
        for index, part in enumerate(parts)
    ]
