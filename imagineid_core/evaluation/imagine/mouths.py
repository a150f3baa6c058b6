"""Do mouths follow their meshes? Openings as a probe reads them against those of the meshes.

Knows nothing about how the probe learned to read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagineid_core.evaluation.imagine.diverse_frames import DiverseFrames
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker, KeptClip
from imagineid_core.evaluation.imagine.picture_probes import PictureProbes
from imagineid_core.evaluation.imagine.voices import (
    HeldOutVoice,
    speaking_part,
    unlike_order,
    with_expressions_of,
)
from imagineid_core.evaluation.lips import Openings, correlation
from imagineid_core.imagine.config import ImagineConfig


@dataclass(frozen=True, kw_only=True)
class ReadMouths:
    """Openings in dm, frame by frame: the mesh's and the picture's."""

    name: str
    mesh: Openings
    picture: Openings

    @property
    def r(self) -> float:
        return correlation(self.picture, self.mesh)


def read_clip(probes: PictureProbes, clip: KeptClip) -> ReadMouths:
    """Of the coherent frames, that is without the first."""
    return ReadMouths(
        name=clip.name,
        mesh=clip.gaps[1:],
        picture=probes.openings(clip.frames[1:], clip.landmarks[1:]),
    )


def read_diverse(probes: PictureProbes, made: DiverseFrames) -> ReadMouths:
    return ReadMouths(
        name="diverse", mesh=made.gaps, picture=probes.openings(made.frames, made.landmarks)
    )


def read_shuffled(
    maker: ClipMaker,
    probes: PictureProbes,
    voices: Sequence[HeldOutVoice],
    config: ImagineConfig,
    *,
    num_frames: int,
    seed: int,
) -> tuple[list[ReadMouths], list[ReadMouths]]:
    """Clips made with expressions in another order: against the true order, and as they were shown.

    Head, voice and time stay in their order, so what else might tell an opening is still there.
    """
    true, shown = [], []
    for number, voice in enumerate(voices):
        performance = speaking_part(voice.performance, num_frames)
        gaps = maker.gaps(performance)
        order = unlike_order(gaps[1:], seed + number)
        order = [0, *(place + 1 for place in order)]
        clip = maker.clip(f"shuffled_{voice.name}", with_expressions_of(performance, order), config)
        read = read_clip(probes, clip)
        shown.append(read)
        true.append(ReadMouths(name=read.name, mesh=gaps[1:], picture=read.picture))
    return true, shown


def within_clips(parts: Sequence[ReadMouths]) -> float:
    """Mean over clips of their correlation: how open a clip is on the whole does not count."""
    return sum(one.r for one in parts) / len(parts)


def together(parts: Sequence[ReadMouths]) -> ReadMouths:
    """All frames as those of one clip."""
    return ReadMouths(
        name=f"{len(parts)} clips",
        mesh=np.concatenate([one.mesh for one in parts]),
        picture=np.concatenate([one.picture for one in parts]),
    )
