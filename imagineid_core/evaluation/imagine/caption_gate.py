"""Whether the mini suite draws what a caption says, on captions of people it never saw.

Knows nothing about training.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.corpus.people.prompts import PromptConfig
from imagineid_core.evaluation.imagine.caption_probe import (
    TO_THE_WORD,
    CaptionProbe,
    classes_of,
    shares_right,
)
from imagineid_core.evaluation.imagine.samples import (
    draw_captions,
    people_of_test,
    portraits_of,
    returned,
)
from imagineid_core.evaluation.imagine.small_net import Progress
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.tokenizer import ClipVocabulary, token_numbers
from imagineid_core.training.diffusion_stage import CaptionedUnet, DiffusionStage
from imagineid_core.training.latent_batches import LatentBatches, posterior_means
from imagineid_core.training.processes import ALL

_FIGURES = {
    "backdrop_colour": "background",
    "hair_colour": "hair_colour",
    "skin": "skin",
    "hair_style": "hair_style",
    TO_THE_WORD: TO_THE_WORD,
}
_GAP_PEOPLE = 200
_AS_SPOKEN = PromptConfig(left_out=0.0, stray=0.0)


@torch.no_grad()
def measure_captions(
    model: StableDiffusion,
    vocabulary: ClipVocabulary,
    probe: CaptionProbe,
    corpus: PeopleCorpus,
    *,
    num_samples: int = 64,
    num_steps: int,
    guidance: float,
    eta: float = 0.0,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> tuple[dict[str, float], Float[Tensor, "samples 3 height width"]]:
    """Shares of samples that show what was asked for, as a probe sees them; and the samples.

    `..._of_real` are the probe's shares on the true portraits, `..._of_returned` on those that the
    autoencoder gives back: what a perfect UNet would reach.
    """
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
    known = corpus.names("test")[:_GAP_PEOPLE]
    real = torch.cat([portraits_of(corpus, name)[:1] for name in known])
    judged = {
        "": shares_right(probe, images, classes_of(corpus, names)),
        "_of_real": shares_right(probe, real, classes_of(corpus, known)),
        "_of_returned": shares_right(probe, returned(model.vae, real), classes_of(corpus, known)),
    }
    figures = {
        f"{_FIGURES[name]}{of}": share
        for of, shares in judged.items()
        for name, share in shares.items()
    }
    figures["caption_gap"] = _caption_gap(model, vocabulary, corpus, seed)
    return {**figures, "num_samples": float(len(names))}, images


def _caption_gap(
    model: StableDiffusion, vocabulary: ClipVocabulary, corpus: PeopleCorpus, seed: int
) -> float:
    """What others' captions cost in the error of the noise, on latents of people never seen."""
    names = corpus.names("test")[:_GAP_PEOPLE]
    frames = torch.cat([portraits_of(corpus, name)[:1] for name in names])
    latents = posterior_means(model.vae, frames) * model.vae.config.scaling_factor
    size = min(20, len(names))
    batches = LatentBatches(
        corpus, names, latents[:, None], vocabulary, _AS_SPOKEN,
        batch_size=size, seed=seed, in_order=True,
    )  # fmt: skip
    nothing = token_numbers([""], vocabulary)[0]
    net = CaptionedUnet(model.unet, model.text_encoder)
    stage = DiffusionStage(net, nothing, caption_dropout=0.0).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        gaps = [stage(batches(index, ALL))["caption_gap"] for index in range(len(names) // size)]
    return float(torch.stack(gaps).mean())
