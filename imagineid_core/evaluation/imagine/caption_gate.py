"""Whether the mini suite draws what a caption says, on captions of people it never saw.

Knows nothing about training.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.corpus.people.prompts import PromptConfig
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.caption_probe import (
    CaptionProbe,
    classes_of,
    shares_right,
)
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
}
_AT_ONCE = 16  # samples drawn together
_GAP_PEOPLE = 200
_AS_SPOKEN = PromptConfig(left_out=0.0, stray=0.0)
Progress = Callable[[int, int], None]


@torch.no_grad()
def measure_captions(
    model: StableDiffusion,
    vocabulary: ClipVocabulary,
    probe: CaptionProbe,
    corpus: PeopleCorpus,
    *,
    num_samples: int = 64,
    num_steps: int = 20,
    guidance: float = 2.0,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> tuple[dict[str, float], Float[Tensor, "samples 3 height width"]]:
    """Shares of samples that show what was asked for, as a probe sees them; and the samples.

    `..._of_real` are the probe's shares on the true portraits: what a perfect model would reach.
    """
    names = corpus.names("test")[:num_samples]
    if len(names) < 2:
        raise InputError(
            f"{corpus.folder} has {len(names)} people in 'test', too few for a gate. "
            "Make a larger corpus."
        )
    captions = [str(corpus.facts(name)["caption"]) for name in names]
    images = draw_samples(
        model,
        token_numbers(captions, vocabulary),
        token_numbers([""], vocabulary),
        size=corpus.size,
        num_steps=num_steps,
        guidance=guidance,
        seed=seed,
        on_progress=on_progress,
    )
    real = [to_image(corpus.tensors(name, ("portrait",))["portrait"][:1]) for name in names]
    classes = classes_of(corpus, names)
    drawn, true = (
        shares_right(probe, images, classes),
        shares_right(probe, torch.cat(real), classes),
    )
    figures = {_FIGURES[name]: share for name, share in drawn.items()}
    figures |= {f"{_FIGURES[name]}_of_real": share for name, share in true.items()}
    figures["caption_gap"] = _caption_gap(model, vocabulary, corpus, seed)
    return {**figures, "num_samples": float(len(names))}, images


@torch.no_grad()
def draw_samples(
    model: StableDiffusion,
    tokens: Int[Tensor, "samples tokens"],
    nothing: Int[Tensor, "1 tokens"],
    *,
    size: int,
    num_steps: int,
    guidance: float,
    seed: int,
    on_progress: Progress | None = None,
) -> Float[Tensor, "samples 3 height width"]:
    """Pictures for these prompts, with classifier-free guidance; the same seed, the same ones."""
    generator = torch.Generator().manual_seed(seed)
    channels, side = model.unet.config.in_channels, size // 8
    noise = torch.randn(len(tokens), channels, side, side, generator=generator)
    unheard = model.text_encoder(nothing).last_hidden_state
    images = []
    for rows in torch.arange(len(tokens)).split(_AT_ONCE):
        states = model.text_encoder(tokens[rows]).last_hidden_state
        both = torch.cat([unheard.expand_as(states), states])
        scheduler: Any = model.scheduler
        scheduler.set_timesteps(num_steps)
        latent = noise[rows] * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            scaled = scheduler.scale_model_input(torch.cat([latent, latent]), timestep)
            without, with_prompt = model.unet(scaled, timestep, both).sample.chunk(2)
            predicted = without + guidance * (with_prompt - without)
            latent = scheduler.step(predicted, timestep, latent).prev_sample
        latent = latent / model.vae.config.scaling_factor
        images.append(model.vae.decode(latent).sample.clamp(-1, 1))
        if on_progress is not None:
            on_progress(sum(len(one) for one in images), len(tokens))
    return torch.cat(images)


def _caption_gap(
    model: StableDiffusion, vocabulary: ClipVocabulary, corpus: PeopleCorpus, seed: int
) -> float:
    """What others' captions cost in the error of the noise, on latents of people never seen."""
    names = corpus.names("test")[:_GAP_PEOPLE]
    frames = [to_image(corpus.tensors(name, ("portrait",))["portrait"][:1]) for name in names]
    latents = posterior_means(model.vae, torch.cat(frames)) * model.vae.config.scaling_factor
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
