"""A picture of what the networks get to hear: waveform, mel and the frames of the timeline.

Knows nothing about what is heard in it.
"""

from os import PathLike
from typing import Any

import numpy as np

from imagineid_core.audio.features import mel_spectrogram
from imagineid_core.evaluation.figure import ACCENT, INK, PAPER, new_figure, save_figure
from imagineid_core.values import SAMPLE_RATE, Speech

_COLUMNS = 1600  # a long clip is drawn by the extremes of its columns


def draw_sound(speech: Speech, path: str | PathLike[str], *, title: str) -> None:
    """Write a PNG."""
    seconds = len(speech.waveform) / SAMPLE_RATE
    figure = new_figure(12, 6)
    wave, mel, frames = figure.subplots(3, 1, height_ratios=[3, 5, 1], sharex=True)
    draw_wave(wave, speech, seconds)
    _draw_mel(mel, speech, seconds)
    _draw_frames(frames, speech)
    wave.set_title(
        f"{title}   {seconds:.2f} s   {speech.num_frames} frames at {float(speech.fps):g} fps",
        loc="left",
        color=INK,
    )
    save_figure(figure, path)


def draw_wave(axes: Any, speech: Speech, seconds: float) -> None:
    """The extremes of the waveform over time."""
    sound = speech.waveform.numpy()
    columns = np.array_split(sound, min(_COLUMNS, len(sound)))
    time = np.linspace(0, seconds, len(columns))
    low, high = [column.min() for column in columns], [column.max() for column in columns]
    axes.fill_between(time, low, high, color=INK, linewidth=0.4)
    axes.set(ylim=(-1, 1), ylabel="waveform", xlim=(0, seconds), facecolor=PAPER)
    axes.margins(0)


def _draw_mel(axes, speech: Speech, seconds: float) -> None:
    mel = mel_spectrogram(speech.waveform).numpy()
    if mel.shape[1] > _COLUMNS:
        mel = np.stack([part.max(axis=1) for part in np.array_split(mel, _COLUMNS, axis=1)], axis=1)
    axes.imshow(
        mel,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, 80),
        vmin=-4,
        vmax=4,
        cmap="magma",
        interpolation="nearest",
    )
    axes.set(ylabel="mel band", facecolor=PAPER)


def _draw_frames(axes, speech: Speech) -> None:
    """Alternate shading, one box a frame, or one a second where frames would be too fine."""
    edges = [float(frame / speech.fps) for frame in range(speech.num_frames + 1)]
    label = "frame"
    if speech.num_frames > 400:
        edges, label = [*np.arange(0, edges[-1], 1.0), edges[-1]], "second"
    for index, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        axes.axvspan(start, stop, color=ACCENT, alpha=0.75 if index % 2 else 0.3, linewidth=0)
    for second in range(0, int(edges[-1]) + 1, max(1, int(edges[-1]) // 20)):
        axes.text(second, 0.5, f" {int(second * speech.fps)}", color=INK, va="center", fontsize=8)
    axes.set(yticks=[], ylabel=label, xlabel="seconds", facecolor=PAPER)
