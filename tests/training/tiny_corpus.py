"""A corpus of humming people in memory: voices, sounds and moods that a tiny network can hear.

A speaker is a pitch, a sound is a band above it, a mood is how the loudness beats. Lips follow the
sounds, the expression adds the mood, the shape follows the pitch.
"""

import math

import numpy as np
import torch

from imagineid_core.corpus.clip import Clip, Phoneme
from imagineid_core.errors import InputError
from imagineid_core.values import PAPER_FPS, SAMPLE_RATE, MotionTrack, Speech

SOUNDS = {"a": 900.0, "o": 600.0, "s": 4500.0, "m": 0.0}  # Hz of a second partial
MOODS = {"calm": 0.0, "shaking": 11.0}  # Hz of a beat
SPEAKERS = {"train": 4, "validation": 2}
CLIPS = 3  # of each speaker and mood
_FRAMES = 50
_SOUND_FRAMES = 5


class TinyCorpus:
    """`names` and `load` as `corpus.clip.Corpus` asks; `without` are truths it does not know."""

    def __init__(
        self, *, shape: int = 6, expression: int = 5, without: tuple[str, ...] = ()
    ) -> None:
        self.shape, self.expression, self.without = shape, expression, set(without)

    def names(self, split: str) -> list[str]:
        return [
            f"{split}-{speaker}-{mood}-{take}"
            for speaker in range(SPEAKERS.get(split, 0))
            for mood in MOODS
            for take in range(CLIPS)
        ]

    def load(self, name: str) -> Clip:
        split, speaker, mood, take = name.split("-")
        if split not in SPEAKERS:
            raise InputError(f"no clip '{name}'. Use a name of names().")
        random = np.random.default_rng([list(SPEAKERS).index(split), int(speaker), int(take)])
        pitch = 120 + 40 * int(speaker) + (20 if split == "validation" else 0)
        said = [
            list(SOUNDS)[i] for i in random.integers(len(SOUNDS), size=_FRAMES // _SOUND_FRAMES)
        ]
        lips = self._lips(said)
        mood_offset = torch.zeros(self.expression)
        mood_offset[-1] = 1.0 if mood == "shaking" else -1.0
        truths = {
            "text": " ".join(said),
            "style": mood,
            "intensity": 1.0,
            "phonemes": self._phonemes(said),
            "shape": torch.linspace(-1, 1, self.shape) * (pitch - 200) / 80,
            "lip_expression": lips,
            "expression": lips + mood_offset,
            "motion": self._motion(pitch),
        }
        known = {key: value for key, value in truths.items() if key not in self.without}
        speech = Speech(
            waveform=_hum(pitch, said, MOODS[mood], random), fps=PAPER_FPS, num_frames=_FRAMES
        )
        return Clip(name=name, speech=speech, speaker=f"{split}-{speaker}", **known)

    def _lips(self, said: list[str]) -> torch.Tensor:
        poses = torch.linspace(-1.5, 1.5, len(SOUNDS))
        values = torch.stack([poses[list(SOUNDS).index(sound)] for sound in said])
        lips = torch.zeros(_FRAMES, self.expression)
        lips[:, 0] = values.repeat_interleave(_SOUND_FRAMES)
        lips[:, 1] = lips[:, 0].square() - 1
        return lips

    def _phonemes(self, said: list[str]) -> tuple[Phoneme, ...]:
        seconds = _SOUND_FRAMES / float(PAPER_FPS)
        spoken = tuple(
            Phoneme(symbol=sound, start=i * seconds, end=(i + 1) * seconds)
            for i, sound in enumerate(said)
        )
        return (Phoneme(symbol="_:", start=0.0, end=0.0), *spoken)

    def _motion(self, pitch: float) -> MotionTrack:
        time = torch.arange(_FRAMES) / float(PAPER_FPS)
        pose = torch.zeros(_FRAMES, 6)
        pose[:, 0] = 0.1 * torch.sin(2 * math.pi * time)
        pose[:, 1] = 0.05 * torch.cos(2 * math.pi * time * pitch / 150)
        return MotionTrack(pose=pose, blink=torch.zeros(_FRAMES), fps=PAPER_FPS)


def _hum(pitch: float, said: list[str], beat: float, random: np.random.Generator) -> torch.Tensor:
    num_samples = _FRAMES * SAMPLE_RATE // 25
    time = np.arange(num_samples) / SAMPLE_RATE
    samples_each = num_samples // len(said)
    partial = np.repeat([SOUNDS[sound] for sound in said], samples_each)
    open_mouth = np.where(partial > 0, 0.3, 0.0)
    wave = 0.2 * np.sin(2 * np.pi * pitch * time)
    wave = wave + open_mouth * np.sin(2 * np.pi * np.cumsum(partial) / SAMPLE_RATE)
    wave = wave * (1 + 0.8 * np.sin(2 * np.pi * beat * time)) / 1.8
    wave = wave + 0.002 * random.standard_normal(num_samples)
    return torch.from_numpy(wave.astype(np.float32))
