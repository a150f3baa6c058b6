"""Whether the mini suite draws faces that are whole, as a judge sees them that was itself tried.

The judge never sees the model's samples, and is tried on people and kinds of faults that it did not
learn from, all given back by the model's own autoencoder: what it refuses is the UNet's doing.
Knows nothing about training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.evaluation.imagine.face_judge import (
    SIZE,
    FaceJudge,
    patch_corners,
    patches_at,
    places_of,
)
from imagineid_core.evaluation.imagine.face_spoiling import (
    UNSEEN,
    part_mask,
    spoil_eyes,
    spoil_mouth,
)
from imagineid_core.evaluation.imagine.samples import (
    Images,
    decoded,
    draw_captions,
    people_of_test,
    portraits_of,
    returned,
)
from imagineid_core.evaluation.imagine.small_net import Progress
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.tokenizer import ClipVocabulary
from imagineid_core.training.latent_batches import posterior_means

MELTED = "melted"  # disturbed in the latents of eyes or mouth, as a UNet half trained would
_MELTING = 0.8  # standard deviations
_PEOPLE = 240
_PARTS = {"eyes": spoil_eyes, "mouth": spoil_mouth}


@dataclass(frozen=True, kw_only=True)
class JudgedSamples:
    images: Images
    is_whole: Bool[Tensor, " samples"]


@torch.no_grad()
def measure_faces(
    model: StableDiffusion,
    vocabulary: ClipVocabulary,
    judge: FaceJudge,
    corpus: PeopleCorpus,
    *,
    num_samples: int = 64,
    num_steps: int = 20,
    guidance: float = 2.0,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> tuple[dict[str, float], JudgedSamples]:
    """Shares of samples that pass; `real_passed` and `spoilt_failed...` are the judge's own."""
    names = people_of_test(corpus, num_samples)
    images = draw_captions(
        model,
        vocabulary,
        corpus,
        names,
        num_steps=num_steps,
        guidance=guidance,
        seed=seed,
        on_progress=on_progress,
    )
    judge = judge.calibrated(returned(model.vae, _first_portraits(corpus, "validation")))
    verdicts = judge.verdicts(images)
    figures = {
        "whole": _share(verdicts.whole),
        "eyes": _share(verdicts.eyes),
        "level": _share(verdicts.level),
        "mouth": _share(verdicts.mouth),
        **try_judge(judge, model.vae, corpus, seed=seed),
        "num_samples": float(len(names)),
    }
    return figures, JudgedSamples(images=images, is_whole=verdicts.whole)


@torch.no_grad()
def try_judge(
    judge: FaceJudge, vae: nn.Module, corpus: PeopleCorpus, *, seed: int = 0
) -> dict[str, float]:
    """What share of true people of 'test' passes, and what share of spoilt ones fails, by kind.

    Every kind spoils people of its own, in the eyes or in the mouth.
    """
    real = _first_portraits(corpus, "test")
    draw = torch.Generator().manual_seed(seed)
    fails: dict[str, list[Tensor]] = {}
    tasks = [(kind, part) for part in _PARTS for kind in (*UNSEEN[part], MELTED)]
    landmarks = _landmarks(corpus, "test")
    for number, (kind, part) in enumerate(tasks):
        rows = torch.arange(number % len(real), len(real), len(tasks))
        if kind == MELTED:
            shown = _melted(vae, real[rows], landmarks[rows], part, draw)
            is_spoilt = torch.ones(len(rows), dtype=torch.bool)
        else:
            spoilt, is_spoilt = _spoilt(real[rows], landmarks[rows], kind, part, draw)
            shown = returned(vae, spoilt)
        fails.setdefault(f"{part} {kind}", []).append(~judge.verdicts(shown).whole[is_spoilt])
    by_kind: Mapping[str, Tensor] = {
        kind: torch.cat(each) for kind, each in fails.items() if sum(map(len, each))
    }
    return {
        "real_passed": _share(judge.verdicts(returned(vae, real)).whole),
        "spoilt_failed": _share(torch.cat(list(by_kind.values()))),
        **{f"{kind.replace(' ', '_')}_failed": _share(each) for kind, each in by_kind.items()},
    }


def bordered(images: Images, is_whole: Bool[Tensor, " samples"]) -> Images:
    """Green round what passed, red round what did not."""
    framed = images.clone()
    colour = torch.full((len(images), 3, 1, 1), -1.0)
    colour[torch.arange(len(images)), is_whole.long()] = 1.0  # red or green
    edge = torch.ones(images.shape[-2:], dtype=torch.bool)
    edge[3:-3, 3:-3] = False
    return torch.where(edge, colour, framed)


def _share(passed: Bool[Tensor, " count"]) -> float:
    return float(passed.float().mean())


def _first_portraits(corpus: PeopleCorpus, split: str) -> Images:
    return torch.cat([portraits_of(corpus, name)[:1] for name in _names(corpus, split)])


def _landmarks(corpus: PeopleCorpus, split: str) -> Float[Tensor, "people landmarks=68 2"]:
    stored = [corpus.tensors(name, ("landmarks",)) for name in _names(corpus, split)]
    return torch.cat([one["landmarks"][:1].float() for one in stored]) * (SIZE / corpus.size)


def _names(corpus: PeopleCorpus, split: str) -> Sequence[str]:
    return corpus.names(split)[:_PEOPLE]


def _spoilt(
    images: Images,
    landmarks: Float[Tensor, "batch landmarks=68 2"],
    kind: str,
    part: str,
    draw: torch.Generator,
) -> tuple[Images, Bool[Tensor, " batch"]]:
    """Spoilt in the patch, which is laid back into the picture."""
    size = images.shape[-1]
    large = _resized(images, SIZE)
    places = places_of(landmarks)
    corners = patch_corners(places)
    made = _PARTS[part](patches_at(large, places), landmarks - corners[:, None], kind, draw)
    changed = large.clone()
    for image, patch, (column, row) in zip(
        changed, made.patches, corners.int().tolist(), strict=True
    ):
        image[:, row : row + patch.shape[1], column : column + patch.shape[2]] = patch
    return _resized(changed, size), made.is_spoilt


def _melted(
    vae: Any,
    images: Images,
    landmarks: Float[Tensor, "batch landmarks=68 2"],
    part: str,
    draw: torch.Generator,
) -> Images:
    latents = posterior_means(vae, images)
    mask = part_mask(landmarks, part, SIZE)
    cells = (max_pool2d(mask, SIZE // latents.shape[-1]) > 0.5).float()
    noise = torch.randn(latents.shape, generator=draw) * latents.std(dim=(0, 2, 3), keepdim=True)
    scaled = (latents + _MELTING * cells * noise) * vae.config.scaling_factor
    return decoded(vae, scaled)


def _resized(images: Images, size: int) -> Images:
    if images.shape[-1] == size:
        return images
    return interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
