"""Mel cepstra as SyncNet hears them: 13 coefficients, 100 a second, of 16 bit samples.

The defaults of python_speech_features, rectangular windows included. Knows nothing about video.
"""

import numpy as np
from jaxtyping import Float, Int16
from scipy.fft import dct

from imagineid_core.values import SAMPLE_RATE

COEFFICIENTS = 13
_WINDOW, _HOP, _FFT, _FILTERS = 400, 160, 512, 26  # samples: 25 ms, 10 ms
_PRE_EMPHASIS, _LIFTER = 0.97, 22
_TINY = np.finfo(float).eps


def mfcc(samples: Int16[np.ndarray, " samples"]) -> Float[np.ndarray, "steps mfcc=13"]:
    """One row every 10 ms; the last window is filled up with zeros."""
    sound = samples.astype(np.float64)
    sound = np.append(sound[:1], sound[1:] - _PRE_EMPHASIS * sound[:-1])
    steps = 1 + max(0, -(-(len(sound) - _WINDOW) // _HOP))
    sound = np.pad(sound, (0, (steps - 1) * _HOP + _WINDOW - len(sound)))
    windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(windows, _FFT))) / _FFT
    energies = power @ _filters().T
    logarithms = np.log(np.where(energies == 0, _TINY, energies))
    cepstra = np.asarray(dct(logarithms, axis=1, norm="ortho"))
    order = np.arange(COEFFICIENTS)
    cepstra = cepstra[:, :COEFFICIENTS] * (1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER))
    total = power.sum(axis=1)
    cepstra[:, 0] = np.log(np.where(total == 0, _TINY, total))
    return cepstra


def _filters() -> Float[np.ndarray, "filters bins"]:
    """Triangles evenly spaced in mel from 0 to 8000 Hz, corners at whole bins."""
    mel = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), _FILTERS + 2)
    corners = np.floor((_FFT + 1) * 700 * (10 ** (mel / 2595) - 1) / SAMPLE_RATE)
    bins = np.arange(_FFT // 2 + 1)
    filters = np.zeros((_FILTERS, len(bins)))
    for row, (low, top, high) in enumerate(zip(corners, corners[1:], corners[2:], strict=False)):
        rising, falling = (bins >= low) & (bins < top), (bins >= top) & (bins < high)
        filters[row, rising] = (bins[rising] - low) / (top - low)
        filters[row, falling] = (high - bins[falling]) / (high - top)
    return filters
