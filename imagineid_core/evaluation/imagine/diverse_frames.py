"""First frames of many voices, each of a seed of its own, and the same with parts taken away.

`full` has the pseudo-words and the mesh, `words` a mesh at rest, `mesh` theta_id and theta_e of
zeros, `zeroed` both. Knows nothing about what is read off them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.portrait import draw_person, render_portrait
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker
from imagineid_core.evaluation.imagine.voices import HeldOutVoice, at_rest, part_of, unheard
from imagineid_core.evaluation.lips import Openings
from imagineid_core.face.pose import PORTRAIT_PLACE
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.pipeline.perform import coefficients_from
from imagineid_core.values import Performance

_EARLIEST, _LATEST = 0.35, 0.85  # of a clip: the emotion has risen, the voice still speaks

CHANGES: dict[str, Callable[[Performance], Performance]] = {
    "full": lambda heard: heard,
    "words": at_rest,
    "mesh": unheard,
    "zeroed": lambda heard: unheard(at_rest(heard)),
}


@dataclass(frozen=True, kw_only=True)
class DiverseFrames:
    """One row a voice, in the voices' order."""

    frames: Float[Tensor, "voices 3 height width"]
    gaps: Openings
    landmarks: Float[Tensor, "voices landmarks 2"]
    styles: tuple[str, ...]
    speakers: tuple[str, ...]


def diverse_frames(
    maker: ClipMaker,
    voices: Sequence[HeldOutVoice],
    change: str,
    *,
    seed: int,
    config_of: Callable[[int], ImagineConfig],
) -> DiverseFrames:
    """A moment of every voice; moments and seeds are the same whatever the `change`.

    `config_of` tells how a frame of a seed is made.
    """
    clips = []
    for number, voice in enumerate(voices):
        performance = CHANGES[change](moment_of(voice.performance, seed + number))
        name = f"diverse_{change}_{voice.name}"
        clips.append(maker.clip(name, performance, config_of(seed + number)))
    return DiverseFrames(
        frames=torch.cat([one.frames for one in clips]),
        gaps=np.concatenate([one.gaps for one in clips]),
        landmarks=torch.cat([one.landmarks for one in clips]),
        styles=tuple(voice.style for voice in voices),
        speakers=tuple(voice.speaker for voice in voices),
    )


def moment_of(performance: Performance, seed: int) -> Performance:
    """One frame, drawn by `seed`."""
    draw = np.random.default_rng([seed, 79])
    count = len(performance.expression)
    return part_of(performance, int(draw.uniform(_EARLIEST, _LATEST) * count), 1)


@torch.no_grad()
def rendered_frames(
    maker: ClipMaker, voices: Sequence[HeldOutVoice], *, seed: int
) -> Float[Tensor, "voices 3 height width"]:
    """People drawn by formula with the meshes of `full`, through the autoencoder: the ceiling."""
    vae: Any = maker.model.vae
    weight = next(vae.parameters())
    drawn = []
    for number, voice in enumerate(voices):
        moment = moment_of(voice.performance, seed + number)
        person = draw_person(seed + number)
        coefficients = coefficients_from(moment, maker.basis, slice(0, 1))
        placed = replace(
            coefficients,
            texture=person.texture[None],
            lighting=person.lighting[None],
            pose=coefficients.pose + torch.tensor([0.0, 0.0, 0.0, *PORTRAIT_PLACE]),
        )
        image = render_portrait(person.attributes, placed, maker.size).image
        latent = vae.encode(image.to(weight)).latent_dist.mode()
        drawn.append(vae.decode(latent).sample.float().cpu().clamp(-1, 1))
    return torch.cat(drawn)
