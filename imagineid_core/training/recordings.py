"""The clips of a corpus as training reads them: mel and truths in memory, half precision.

Sound becomes mel once; three seconds of it are 40 kB. Knows nothing about windows or batches.
"""

import hashlib
import logging
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float16
from torch import Tensor

from imagineid_core.audio.features import mel_spectrogram
from imagineid_core.corpus.clip import Clip, Corpus, Phoneme
from imagineid_core.corpus.talker.augment import augmented
from imagineid_core.errors import InputError
from imagineid_core.values import PAPER_FPS

_PAUSES = frozenset({"", "sil", "sp", "pau"})  # and espeak-ng's, which begin with _
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A clip's mel and truths; a truth the corpus does not know is None."""

    name: str
    speaker: str
    style: str | None
    num_frames: int
    mel: Float16[Tensor, "mels=80 steps"]
    mel_elsewhere: Float16[Tensor, "mels=80 steps"] | None  # another room, microphone and line
    shape: Float16[Tensor, " shape"] | None
    lip_expression: Float16[Tensor, "frames expression"] | None
    expression: Float16[Tensor, "frames expression"] | None
    pose: Float16[Tensor, "frames pose=6"] | None
    phonemes: tuple[tuple[str, float], ...] | None  # symbol and its middle, in frames


def read_recordings(
    corpus: Corpus,
    split: str,
    *,
    elsewhere: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Recording]:
    """Every clip of a split, in the corpus' order; `elsewhere` adds how each sounds in a room."""
    names = corpus.names(split)
    if not names:
        raise InputError(
            f"the corpus has no clip in its split '{split}'. Build more clips, or choose another "
            "split."
        )
    recordings = []
    for done, name in enumerate(names, start=1):
        recordings.append(recording_of(corpus.load(name), elsewhere=elsewhere))
        if on_progress is not None:
            on_progress(done, len(names))
    return recordings


def recording_of(clip: Clip, *, elsewhere: bool = False) -> Recording:
    """The other room is drawn by the clip's name, so it is the same whatever else is read."""
    if clip.speech.fps != PAPER_FPS:
        raise InputError(
            f"clip '{clip.name}' has {float(clip.speech.fps):g} frames a second but training hears "
            f"{PAPER_FPS}. Convert it with audio.waveform.speech_at."
        )
    pose = None if clip.motion is None else clip.motion.pose
    for name in ("lip_expression", "expression"):
        _check_length(clip, name, getattr(clip, name))
    _check_length(clip, "motion.pose", pose)
    return Recording(
        name=clip.name,
        speaker=clip.speaker,
        style=clip.style,
        num_frames=clip.speech.num_frames,
        mel=mel_spectrogram(clip.speech.waveform).half(),
        mel_elsewhere=mel_spectrogram(_elsewhere(clip)).half() if elsewhere else None,
        shape=_half(clip.shape),
        lip_expression=_half(clip.lip_expression),
        expression=_half(clip.expression),
        pose=_half(pose),
        phonemes=None if clip.phonemes is None else _placed(clip.phonemes),
    )


def symbols_of(recordings: Sequence[Recording]) -> tuple[str, ...]:
    """The sounds spoken in these clips, sorted; what a lip reader learns to tell apart."""
    return tuple(sorted({symbol for one in recordings for symbol, _ in one.phonemes or ()}))


def styles_of(recordings: Sequence[Recording]) -> tuple[str, ...]:
    return tuple(sorted({one.style for one in recordings if one.style is not None}))


def digest_of(recordings: Sequence[Recording]) -> str:
    """SHA-256 of names and contents: two corpora with one digest train alike."""
    digest = hashlib.sha256()
    for one in recordings:
        told = (one.name, one.speaker, one.style, one.num_frames, one.phonemes)
        digest.update(repr(told).encode())
        sounds = (one.mel, one.mel_elsewhere)
        for tensor in (*sounds, one.shape, one.lip_expression, one.expression, one.pose):
            digest.update(b"-" if tensor is None else tensor.numpy().tobytes())
    return digest.hexdigest()


def _placed(phonemes: Sequence[Phoneme]) -> tuple[tuple[str, float], ...]:
    return tuple(
        (one.symbol, (one.start + one.end) / 2 * float(PAPER_FPS))
        for one in phonemes
        if one.symbol not in _PAUSES and not one.symbol.startswith("_")
    )


def _elsewhere(clip: Clip) -> Float[Tensor, " samples"]:
    draw = torch.Generator().manual_seed(zlib.crc32(clip.name.encode()))
    return augmented(clip.speech.waveform, draw)


def _half(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().cpu().half().contiguous()


def _check_length(clip: Clip, name: str, truth: Tensor | None) -> None:
    if truth is not None and len(truth) != clip.speech.num_frames:
        raise InputError(
            f"{name} of clip '{clip.name}' has {len(truth)} frames but its speech has "
            f"{clip.speech.num_frames}. The corpus is damaged; build it again."
        )
