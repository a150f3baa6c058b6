"""Voices with faces: a portrait for each clip of talkers, and what PAD hears in it (Sec. 3.2, TIA).

The face has the speaker's shape alpha and the clip's expression at some moment; hair, clothes, skin
and background are drawn anew for every clip, since no voice tells them. Knows nothing about words
or diffusion.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.audio.features import mel_windows
from imagineid_core.corpus.clip import Clip, Corpus
from imagineid_core.corpus.portrait import (
    Portrait,
    PortraitAttributes,
    coefficients_of,
    draw_attributes,
    draw_person,
    portrait_pose,
    render_portrait,
)
from imagineid_core.errors import InputError
from imagineid_core.listen.pad import Pad, listen
from imagineid_core.training.condition_latents import scaled_latents
from imagineid_core.training.kept_tensors import keep_tensors, kept_tensors
from imagineid_core.training.processes import made_together

Progress = Callable[[int, int], None]
_TURN = (0.05, 0.12, 0.04)  # rad, standard deviations of pitch, yaw, roll
_EARLIEST = 0.3  # of a clip: before, its emotion has not risen


@dataclass(frozen=True, kw_only=True)
class VoicedPeople:
    """One row a portrait; `clip` is the row of what was heard."""

    latents: Float[Tensor, "portraits channels rows columns"]
    looks: Int[Tensor, " portraits"]  # seeds of the attributes
    clip: Int[Tensor, " portraits"]
    semantics: Float[Tensor, "clips identity"]  # theta_id
    style: Float[Tensor, "clips emotion"]  # theta_e

    def attributes(self, portrait: int) -> PortraitAttributes:
        return draw_attributes(int(self.looks[portrait]))


def voiced_people(
    vae: nn.Module,
    pad: Pad,
    corpus: Corpus,
    names: Sequence[str],
    path: Path,
    *,
    size: int,
    takes: int,
    seed: int,
    made_with: str,
    on_progress: Progress | None = None,
) -> VoicedPeople:
    """`takes` portraits a clip, kept in `path`; read from there if it was `made_with` the same."""
    told = hashlib.sha256(repr((made_with, tuple(names), size, takes, seed)).encode()).hexdigest()
    kept = kept_tensors(path, told)
    if kept is not None:
        return VoicedPeople(**kept)
    if not names:
        raise InputError("there are no clips to pair with portraits. Give a talker corpus.")

    def of_clip(number: int) -> tuple[list[Tensor], list[int], Tensor, Tensor]:
        clip = corpus.load(names[number])
        latents, looks = [], []
        for take in range(takes):
            draw = np.random.default_rng([seed, number, take, 81])
            look = int(draw.integers(2**31))
            frame, turn = any_moment(clip, draw), any_turn(draw)
            image = portrait_of(clip, look, frame, turn, size).image
            latents.append(scaled_latents(vae, image)[0].half())
            looks.append(look)
        return latents, looks, *heard_in(pad, clip)

    clips = made_together(of_clip, range(len(names)), on_progress)
    latents, looks, semantics, style = zip(*clips, strict=True)
    made = VoicedPeople(
        latents=torch.stack([one for of_one in latents for one in of_one]),
        looks=torch.tensor([one for of_one in looks for one in of_one]),
        clip=torch.arange(len(names)).repeat_interleave(takes),
        semantics=torch.stack(semantics),
        style=torch.stack(style),
    )
    fields = {one.name: getattr(made, one.name) for one in dataclasses.fields(made)}
    keep_tensors(path, fields, told)
    return made


@torch.no_grad()
def heard_in(pad: Pad, clip: Clip) -> tuple[Float[Tensor, " identity"], Float[Tensor, " emotion"]]:
    """theta_id and theta_e, as a clip that is imagined gets them."""
    heard = listen(pad, mel_windows(clip.speech))
    return heard.identity.semantics[0], heard.emotion.style[0].mean(dim=0)


def any_moment(clip: Clip, draw: np.random.Generator, *, before_end: int = 0) -> int:
    """A frame of the clip in which its emotion is heard."""
    num_frames = len(_expression_of(clip)) - before_end
    return int(draw.integers(int(_EARLIEST * num_frames), num_frames))


def any_turn(draw: np.random.Generator) -> tuple[float, float, float]:
    """Pitch, yaw, roll of a head in radians."""
    pitch, yaw, roll = (np.clip(draw.standard_normal(3), -2, 2) * _TURN).tolist()
    return pitch, yaw, roll


def portrait_of(
    clip: Clip, look: int, frame: int, turn: tuple[float, float, float], size: int
) -> Portrait:
    """Someone who looks as `look` says, with the speaker's shape and a moment of the clip."""
    expression = _expression_of(clip)
    assert clip.shape is not None
    person = draw_person(look)
    if clip.shape.shape != person.shape.shape:
        raise InputError(
            f"clip '{clip.name}' has a shape of {len(clip.shape)} numbers but portraits are drawn "
            f"from {len(person.shape)}: those of the open face. Give a corpus of that face."
        )
    coefficients = coefficients_of(
        dataclasses.replace(person, shape=clip.shape.float()),
        expression[frame : frame + 1].float(),
        portrait_pose(*turn),
    )
    return render_portrait(person.attributes, coefficients, size)


def _expression_of(clip: Clip) -> Float[Tensor, "frames expression"]:
    if clip.shape is None or clip.expression is None:
        raise InputError(
            f"clip '{clip.name}' knows no shape or no expression, so no face goes with its voice. "
            "Give a talker corpus of ours, or another that knows both."
        )
    return clip.expression
