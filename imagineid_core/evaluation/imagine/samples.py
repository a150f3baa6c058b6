"""Pictures that the gates look at: drawn by a model, or given back by its autoencoder.

Knows nothing about what makes a picture good.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.errors import InputError
from imagineid_core.imagine.spatial_condition import Features, unet_residuals
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.tokenizer import ClipVocabulary, token_numbers
from imagineid_core.training.latent_batches import posterior_means

Images = Float[Tensor, "samples 3 height width"]
_AT_ONCE = 16  # pictures in a batch
_STEPS_APART = 1_000_003  # of the seeds of what a sample's steps draw


def portraits_of(corpus: PeopleCorpus, name: str) -> Float[Tensor, "frames 3 height width"]:
    return to_image(corpus.tensors(name, ("portrait",))["portrait"])


def people_of_test(corpus: PeopleCorpus, most: int) -> Sequence[str]:
    names = corpus.names("test")[:most]
    if len(names) < 2:
        raise InputError(
            f"{corpus.folder} has {len(names)} people in 'test', too few for a gate. "
            "Make a larger corpus."
        )
    return names


def draw_captions(
    model: StableDiffusion,
    vocabulary: ClipVocabulary,
    corpus: PeopleCorpus,
    names: Sequence[str],
    *,
    num_steps: int,
    guidance: float,
    eta: float = 0.0,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Images:
    """What the model draws when it hears the captions of these people."""
    captions = [str(corpus.facts(name)["caption"]) for name in names]
    return draw_samples(
        model,
        token_numbers(captions, vocabulary),
        token_numbers([""], vocabulary),
        size=corpus.size,
        num_steps=num_steps,
        guidance=guidance,
        eta=eta,
        seed=seed,
        on_progress=on_progress,
    )


@torch.no_grad()
def draw_samples(
    model: StableDiffusion,
    tokens: Int[Tensor, "samples tokens"],
    nothing: Int[Tensor, "1 tokens"],
    *,
    size: int,
    num_steps: int,
    guidance: float,
    eta: float = 0.0,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Images:
    """Pictures for these prompts, with classifier-free guidance; the same seed, the same ones."""
    noise = noise_for(model, len(tokens), size, seed)
    unheard = model.text_encoder(nothing).last_hidden_state
    images = []
    for rows in torch.arange(len(tokens)).split(_AT_ONCE):
        drawn = [
            torch.Generator().manual_seed(_STEPS_APART * (seed + 1) + int(row)) for row in rows
        ]
        states = model.text_encoder(tokens[rows]).last_hidden_state
        latent = denoised(
            model, noise[rows], states, num_steps=num_steps, unheard=unheard, guidance=guidance,
            guided_share=model.recommended.guided_share, eta=eta, drawn=drawn,
        )  # fmt: skip
        images.append(decoded(model.vae, latent))
        if on_progress is not None:
            on_progress(sum(len(one) for one in images), len(tokens))
    return torch.cat(images)


def noise_for(
    model: StableDiffusion, count: int, size: int, seed: int
) -> Float[Tensor, "samples channels rows columns"]:
    channels, side = model.unet.config.in_channels, size // 8
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def denoised(
    model: StableDiffusion,
    noise: Float[Tensor, "batch channels rows columns"],
    states: Float[Tensor, "batch tokens dim"],
    *,
    num_steps: int,
    unheard: Float[Tensor, "1 others dim"] | None = None,
    guidance: float = 1.0,
    guided_share: float = 1.0,
    eta: float = 0.0,
    drawn: Sequence[torch.Generator] = (),
    features: Features = (),
) -> Float[Tensor, "batch channels rows columns"]:
    """Latents of many pictures at once; guided away from `unheard`, steered by SCA's maps.

    The scheduler's steps add noise if `eta` is not 0, each picture from its own of `drawn`.
    """
    both = states
    if unheard is None or guidance == 1:
        guided_share = 0.0
    else:
        both = torch.cat([unheard.expand_as(states), states])
    scheduler: Any = model.scheduler
    scheduler.set_timesteps(num_steps)
    noisy = {"eta": eta, "generator": list(drawn)} if eta else {}
    latent = noise * scheduler.init_noise_sigma
    for step, timestep in enumerate(scheduler.timesteps):
        is_guided = step < guided_share * num_steps
        scaled = scheduler.scale_model_input(latent, timestep)
        steered = {}
        if features:
            maps = [torch.cat([one, one]) if is_guided else one for one in features]
            steered["down_intrablock_additional_residuals"] = unet_residuals(tuple(maps))
        shown = torch.cat([scaled, scaled]) if is_guided else scaled
        text = both if is_guided else states
        predicted = model.unet(shown, timestep, text, **steered).sample
        if is_guided:
            without, with_prompt = predicted.chunk(2)
            predicted = without + guidance * (with_prompt - without)
        latent = scheduler.step(predicted, timestep, latent, **noisy).prev_sample
    return latent


@torch.no_grad()
def decoded(vae: Any, latents: Float[Tensor, "batch channels rows columns"]) -> Images:
    """From the UNet's scale to pictures."""
    parts = (latents / vae.config.scaling_factor).split(_AT_ONCE)
    return torch.cat([vae.decode(part).sample for part in parts]).clamp(-1, 1)


def returned(vae: nn.Module, images: Images) -> Images:
    """Encoded and decoded: what a perfect UNet would draw."""
    net: Any = vae
    return decoded(net, posterior_means(vae, images) * net.config.scaling_factor)


def in_rows(rows: Sequence[Images]) -> Float[Tensor, "3 tall wide"]:
    """One picture of many, a row each."""
    return torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
