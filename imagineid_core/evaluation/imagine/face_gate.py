"""Whether the mini suite draws faces that are whole, as a judge sees them that was itself tried.

The judge never sees the model's samples, and is tried on people and kinds of faults that it did not
learn from, all given back by the model's own autoencoder: what it refuses is the UNet's doing.
Knows nothing about training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.evaluation.imagine.face_faults import MELTED, faulty
from imagineid_core.evaluation.imagine.face_judge import FaceJudge
from imagineid_core.evaluation.imagine.face_patches import SIZE
from imagineid_core.evaluation.imagine.face_spoiling import UNSEEN
from imagineid_core.evaluation.imagine.samples import (
    Images,
    draw_captions,
    people_of_test,
    portraits_of,
    returned,
)
from imagineid_core.evaluation.imagine.small_net import Progress
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.tokenizer import ClipVocabulary

_PEOPLE = 240


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
    num_steps: int,
    guidance: float,
    eta: float = 0.0,
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
        eta=eta,
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

    Every kind spoils all of them, in the eyes or in the mouth; who shows no fault afterwards is
    left out. `spoilt_failed` counts the kinds that the judge did not learn from.
    """
    real = _first_portraits(corpus, "test")
    given_back, landmarks = returned(vae, real), _landmarks(corpus, "test")
    draw = torch.Generator().manual_seed(seed)
    fails: dict[str, Tensor] = {}
    tasks = [(part, kind) for part in UNSEEN for kind in (*UNSEEN[part], MELTED)]
    for part, kind in tasks:
        made = faulty(vae, real, given_back, landmarks, {part: kind}, draw)
        failed = ~judge.verdicts(made.images).whole[made.has_fault[part]]
        if len(failed):
            fails[f"{part} {kind}"] = failed
    unseen = [failed for name, failed in fails.items() if not name.endswith(MELTED)]
    return {
        "real_passed": _share(judge.verdicts(given_back).whole),
        "spoilt_failed": _share(torch.cat(unseen)),
        **{f"{kind.replace(' ', '_')}_failed": _share(each) for kind, each in fails.items()},
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
