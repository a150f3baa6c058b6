"""Alg. 1 through ComfyUI and through diffusers: the same weights, noise and conditions.

ComfyUI's 'ddim' (Euler without noise) with 'simple' takes DDIM's own steps: 999, 949 ... 49 of 20.
Only the noise level of the first differs: infinite in the suite, 20000 here. ComfyUI's own, 4518.8
for every model that ends in pure noise, leaves latents 2e-3 apart; beyond 20000 rounding does.
"""

from dataclasses import replace

import pytest
import torch

from imagineid_core.imagine.autoregressive import imagine
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.diffusers_host import DiffusersHost
from imagineid_core.imagine.stable_diffusion import PAPER_SCHEDULER, scheduler_from

CONFIG = ImagineConfig(seed=5, num_steps=20, first_guidance=1.5, guided_share=0.5)


@pytest.fixture
def differences(pack, suite, adapters, networks, mesh):
    """Of each frame: latents at the most and on average, pixels of 255 on average."""

    def of(diffusers_model, frames):
        ours = pack("comfy_host")
        comfy = ours.ComfyHost(
            suite.model,
            suite.vae,
            suite.positive,
            suite.negative,
            num_frames=frames,
            sampling=ours.Sampling(sampler_name="ddim", scheduler="simple"),
            adapters=adapters,
        )
        diffusers = DiffusersHost(
            diffusers_model,
            text=suite.positive[0][0],
            unguided=suite.negative[0][0],
            spatial=networks.spatial,
            blending=networks.blending,
        )
        meshes = pack("film").NumberedMeshes(mesh(frames))
        found = []
        for one, other in zip(_imagined(diffusers, meshes), _imagined(comfy, meshes), strict=True):
            latents, pixels = (a - b for a, b in zip(one, other, strict=True))
            found.append(
                (
                    float(latents.abs().max()),
                    float(latents.square().mean().sqrt()),
                    float(pixels.abs().mean()) * 127.5,
                )
            )
        print(found)
        return found

    return of


def test_a_diverse_and_five_coherent_frames_agree(suite, diffusers_suite, differences):
    """From the same first noise level; what is left is rounding, 1e-4 when this was written."""
    for most, _average, pixels in differences(_as_noisy(diffusers_suite, suite.model), 6):
        assert most < 1e-3
        assert pixels < 1


def test_with_the_suites_own_infinite_noise_they_agree_too(diffusers_suite, differences):
    """4.7e-4 at the most when this was written."""
    for most, _average, pixels in differences(diffusers_suite, 6):
        assert most < 1e-3
        assert pixels < 1


def _as_noisy(model, comfy_model):
    """The diffusers model on ComfyUI's noise levels."""
    sigmas = comfy_model.get_model_object("model_sampling").sigmas.double()
    remaining = 1 / (1 + sigmas**2)
    before = torch.cat([torch.ones(1).double(), remaining[:-1]])
    settings = {
        **model.scheduler.config,
        "trained_betas": (1 - remaining / before).tolist(),
        "rescale_betas_zero_snr": False,
    }
    return replace(model, scheduler=scheduler_from(PAPER_SCHEDULER, settings))


def _imagined(host, meshes):
    latents = []
    denoise = host.denoise

    def remembered(*given):
        latents.append(denoise(*given))
        return latents[-1]

    host.denoise = remembered
    frames = [made.frame for made in imagine(host, meshes, CONFIG)]
    return list(zip(latents, frames, strict=True))
