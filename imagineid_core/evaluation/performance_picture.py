"""One picture of a performance: voice, mouth, emotion, eyes and head over the same seconds.

Everything is read off the mesh, so it shows what a viewer would see. Knows nothing about who made
the performance.
"""

import math
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from imagineid_core.errors import InputError
from imagineid_core.evaluation.figure import (
    ACCENT,
    COLOURS,
    INK,
    SHADE,
    new_figure,
    quiet,
    save_figure,
)
from imagineid_core.evaluation.lips import coefficients_on, gaps_of, landmark_part
from imagineid_core.evaluation.sound_picture import draw_wave
from imagineid_core.face.geometry import vertices_from
from imagineid_core.values import SAMPLE_RATE, FaceBasis, Performance, Speech

_BROWS, _CORNERS = list(range(17, 27)), [48, 54]  # iBUG order
_MM = 100.0  # a dm
_ANGLES = ("pitch: + down", "yaw: + to the viewer's right", "roll: + counter-clockwise")
_LEGEND = 1.5  # of the curves' reach: the room above them for the legend


@dataclass(frozen=True, kw_only=True)
class EmotionTrack:
    """How far emotion moves two places of the face that tell it best, in mm, up is positive."""

    brows: Float[np.ndarray, " frames"]
    corners: Float[np.ndarray, " frames"]  # of the mouth


def draw_performance(
    performance: Performance,
    speech: Speech,
    basis: FaceBasis,
    path: str | PathLike[str],
    *,
    title: str,
) -> None:
    """Write a PNG: waveform, mouth opening, emotion, blink and pose over time."""
    num_frames = len(performance.expression)
    if num_frames != speech.num_frames or performance.motion.fps != speech.fps:
        raise InputError(
            f"the performance has {num_frames} frames at {float(performance.motion.fps):g} fps but "
            f"the speech has {speech.num_frames} at {float(speech.fps):g} fps. Give the speech "
            "that was performed."
        )
    figure = new_figure(12, 9)
    rows = figure.subplots(5, 1, height_ratios=[3, 3, 3, 1, 3], sharex=True)
    wave, mouth, emotion, blink, pose = rows
    seconds = len(speech.waveform) / SAMPLE_RATE
    time = (np.arange(num_frames) + 0.5) / float(speech.fps)
    draw_wave(wave, speech, seconds)
    wave.set_title(
        f"{title}   {seconds:.2f} s   {num_frames} frames at {float(speech.fps):g} fps",
        loc="left",
        color=INK,
    )
    _draw_mouth(mouth, time, gaps_of(performance, basis))
    _draw_emotion(emotion, time, emotion_track(performance, basis))
    blink.fill_between(time, performance.motion.blink.numpy(), color=INK, linewidth=0)
    blink.set(ylim=(0, 1.05), ylabel="blink", yticks=[0, 1])
    _draw_pose(pose, time, performance)
    for axes in rows:
        quiet(axes)
    figure.align_ylabels(rows)
    save_figure(figure, path)


def emotion_track(performance: Performance, basis: FaceBasis) -> EmotionTrack:
    """What the emotion adds to the lips' own movement (beta - l); all of beta if l is unknown.

    Measured on the mean face: one emotion gives one curve, whoever shows it.
    """
    part = landmark_part(basis)
    still = torch.zeros(basis.shape_basis.shape[-1])
    expression = performance.expression
    if performance.lip_expression is not None:
        expression = expression - performance.lip_expression
    offsets = vertices_from(coefficients_on(part, still, expression), part) - part.mean_vertices
    height = offsets[..., 1] * _MM  # [frames, landmarks]
    return EmotionTrack(
        brows=height[:, _BROWS].mean(dim=1).numpy(),
        corners=height[:, _CORNERS].mean(dim=1).numpy(),
    )


def _draw_mouth(axes: Any, time: np.ndarray, gaps: np.ndarray) -> None:
    axes.fill_between(time, gaps * _MM, color=ACCENT, alpha=0.25, linewidth=0)
    axes.plot(time, gaps * _MM, color=ACCENT, linewidth=1.3)
    axes.set(ylabel="mouth opening\n(mm)")
    axes.set_ylim(bottom=0, top=max(1.0, float(gaps.max()) * _MM * 1.1))


def _draw_emotion(axes: Any, time: np.ndarray, track: EmotionTrack) -> None:
    axes.axhline(0, color=SHADE, linewidth=1)
    axes.plot(time, track.brows, color=COLOURS[2], linewidth=1.5, label="brows: raised +, drawn -")
    axes.plot(
        time, track.corners, color=COLOURS[3], linewidth=1.5, label="mouth corners: up +, down -"
    )
    reach = max(1.0, float(np.abs([track.brows, track.corners]).max())) * 1.15
    axes.set(ylabel="emotion\n(mm)", ylim=(-reach, _LEGEND * reach))
    axes.legend(loc="upper left", ncols=2, frameon=False, fontsize=8)


def _draw_pose(axes: Any, time: np.ndarray, performance: Performance) -> None:
    degrees = performance.motion.pose[:, :3].numpy() * 180 / math.pi
    axes.axhline(0, color=SHADE, linewidth=1)
    for index, name in enumerate(_ANGLES):
        axes.plot(time, degrees[:, index], color=COLOURS[index], linewidth=1.3, label=name)
    reach = max(3.0, float(np.abs(degrees).max()) * 1.15)
    axes.set(ylabel="head\n(degrees)", xlabel="seconds", ylim=(-reach, _LEGEND * reach))
    axes.legend(loc="upper left", ncols=3, frameon=False, fontsize=8)
