"""How wrong a diffusion model is at a noise level, in the kind of prediction its scheduler names.

    z_t = sqrt(a_t) z + sqrt(1 - a_t) e,   v = sqrt(a_t) e - sqrt(1 - a_t) z

A model predicts e, v or z. An error e of the noise is an error e^2 / a_t of v, so models of all
kinds are compared by v. Knows nothing about networks.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.errors import InputError

LEVELS = tuple(range(50, 1000, 100))  # ten noise levels at which validation looks
Latents = Float[Tensor, "batch channels rows columns"]
Scheduler = Any  # of diffusers, with alphas_cumprod


@dataclass(frozen=True, kw_only=True)
class Noised:
    """What the model is shown, and what it should say."""

    noisy: Latents
    target: Latents
    timestep: Int[Tensor, " batch"]
    velocity_share: Float[Tensor, " batch"]  # squared error of v for one of the target


def noised(
    scheduler: Scheduler, latents: Latents, noise: Latents, timestep: Int[Tensor, " batch"]
) -> Noised:
    kept = scheduler.alphas_cumprod.to(latents)[timestep]
    signal, rest = kept.sqrt().view(-1, 1, 1, 1), (1 - kept).sqrt().view(-1, 1, 1, 1)
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        target, share = noise, 1 / kept.clamp_min(1e-6)
    elif kind == "v_prediction":
        target, share = signal * noise - rest * latents, torch.ones_like(kept)
    elif kind == "sample":
        target, share = latents, 1 / (1 - kept).clamp_min(1e-6)
    else:
        raise InputError(
            f"the scheduler predicts '{kind}', which adapters cannot be trained for. Use a model "
            "of epsilon, v_prediction or sample."
        )
    noisy = signal * latents + rest * noise
    return Noised(noisy=noisy, target=target, timestep=timestep, velocity_share=share)


def any_timestep(scheduler: Scheduler, latents: Latents) -> Int[Tensor, " batch"]:
    count = scheduler.config.num_train_timesteps
    return torch.randint(0, count, (len(latents),), device=latents.device)


def middle_timesteps(scheduler: Scheduler, latents: Latents) -> Int[Tensor, " batch"]:
    """Mostly those at which details are decided: t/T logistic-normal, and a batch evenly over it.

    What is best at each noise level stays the same.
    """
    count, rows = scheduler.config.num_train_timesteps, len(latents)
    strata = torch.randperm(rows, device=latents.device) + torch.rand(rows, device=latents.device)
    place = torch.special.ndtri((strata / rows).clamp(1e-4, 1 - 1e-4))
    return (place.sigmoid() * count).long()


def fixed_timesteps(latents: Latents) -> Int[Tensor, " batch"]:
    """The levels in turn, row by row."""
    levels = torch.tensor(LEVELS, device=latents.device)
    return levels[torch.arange(len(latents), device=latents.device) % len(levels)]


def squared_error(
    predicted: Latents,
    shown: Noised,
    weights: Float[Tensor, "batch 1 rows columns"] | None = None,
) -> Float[Tensor, " batch"]:
    """Mean over each latent; with `weights`, their mean over the batch is 1 first."""
    error = (predicted.float() - shown.target).square()
    if weights is not None:
        error = error * (weights / weights.mean())
    return error.flatten(1).mean(dim=1)
