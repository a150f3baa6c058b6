"""The colours of a VAE's latents, as a linear map: what a preview shows while a frame is denoised.

Knows nothing about who shows it.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

_CELLS = 16  # a side of the latent that is decoded to learn the map
_SEED = 0


@torch.no_grad()
def latent_colours(vae: Any) -> tuple[Float[Tensor, "latent rgb=3"], Float[Tensor, " rgb=3"]]:
    """Factors and bias from latents, in the scale of the UNet, to RGB in [-1, 1]; least squares."""
    channels, generator = vae.config.latent_channels, torch.Generator().manual_seed(_SEED)
    coarse = torch.randn(4, channels, _CELLS // 4, _CELLS // 4, generator=generator)
    latents = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)
    pictures = vae.decode(latents.to(vae.device, vae.dtype), return_dict=False)[0].float()
    shown = avg_pool2d(pictures, pictures.shape[-1] // _CELLS).cpu()
    known = torch.cat([latents, torch.ones_like(latents[:, :1])], dim=1)
    rows, colours = (item.movedim(1, -1).flatten(0, 2) for item in (known, shown))
    found = torch.linalg.lstsq(rows, colours).solution
    return found[:channels] / vae.config.scaling_factor, found[channels]
