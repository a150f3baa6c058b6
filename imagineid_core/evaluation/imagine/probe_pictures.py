"""Portraits for the probes: crops of mouths and faces, and what the mesh knows about them.

A part of them has been through the autoencoder, some with a disturbed latent, for that is how
generated pictures are drawn. Knows nothing about networks that read them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from imagineid_core.corpus.people import PeopleCorpus, to_bytes, to_image
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.crops import (
    FACE_CROP,
    MOUTH_CROP,
    crops_at,
    still_landmarks,
)
from imagineid_core.evaluation.lips import lip_gaps
from imagineid_core.face.open_face import EMOTIONS
from imagineid_core.values import FaceBasis

STYLES = tuple(EMOTIONS)  # as classes of the style probe
_DISTURBANCE = 0.25  # at most, of a latent's standard deviation
_AT_ONCE = 16
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ProbePictures:
    """One row a picture; gaps are the mesh's, in dm, styles are numbers of STYLES, expressions
    the mesh's coefficients."""

    mouths: UInt8[Tensor, "rows 3 mouth mouth"]
    faces: UInt8[Tensor, "rows 3 face face"]
    gaps: Float[Tensor, " rows"]
    styles: Int[Tensor, " rows"]
    expressions: Float[Tensor, "rows expression"]


def probe_pictures(
    corpus: PeopleCorpus,
    names: Sequence[str],
    basis: FaceBasis,
    *,
    vae: nn.Module | None,
    disturbed: bool = False,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> ProbePictures:
    """All frames of these people as they were drawn, or as `vae` gives them back."""
    if not names:
        raise InputError(f"nobody of {corpus.folder} is left for the probes. Make a larger corpus.")
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for done, name in enumerate(names):
        stored = corpus.tensors(name, ("portrait", "shape", "expression", "pose"))
        images = to_image(stored["portrait"])
        if vae is not None:
            images = _round_trip(vae, images, _DISTURBANCE if disturbed else 0.0, generator)
        landmarks = still_landmarks(stored["shape"], stored["pose"], basis, corpus.size)
        styles = corpus.facts(name)["styles"]
        parts.append(
            ProbePictures(
                mouths=to_bytes(crops_at(images, landmarks, MOUTH_CROP)),
                faces=to_bytes(crops_at(images, landmarks, FACE_CROP)),
                gaps=torch.from_numpy(lip_gaps(stored["shape"], stored["expression"], basis)),
                styles=torch.tensor([STYLES.index(style) for style in styles]),
                expressions=stored["expression"].float(),
            )
        )
        if on_progress is not None:
            on_progress(done + 1, len(names))
    return joined(parts)


def joined(parts: Sequence[ProbePictures]) -> ProbePictures:
    return ProbePictures(
        mouths=torch.cat([one.mouths for one in parts]),
        faces=torch.cat([one.faces for one in parts]),
        gaps=torch.cat([one.gaps for one in parts]),
        styles=torch.cat([one.styles for one in parts]),
        expressions=torch.cat([one.expressions for one in parts]),
    )


@torch.no_grad()
def _round_trip(
    vae: nn.Module, images: Tensor, disturbance: float, generator: torch.Generator
) -> Float[Tensor, "frames 3 height width"]:
    """Encoded and decoded; each latent gets noise of a strength drawn up to `disturbance`."""
    net: Any = vae
    weight = next(net.parameters())
    drawn = []
    for part in images.split(_AT_ONCE):
        latent = net.encode(part.to(weight)).latent_dist.mode()
        strength = torch.rand(len(part), 1, 1, 1, generator=generator) * disturbance
        noise = torch.randn(latent.shape, generator=generator) * strength
        latent = latent + (noise * latent.float().std().cpu()).to(latent)
        drawn.append(net.decode(latent).sample.to(part).clamp(-1, 1))
    return torch.cat(drawn)
