"""PAD listens to a split of a corpus: what it heard in each clip, beside the truths.

Knows nothing about metrics or pictures.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.features import mel_windows
from imagineid_core.corpus.clip import Clip, Corpus
from imagineid_core.errors import InputError
from imagineid_core.evaluation.lips import lip_gaps
from imagineid_core.listen.pad import Heard, Pad, listen
from imagineid_core.values import PAPER_FPS, FaceBasis

Progress = Callable[[str, int, int], None]  # stage, clips done, clips in all


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """Openings of the mouth in dm: of beta-hat and l-hat on alpha-hat's face, and the true ones."""

    heard: Float[np.ndarray, " frames"]
    heard_lips: Float[np.ndarray, " frames"]
    truth: Float[np.ndarray, " frames"] | None  # of beta
    true_lips: Float[np.ndarray, " frames"] | None  # of l


@dataclass(frozen=True, kw_only=True)
class HeardClip:
    """One clip with everything PAD says of it. Features are for the whole clip or by frame."""

    clip: Clip
    heard: Heard
    mel: Float[Tensor, "frames mels=80"]  # mean over each frame's window
    gaps: Gaps

    @property
    def sentence(self) -> str:
        """What keeps a sentence together in cross-validation; unknown texts are all different."""
        return self.clip.text if self.clip.text is not None else self.clip.name


def hear_corpus(
    pad: Pad,
    corpus: Corpus,
    split: str,
    basis: FaceBasis,
    *,
    limit: int | None = None,
    on_progress: Progress | None = None,
) -> list[HeardClip]:
    """Every clip of the split, or its first `limit` ones, in the corpus' order."""
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit} clips. Give at least 1, or leave it out for all.")
    names = list(corpus.names(split))[:limit]
    if not names:
        raise InputError(
            f"the corpus has no clip in its split '{split}'. Build more clips, or choose another "
            "split."
        )
    clips = []
    for done, name in enumerate(names, start=1):
        clips.append(hear_clip(pad, corpus.load(name), basis))
        if on_progress is not None:
            on_progress("listen", done, len(names))
    return clips


def hear_clip(pad: Pad, clip: Clip, basis: FaceBasis) -> HeardClip:
    if clip.speech.fps != PAPER_FPS:
        raise InputError(
            f"clip '{clip.name}' has {float(clip.speech.fps):g} frames a second but networks hear "
            f"{PAPER_FPS}. Convert it with audio.waveform.speech_at."
        )
    windows = mel_windows(clip.speech)
    heard = listen(pad, windows)
    mel = windows.images(0, len(windows)).mean(dim=2)
    return HeardClip(clip=clip, heard=heard, mel=mel, gaps=_gaps(clip, heard, basis))


def digest_of_clips(clips: Sequence[HeardClip]) -> str:
    """SHA-256 of names, sounds and truths: two reports with one digest heard the same."""
    digest = hashlib.sha256()
    for one in clips:
        for field in fields(one.clip):
            value = getattr(one.clip, field.name)
            if field.name == "speech":
                value = value.waveform
            elif field.name == "motion":
                value = None if value is None else value.pose
            told = value.numpy().tobytes() if isinstance(value, Tensor) else repr(value).encode()
            digest.update(field.name.encode() + b"=" + told + b";")
    return digest.hexdigest()


def _gaps(clip: Clip, heard: Heard, basis: FaceBasis) -> Gaps:
    shape = heard.identity.shape[0]

    def true(expression: Tensor | None) -> np.ndarray | None:
        if clip.shape is None or expression is None:
            return None
        return lip_gaps(clip.shape, expression, basis)

    return Gaps(
        heard=lip_gaps(shape, heard.emotion.expression[0], basis),
        heard_lips=lip_gaps(shape, heard.content.lip_expression[0], basis),
        truth=true(clip.expression),
        true_lips=true(clip.lip_expression),
    )


def stacked(rows: Sequence[Tensor]) -> Float[Tensor, "rows dim"]:
    return torch.stack([row.float() for row in rows])
