"""Voices that no network was trained on, heard, and what is changed of them to see what it does.

Knows nothing about pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from imagineid_core.corpus.clip import Corpus
from imagineid_core.errors import InputError
from imagineid_core.evaluation.lips import Openings, correlation
from imagineid_core.listen.pad import Pad
from imagineid_core.motion.head_pose import PoseVAE
from imagineid_core.motion.track import cut
from imagineid_core.pipeline.perform import perform
from imagineid_core.values import Performance, Speech

Progress = Callable[[int, int], None]
_ORDERS = 200  # from which the one is taken that has least to do with the true one


@dataclass(frozen=True, kw_only=True)
class Listener:
    """The networks that hear: PAD, and what moves the head."""

    pad: Pad
    head: PoseVAE | None = None


@dataclass(frozen=True, kw_only=True)
class HeldOutVoice:
    name: str
    speaker: str
    style: str
    performance: Performance


def held_out_voices(
    corpus: Corpus,
    listener: Listener,
    *,
    split: str,
    num_speakers: int,
    seed: int,
    on_progress: Progress | None = None,
) -> list[HeldOutVoice]:
    """A clip in every style of so many speakers, speaker by speaker; drawn by `seed`."""
    clips = _clips_by_speaker(corpus, split)
    styles = sorted({style for own in clips.values() for style in own})
    whole = [speaker for speaker, own in clips.items() if set(own) == set(styles)]
    if not whole or not styles:
        raise InputError(
            f"split '{split}' has no speaker with a clip in every style ({', '.join(styles)}). "
            "Give a talker corpus of at least six clips a speaker."
        )
    chosen = sorted(np.random.default_rng([seed, 71]).permutation(whole)[:num_speakers].tolist())
    wanted = [clips[speaker][style][0] for speaker in chosen for style in styles]
    voices = []
    for number, name in enumerate(wanted):
        clip = corpus.load(name)
        voices.append(
            HeldOutVoice(
                name=name,
                speaker=clip.speaker,
                style=str(clip.style),
                performance=perform(
                    clip.speech, listener.pad, seed=seed + number, head=listener.head
                ),
            )
        )
        if on_progress is not None:
            on_progress(number + 1, len(wanted))
    return voices


def long_voice(
    corpus: Corpus, listener: Listener, speaker: str, *, split: str, num_frames: int, seed: int
) -> HeldOutVoice:
    """Clips of one speaker after one another, in all styles, until there are enough frames."""
    own = [name for names in _clips_by_speaker(corpus, split)[speaker].values() for name in names]
    speeches: list[Speech] = []
    for name in sorted(own):
        speeches.append(corpus.load(name).speech)
        if sum(one.num_frames for one in speeches) >= num_frames:
            break
    total = sum(one.num_frames for one in speeches)
    if total < num_frames:
        raise InputError(
            f"speaker '{speaker}' speaks for {total} frames but {num_frames} are needed. Give a "
            "corpus with more clips a speaker."
        )
    joined = replace(
        speeches[0], waveform=torch.cat([one.waveform for one in speeches]), num_frames=total
    )
    performance = perform(joined, listener.pad, seed=seed, head=listener.head)
    return HeldOutVoice(
        name=f"{speaker}_long",
        speaker=speaker,
        style="all",
        performance=part_of(performance, 0, num_frames),
    )


def part_of(performance: Performance, first: int, count: int) -> Performance:
    """`count` frames from `first` on; fewer where it ends."""
    stop = min(first + count, len(performance.expression))
    lip = performance.lip_expression
    return replace(
        performance,
        expression=performance.expression[first:stop],
        lip_expression=None if lip is None else lip[first:stop],
        motion=cut(performance.motion, first, stop),
    )


def speaking_part(performance: Performance, count: int) -> Performance:
    """`count` frames of the middle, where the voice is not silent."""
    first = max(0, (len(performance.expression) - count) // 2)
    return part_of(performance, first, count)


def with_expressions_of(performance: Performance, order: Sequence[int]) -> Performance:
    """The mouth and the mood of other frames; who it is, the head and the lids stay."""
    return replace(performance, expression=performance.expression[list(order)])


def at_rest(performance: Performance) -> Performance:
    """A mesh that says nothing: the same head, looking into the camera without an expression."""
    motion = performance.motion
    return replace(
        performance,
        expression=torch.zeros_like(performance.expression),
        motion=replace(
            motion, pose=torch.zeros_like(motion.pose), blink=torch.zeros_like(motion.blink)
        ),
    )


def unheard(performance: Performance) -> Performance:
    """theta_id and theta_e of zeros."""
    semantics, style = performance.semantics, performance.style
    return replace(
        performance,
        semantics=None if semantics is None else torch.zeros_like(semantics),
        style=None if style is None else torch.zeros_like(style),
    )


def unlike_order(gaps: Openings, seed: int) -> list[int]:
    """Of many orders the one in which the openings have least to do with the true order."""
    draw = np.random.default_rng([seed, 73])
    orders = [draw.permutation(len(gaps)) for _ in range(_ORDERS)]
    return min(orders, key=lambda order: abs(correlation(gaps[order], gaps))).tolist()


def _clips_by_speaker(corpus: Corpus, split: str) -> dict[str, dict[str, list[str]]]:
    """Names by speaker and style; clips without a style are left out."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in corpus.names(split):
        clip = corpus.load(name)
        if clip.style is not None:
            found.setdefault(clip.speaker, {}).setdefault(clip.style, []).append(name)
    return found
