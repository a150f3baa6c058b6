"""What is in a sound file, measured while it streams by: length, levels, clipping, silence.

Knows nothing about speech; it measures the file as it is, before any mixing or resampling.
"""

from dataclasses import dataclass
from os import PathLike

import numpy as np

from imagineid_core.audio.decode import Chunk, Progress, decode_sound, probe_sound
from imagineid_core.audio.timeline import FrameRate, as_fps, count_frames
from imagineid_core.values import PAPER_FPS

CLIPPED = 0.999  # of full scale
SILENT_DB = -60.0  # of full scale, RMS of a block over all channels
BLOCK_SECONDS = 0.02
FLOOR_DB = -120.0  # stands for digital zero


@dataclass(frozen=True, kw_only=True)
class SoundReport:
    """Levels in dB of full scale; ratios of samples (clipped) or of 20 ms blocks (silent)."""

    codec: str
    seconds: float
    sample_rate: int
    num_channels: int
    num_samples: int
    num_frames: int
    fps: float
    peak_db: float
    rms_db: float
    clipped_ratio: float
    silent_ratio: float
    num_invalid: int


def inspect_sound(
    path: str | PathLike[str],
    fps: FrameRate = PAPER_FPS,
    *,
    allow_damaged: bool = False,
    on_progress: Progress | None = None,
) -> SoundReport:
    """One pass in bounded memory. NaN and infinite samples are counted, then taken as 0."""
    fps = as_fps(fps)
    track = probe_sound(path)
    meter = _Meter(block=max(1, round(BLOCK_SECONDS * track.sample_rate)))
    for chunk in decode_sound(path, allow_damaged=allow_damaged, on_progress=on_progress):
        meter.add(chunk)
    meter.finish()
    values = max(1, meter.num_samples * track.num_channels)
    return SoundReport(
        codec=track.codec,
        seconds=meter.num_samples / track.sample_rate,
        sample_rate=track.sample_rate,
        num_channels=track.num_channels,
        num_samples=meter.num_samples,
        num_frames=count_frames(meter.num_samples, track.sample_rate, fps),
        fps=float(fps),
        peak_db=_decibel(meter.peak),
        rms_db=_decibel((meter.energy / values) ** 0.5),
        clipped_ratio=meter.num_clipped / values,
        silent_ratio=meter.num_silent / max(1, meter.num_blocks),
        num_invalid=meter.num_invalid,
    )


class _Meter:
    """Running sums; the samples of an unfinished block wait for the next chunk."""

    def __init__(self, block: int):
        self.block = block
        self.num_samples = self.num_clipped = self.num_invalid = 0
        self.num_blocks = self.num_silent = 0
        self.peak = self.energy = 0.0
        self._waiting = np.zeros(0)

    def add(self, chunk: Chunk) -> None:
        finite = np.isfinite(chunk)
        sound = np.where(finite, chunk, 0).astype(np.float64)
        level = np.abs(sound)
        self.num_samples += chunk.shape[1]
        self.num_invalid += int((~finite).sum())
        self.num_clipped += int((level >= CLIPPED).sum())
        self.peak = max(self.peak, float(level.max(initial=0.0)))
        self.energy += float((sound**2).sum())
        self._waiting = np.concatenate([self._waiting, (sound**2).mean(axis=0)])
        whole = len(self._waiting) // self.block * self.block
        self._count(self._waiting[:whole].reshape(-1, self.block).mean(axis=1))
        self._waiting = self._waiting[whole:]

    def finish(self) -> None:
        if len(self._waiting):
            self._count(self._waiting.mean(keepdims=True))

    def _count(self, powers: np.ndarray) -> None:
        self.num_blocks += len(powers)
        self.num_silent += int((powers < 10 ** (SILENT_DB / 10)).sum())


def _decibel(level: float) -> float:
    return max(FLOOR_DB, 20 * float(np.log10(max(level, 1e-12))))
