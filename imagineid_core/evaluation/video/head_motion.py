"""How much a head moves, and whether it moves with the voice: Diversity and Beat Align.

SadTalker's (its Sec. 4.1) two numbers of learned head motion; its code for them was never released,
so what is measured here is said in full. Knows nothing about how poses are found.
"""

import numpy as np
from jaxtyping import Float
from scipy import ndimage
from scipy.signal import find_peaks

from imagineid_core.audio.features import mel_spectrogram
from imagineid_core.audio.timeline import MEL_STEPS_PER_SECOND
from imagineid_core.values import Speech

BEAT_SIGMA = 3.0  # frames at 25 fps
_SMOOTHED = 2.0  # frames at 25 fps, sigma
_FPS = 25.0
_BETWEEN_ONSETS, _PROMINENT = 0.1, 0.1  # seconds; of the largest flux
_LEAST_FLUX = 1e-3  # less is silence
Times = Float[np.ndarray, "_"]  # seconds


def head_diversity(poses: Float[np.ndarray, "frames dim"]) -> float:
    """Standard deviation over frames of head-pose features, mean over their dimensions.

    Higher is more motion, not better motion: compare with real clips. SadTalker's features are
    Hopenet's embeddings; with angles the unit is theirs. Frames without a face (NaN) do not count.
    """
    found = poses[np.isfinite(poses).all(axis=1)]
    return float(found.std(axis=0).mean()) if len(found) > 1 else np.nan


def beat_align(motion: Times, voice: Times) -> float:
    """Mean over beats of the voice of exp(-d^2 / 2 sigma^2), d the nearest motion beat.

    0 ... 1, higher is better; sigma is 3 frames at 25 fps. Bailando's direction (over beats of the
    sound), which SadTalker cites. 0 if nothing moves, NaN without beats of the voice.
    """
    if not len(voice):
        return np.nan
    if not len(motion):
        return 0.0
    frames = np.abs(voice[:, None] - motion[None]).min(axis=1) * _FPS
    return float(np.exp(-(frames**2) / (2 * BEAT_SIGMA**2)).mean())


def motion_beats(poses: Float[np.ndarray, "frames dim"], fps: float) -> Times:
    """Moments at which a head pauses: local minima of its speed, smoothed by 2 frames of 25 fps.

    `poses` without gaps; the speed is the L2 norm of differences between neighbouring frames, and
    belongs to the moment between them.
    """
    speed = np.linalg.norm(np.diff(poses, axis=0), axis=1)
    speed = ndimage.gaussian_filter1d(speed, _SMOOTHED * fps / _FPS)
    inner = speed[1:-1]
    pauses = np.flatnonzero((inner < speed[:-2]) & (inner <= speed[2:])) + 1
    return (pauses + 1) / fps


def voice_beats(speech: Speech) -> Times:
    """Onsets of the voice: peaks of the spectral flux of its mel spectrogram.

    Flux: mean over bands of what a 12.5 ms step adds to each. A peak rises above its surroundings
    by a tenth of the clip's largest flux, and 0.1 s lie between two. Speech has no metre, so these
    are onsets of syllables, not beats of a bar.
    """
    mel = mel_spectrogram(speech.waveform).numpy()
    flux = np.maximum(np.diff(mel, axis=1), 0).mean(axis=0)
    peaks, _ = find_peaks(
        flux,
        distance=round(_BETWEEN_ONSETS * MEL_STEPS_PER_SECOND),
        prominence=_PROMINENT * max(float(flux.max()), _LEAST_FLUX),
    )
    return (peaks + 0.5) / MEL_STEPS_PER_SECOND


def without_gaps(poses: Float[np.ndarray, "frames dim"]) -> Float[np.ndarray, "frames dim"]:
    """Frames without a face filled in linearly from their neighbours; all NaN stays as it is."""
    found = np.flatnonzero(np.isfinite(poses).all(axis=1))
    if not len(found):
        return poses
    places = np.arange(len(poses))
    return np.stack([np.interp(places, found, row) for row in poses[found].T], axis=1)
