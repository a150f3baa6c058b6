"""Any sound to `Speech`: mono, 16 kHz, whole video frames (Sec. 4.1).

Channels are averaged; soxr resamples in chunks, so a file and the same sound as a tensor give the
same speech. Knows nothing about mel or networks.
"""

from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from os import PathLike

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.decode import Chunk, Progress, decode_sound, probe_sound
from imagineid_core.audio.timeline import FrameRate, as_fps, count_frames, first_sample
from imagineid_core.errors import InputError
from imagineid_core.values import PAPER_FPS, SAMPLE_RATE, Speech

_TENSOR_CHUNK = 1 << 18  # samples


def load_speech(
    path: str | PathLike[str],
    fps: FrameRate = PAPER_FPS,
    *,
    allow_damaged: bool = False,
    on_progress: Progress | None = None,
) -> Speech:
    """Decode a file of any rate and channel count; only the 16 kHz result is held in memory."""
    track = probe_sound(path)
    chunks = decode_sound(path, allow_damaged=allow_damaged, on_progress=on_progress)
    return _speech_from_chunks(chunks, track.sample_rate, as_fps(fps), name=track.path.name)


def speech_from_waveform(
    waveform: Float[Tensor, "channels samples"], sample_rate: int, fps: FrameRate = PAPER_FPS
) -> Speech:
    """The same for a sound that is a tensor already, at any rate and channel count."""
    if waveform.ndim != 2:
        raise InputError(
            f"Waveform has size {tuple(waveform.shape)} but needs two axes: channels, samples. "
            "Take one item of a batch, or add an axis to a single channel."
        )
    if sample_rate <= 0:
        raise InputError(
            f"sample_rate is {sample_rate} Hz but must be positive. Pass the true one."
        )
    if waveform.shape[0] == 0:
        raise InputError("Waveform has 0 channels. Pass at least one channel of sound.")
    sound = waveform.detach().to("cpu", torch.float32).numpy()
    chunks = (sound[:, i : i + _TENSOR_CHUNK] for i in range(0, sound.shape[1], _TENSOR_CHUNK))
    return _speech_from_chunks(chunks, sample_rate, as_fps(fps), name="Waveform")


def speech_at(speech: Speech, fps: Fraction) -> Speech:
    """The same sound cut into frames of another rate; at least one frame."""
    num_frames = max(1, count_frames(len(speech.waveform), SAMPLE_RATE, fps))
    waveform = fit_to_frames(speech.waveform, num_frames, SAMPLE_RATE, fps)
    return Speech(waveform=waveform, fps=fps, num_frames=num_frames)


def fit_to_frames(
    waveform: Float[Tensor, "*channels samples"], num_frames: int, sample_rate: int, fps: Fraction
) -> Float[Tensor, "*channels fitted"]:
    """Trim the sound to the video's end, or add the missing part of the last frame as silence."""
    wanted = first_sample(num_frames, sample_rate, fps)
    return torch.nn.functional.pad(waveform, (0, wanted - waveform.shape[-1]))


def _speech_from_chunks(
    chunks: Iterable[Chunk], sample_rate: int, fps: Fraction, *, name: str
) -> Speech:
    counter = _Counted(chunks, sample_rate, name)
    pieces = array("f")
    for piece in _resampled((chunk.mean(axis=0) for chunk in counter), sample_rate):
        pieces.frombytes(np.ascontiguousarray(piece, np.float32).tobytes())
    num_samples = counter.num_samples
    if num_samples * fps < sample_rate:
        raise InputError(
            f"{name} is {num_samples / sample_rate:.3g} s long; one video frame at "
            f"{float(fps):g} fps needs {float(1 / fps):.3g} s. Use a longer clip."
        )
    num_frames = count_frames(num_samples, sample_rate, fps)
    heard = torch.frombuffer(pieces, dtype=torch.float32)
    waveform = fit_to_frames(heard, num_frames, SAMPLE_RATE, fps)
    return Speech(waveform=waveform, fps=fps, num_frames=num_frames)


class _Counted:
    """Passes chunks on, counts their samples and refuses those that are not numbers."""

    def __init__(self, chunks: Iterable[Chunk], sample_rate: int, name: str):
        self.chunks, self.sample_rate, self.name = chunks, sample_rate, name
        self.num_samples = 0

    def __iter__(self) -> Iterator[Chunk]:
        for chunk in self.chunks:
            bad = ~np.isfinite(chunk)
            if bad.any():
                first = self.num_samples + int(np.nonzero(bad.any(axis=0))[0][0])
                raise InputError(
                    f"{self.name} has samples that are NaN or infinite, the first at "
                    f"{first / self.sample_rate:.3f} s. Repair or export the sound again."
                )
            self.num_samples += chunk.shape[1]
            yield chunk


def _resampled(chunks: Iterator[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    if sample_rate == SAMPLE_RATE:
        yield from chunks
        return
    import soxr

    stream = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    for chunk in chunks:
        yield stream.resample_chunk(chunk.astype(np.float32, copy=False))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
