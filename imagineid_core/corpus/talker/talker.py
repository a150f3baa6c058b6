"""One clip of a synthetic talker: a sentence, a voice, a style, and the truth of each (Sec. 3.1).

Clip (seed, speaker, number) is the same whatever else is made. Knows nothing about files.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from imagineid_core.audio.waveform import speech_from_waveform
from imagineid_core.corpus.clip import Clip, Phoneme
from imagineid_core.corpus.talker.emotion import expression_of
from imagineid_core.corpus.talker.espeak import Utterance, synthesise
from imagineid_core.corpus.talker.motion_process import accents_of, talker_motion
from imagineid_core.corpus.talker.prosody import (
    STRONGEST,
    STYLES,
    WEAKEST,
    delivery_of,
    spoken_text,
    with_effort,
)
from imagineid_core.corpus.talker.sentences import draw_sentence
from imagineid_core.corpus.talker.shape_rule import shape_of
from imagineid_core.corpus.talker.visemes import lip_expression, lip_motion, vowel_emphasis
from imagineid_core.corpus.talker.voices import Speaker, draw_speaker
from imagineid_core.values import PAPER_FPS, SAMPLE_RATE

_BEFORE, _AFTER = (0.12, 0.45), (0.15, 0.45)  # seconds of silence round the sentence
_IN_TEN = {1: "validation", 2: "test"}  # of ten speakers; the rest are for training


@dataclass(frozen=True, kw_only=True)
class ClipPlan:
    """All that is decided before a word is spoken."""

    seed: int
    speaker: int
    number: int
    sentence: str
    style: str
    intensity: float
    before: float  # seconds of silence
    after: float

    @property
    def name(self) -> str:
        return f"{speaker_name(self.speaker)}_c{self.number:03d}"


def speaker_name(index: int) -> str:
    return f"s{index:04d}"


def split_of_speaker(index: int) -> str:
    """Of every ten speakers eight are for training, one for validation, one for the test."""
    return _IN_TEN.get(index % 10, "train")


def speakers_of(splits: Sequence[str], num_speakers: int) -> list[int]:
    """Those of the first `num_speakers` that belong to one of `splits`."""
    return [index for index in range(num_speakers) if split_of_speaker(index) in splits]


def plan_clip(seed: int, speaker: int, number: int) -> ClipPlan:
    """Six clips in a row have six styles; sentences come from the speaker's split."""
    draw = np.random.default_rng([seed, speaker, number, 41])
    order = np.random.default_rng([seed, speaker, number // len(STYLES), 43]).permutation(
        len(STYLES)
    )
    return ClipPlan(
        seed=seed,
        speaker=speaker,
        number=number,
        sentence=draw_sentence(split_of_speaker(speaker), (seed, speaker, number)),
        style=list(STYLES)[int(order[number % len(STYLES)])],
        intensity=float(draw.uniform(WEAKEST, STRONGEST)),
        before=float(draw.uniform(*_BEFORE)),
        after=float(draw.uniform(*_AFTER)),
    )


def make_clip(plan: ClipPlan, data_folder: Path, fps: Fraction = PAPER_FPS) -> Clip:
    """Speak, then move lips, face and head to what was spoken.

    `data_folder` holds the speaker's variant under the speaker's name (`write_voices`).
    """
    speaker = draw_speaker(plan.seed, plan.speaker)
    utterance = synthesise(
        spoken_text(plan.sentence, plan.style),
        variant=speaker_name(plan.speaker),
        delivery=delivery_of(plan.style, plan.intensity, tempo=speaker.tempo),
        data_folder=data_folder,
    )
    utterance = _with_silence(utterance, plan.before, plan.after)
    return clip_from(plan, speaker, utterance, fps)


def clip_from(plan: ClipPlan, speaker: Speaker, utterance: Utterance, fps: Fraction) -> Clip:
    """The clip around an utterance, whoever spoke it."""
    speech = speech_from_waveform(utterance.waveform[None], utterance.sample_rate, fps)
    generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + plan.speaker * 1009)
    generator.manual_seed(int(torch.randint(2**31, (), generator=generator)) + plan.number)
    phonemes = _inside(utterance.phonemes, float(speech.num_frames / fps))
    emphasis = vowel_emphasis(phonemes, speech.waveform, SAMPLE_RATE)
    lips = lip_motion(phonemes, speech.num_frames, fps, emphasis=emphasis)
    middles = [(phoneme.start + phoneme.end) / 2 for phoneme in phonemes]
    return Clip(
        name=plan.name,
        speech=dataclasses.replace(
            speech, waveform=with_effort(speech.waveform, plan.style, plan.intensity, generator)
        ),
        speaker=speaker_name(plan.speaker),
        text=plan.sentence,
        style=plan.style,
        intensity=plan.intensity,
        phonemes=phonemes,
        shape=shape_of(speaker),
        lip_expression=lip_expression(lips),
        expression=expression_of(lips, plan.style, plan.intensity, fps),
        motion=talker_motion(
            speech.num_frames,
            fps,
            (plan.seed, plan.speaker, plan.number),
            accents=accents_of(middles, emphasis),
        ),
    )


def _with_silence(utterance: Utterance, before: float, after: float) -> Utterance:
    rate = utterance.sample_rate
    start = round(before * rate)
    waveform = torch.nn.functional.pad(utterance.waveform, (start, round(after * rate)))
    moved = [
        Phoneme(symbol=sound.symbol, start=sound.start + start / rate, end=sound.end + start / rate)
        for sound in utterance.phonemes
    ]
    first = Phoneme(symbol="_", start=0.0, end=start / rate)
    last = Phoneme(symbol="_", start=moved[-1].end, end=len(waveform) / rate)
    return Utterance(waveform=waveform, sample_rate=rate, phonemes=(first, *moved, last))


def _inside(phonemes: tuple[Phoneme, ...], seconds: float) -> tuple[Phoneme, ...]:
    """The clip ends with its last whole frame: what sounds later is cut."""
    return tuple(
        Phoneme(symbol=sound.symbol, start=sound.start, end=min(sound.end, seconds))
        for sound in phonemes
        if sound.start < seconds
    )
