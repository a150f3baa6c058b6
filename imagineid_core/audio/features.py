"""Speech to mel windows, one a video frame: A in R^{L x 1280} (Sec. 4.1, "as Wav2Lip").

16 kHz, pre-emphasis 0.97, n_fft 800, hop 200, 80 Slaney bands 55-7600 Hz, dB, symmetric +-4.
Knows nothing about the networks that read them. Computed in blocks of float64, as the reference is.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.timeline import WINDOW_STEPS, window_starts
from imagineid_core.values import SAMPLE_RATE, Speech

NUM_MELS = 80
WINDOW_DIM = NUM_MELS * WINDOW_STEPS  # 1280

_FFT, _HOP = 800, 200  # samples
_PRE_EMPHASIS = 0.97
_LOWEST, _HIGHEST = 55.0, 7600.0  # Hz
_FLOOR, _REFERENCE_DB, _RANGE_DB, _MAX = 1e-5, 20.0, 100.0, 4.0
_BLOCK_STEPS = 1024  # mel steps at a time: 13 s of sound, 7 MB of spectrum


class MelWindows:
    """The windows of a clip as a sequence of frames, cut from the mel only when asked for.

    Ten minutes of windows would be 77 MB; their mel is 15 MB. `windows[a:b]` is what the networks
    of `listen` read; `images(a, b)` are the same numbers as 80 x 16 pictures.
    """

    def __init__(self, mel: Float[Tensor, "mels=80 steps"], starts: Sequence[int]):
        self.mel = mel
        self._starts = torch.tensor(starts, dtype=torch.long)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, frames: slice) -> Float[Tensor, "frames window=1280"]:
        """Rows of 1280 numbers: band by band, 16 steps each."""
        return self._cut(self._starts[frames]).flatten(1)

    def images(self, start: int, stop: int) -> Float[Tensor, "frames mels=80 steps=16"]:
        return self._cut(self._starts[start:stop])

    def _cut(self, starts: Tensor) -> Tensor:
        steps = starts[:, None] + torch.arange(WINDOW_STEPS)
        steps = steps.clamp(0, self.mel.shape[1] - 1)  # the edges repeat beyond the clip
        return self.mel[:, steps].permute(1, 0, 2).contiguous()  # [frames, mels, steps]


def mel_windows(speech: Speech) -> MelWindows:
    """One window of 0.2 s a frame, centred on the middle of the frame."""
    return MelWindows(
        mel_spectrogram(speech.waveform), window_starts(speech.num_frames, speech.fps)
    )


def mel_spectrogram(waveform: Float[Tensor, " samples"]) -> Float[Tensor, "mels=80 steps"]:
    """Mel of mono 16 kHz sound in [-4, 4]: 80 steps a second, step k centred on sample 200 k."""
    sound = waveform.cpu().numpy()
    num_steps = 1 + len(sound) // _HOP
    mel = np.empty((NUM_MELS, num_steps), np.float32)
    for first in range(0, num_steps, _BLOCK_STEPS):
        stop = min(first + _BLOCK_STEPS, num_steps)
        mel[:, first:stop] = _mel_block(_centred(sound, first, stop))
    return torch.from_numpy(mel)


def _centred(sound: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Pre-emphasised samples under steps `first` to `stop`, zeros beyond the clip."""
    start, end = first * _HOP - _FFT // 2, (stop - 1) * _HOP + _FFT // 2
    inside = sound[max(0, start - 1) : max(0, end)].astype(np.float64)  # one more to look back at
    before = inside[:-1] if start > 0 else np.concatenate([[0.0], inside[:-1]])
    emphasised = inside[len(inside) - len(before) :] - _PRE_EMPHASIS * before
    missing = max(0, -start)
    return np.pad(emphasised, (missing, end - start - missing - len(emphasised)))


def _mel_block(sound: np.ndarray) -> np.ndarray:
    import librosa

    spectrum = np.abs(librosa.stft(sound, n_fft=_FFT, hop_length=_HOP, center=False))
    decibel = 20 * np.log10(np.maximum(_FLOOR, _mel_basis() @ spectrum)) - _REFERENCE_DB
    return np.clip(2 * _MAX * (decibel + _RANGE_DB) / _RANGE_DB - _MAX, -_MAX, _MAX)


@lru_cache(maxsize=1)
def _mel_basis() -> np.ndarray:
    import librosa

    return librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=_FFT, n_mels=NUM_MELS, fmin=_LOWEST, fmax=_HIGHEST
    )
