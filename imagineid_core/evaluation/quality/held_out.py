"""Whom the gate looks at: people and voices that no training saw, always the same.

Knows nothing about networks.
"""

import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

import imagineid_core
from imagineid_core.audio.waveform import load_speech
from imagineid_core.corpus.clip import Clip
from imagineid_core.corpus.people.pictures import PersonPictures, draw_pictures
from imagineid_core.corpus.talker.espeak import (
    has_espeak,
    installed_data_folder,
    installed_version,
)
from imagineid_core.corpus.talker.talker import make_clip, plan_clip, speaker_name
from imagineid_core.corpus.talker.voices import draw_speaker, write_voices
from imagineid_core.values import Speech

SAMPLE = Path(imagineid_core.__file__).parents[1] / "samples" / "hello.wav"
_PEOPLE = tuple(range(900_100, 900_105))  # far behind the people of any corpus
_FRAMES, _SIZE = 3, 128
_SPEAKERS, _CLIPS = (9_002, 9_012, 9_022), 2  # of 'test', far behind any corpus
_NOISE = 10 ** (-45 / 20)  # of a voice's loudness


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Each is made when it is first asked for; `sample` is a sound file of nobody's voice."""

    sample: Path = SAMPLE

    @cached_property
    def people(self) -> list[PersonPictures]:
        """Three frames each; the last follows the second."""
        return [draw_pictures(0, person, _FRAMES, _SIZE) for person in _PEOPLE]

    @cached_property
    def speech(self) -> Speech:
        return load_speech(self.sample)

    @cached_property
    def talkers(self) -> list[Clip]:
        """Sentences in several styles; needs espeak-ng."""
        voices = [(speaker_name(one), draw_speaker(0, one)) for one in _SPEAKERS]
        with tempfile.TemporaryDirectory(prefix="voices-") as private:
            data = write_voices(Path(private), voices, installed_data_folder())
            return [
                make_clip(plan_clip(0, speaker, number), data)
                for speaker in _SPEAKERS
                for number in range(_CLIPS)
            ]

    @property
    def espeak(self) -> str | None:
        """Its version: another one speaks with another voice."""
        return installed_version() if has_espeak() else None


def portraits(people: list[PersonPictures], frame: int) -> Float[Tensor, "people 3 height width"]:
    return torch.stack([one.portrait[frame] for one in people]).float() / 127.5 - 1


def mattes(people: list[PersonPictures], frame: int) -> Float[Tensor, "people 1 height width"]:
    return torch.stack([one.matte[frame] for one in people]).float() / 255


def with_noise(speech: Speech, seed: int) -> Speech:
    """45 dB below the voice, drawn by `seed`."""
    sound = speech.waveform
    noise = torch.randn(len(sound), generator=torch.Generator().manual_seed(seed))
    loudness = sound.square().mean().sqrt()
    return replace(speech, waveform=(sound + _NOISE * loudness * noise).clamp(-1, 1))
