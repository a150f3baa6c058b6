"""The trained adapters of a folder, checked against a model, and the host they make together.

`textual_inversion`, `spatial_condition`, `mask_blending`, `matting`, each `.safetensors` and each
optional: without it that part is plain Stable Diffusion. Knows nothing about frames.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine import mask_blending, matting, spatial_condition, textual_inversion
from imagineid_core.imagine.background import Inpaint, Matte
from imagineid_core.imagine.diffusers_host import Control, DiffusersHost
from imagineid_core.imagine.mask_blending import MaskBlendingAdapter
from imagineid_core.imagine.matting import MattingNet
from imagineid_core.imagine.smooth_fill import smooth_fill
from imagineid_core.imagine.spatial_condition import SpatialConditionAdapter
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.textual_inversion import (
    TextualInversionAdapter,
    encode_text,
    prompt_ids,
    with_own_words,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Adapters:
    textual: TextualInversionAdapter | None = None  # TIA
    spatial: SpatialConditionAdapter | None = None  # SCA
    blending: MaskBlendingAdapter | None = None  # MBA
    matting: MattingNet | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The paper's adapters that are not there."""
        paper: dict[str, nn.Module | None] = {
            "textual inversion": self.textual,
            "spatial condition": self.spatial,
            "mask blending": self.blending,
        }
        return tuple(name for name, part in paper.items() if part is None)


_FILES = {
    "textual": textual_inversion.ARCHITECTURE,
    "spatial": spatial_condition.ARCHITECTURE,
    "blending": mask_blending.ARCHITECTURE,
    "matting": matting.ARCHITECTURE,
}


def find_adapters(folder: str | PathLike[str]) -> dict[str, Path]:
    """The files of a folder by what they hold."""
    paths = {name: Path(folder) / f"{stem}.safetensors" for name, stem in _FILES.items()}
    return {name: path for name, path in paths.items() if path.is_file()}


def load_adapters(folder: str | PathLike[str], model: StableDiffusion) -> Adapters:
    """Whatever adapters lie in `folder`, in the model's precision and on its device."""
    loaders: dict[str, Callable[[Path], Any]] = {
        "textual": textual_inversion.load_textual_inversion,
        "spatial": spatial_condition.load_spatial_condition,
        "blending": mask_blending.load_mask_blending,
        "matting": matting.load_matting,
    }
    paths = find_adapters(folder)
    if not paths:
        raise WeightsError(
            f"adapters not found: {folder} holds none of "
            f"{', '.join(f'{stem}.safetensors' for stem in _FILES.values())}. Give the folder of "
            "trained adapters, or leave it out. See README, Weights."
        )
    loaded = {name: loaders[name](path) for name, path in paths.items()}
    adapters = Adapters(**loaded)
    for name in adapters.missing:
        _LOG.warning("%s has no %s adapter; that part is plain Stable Diffusion", folder, name)
    check_fit(adapters, model)
    return _placed(adapters, model)


def check_fit(adapters: Adapters, model: StableDiffusion) -> None:
    """Every adapter was made for a model of these widths."""
    if adapters.textual is not None:
        width = adapters.textual.config.text_dim
        textual_inversion.check_fits_text_encoder(width, model.text_encoder)
    if adapters.spatial is not None:
        spatial_condition.check_fits_unet(adapters.spatial.config, model.unet)
    if adapters.blending is not None:
        mask_blending.check_fits_vae(adapters.blending.config, model.vae)


@torch.no_grad()
def encoded_prompt(
    model: StableDiffusion,
    prompt: str,
    *,
    textual: TextualInversionAdapter | None = None,
    semantics: Float[Tensor, " semantics"] | None = None,
    style: Float[Tensor, "spans style"] | None = None,
) -> Float[Tensor, "1 tokens dim"]:
    """Y: the predefined prompt, the user's words, and the pseudo-words of theta_id and theta_e.

    The predefined prompt is that of the adapter's training, without one the model's own. One Y
    serves a clip, so a style that varies is averaged over its frames.
    """
    if textual is None:
        ids = prompt_ids(model.tokenizer, with_own_words(model.recommended.prompt, prompt))
        return encode_text(model.text_encoder, ids).states
    if semantics is None or style is None:
        raise InputError(
            "the textual inversion adapter needs theta_id and theta_e but the performance has "
            "none. Listen with PAD, or leave that adapter out."
        )
    weight = next(textual.parameters())
    words = textual(semantics[None].to(weight), style.mean(0)[None, None].to(weight))[:, 0]
    words_in_text = with_own_words(textual.config.prompt, prompt)
    ids = prompt_ids(model.tokenizer, words_in_text, words.shape[1])
    return encode_text(model.text_encoder, ids, words).states


@torch.no_grad()
def host_for(
    model: StableDiffusion,
    adapters: Adapters,
    prompt: str = "",
    *,
    unwanted: str = "",
    semantics: Float[Tensor, " semantics"] | None = None,
    style: Float[Tensor, "spans style"] | None = None,
    control: Control | None = None,
    matte: Matte | None = None,
    inpaint: Inpaint = smooth_fill,
) -> DiffusersHost:
    """A host for one clip; `matte` and `inpaint` of the user's choice, else ours.

    Guidance moves away from the `unwanted` words, by default from the empty prompt.
    """
    text = encoded_prompt(model, prompt, textual=adapters.textual, semantics=semantics, style=style)
    return DiffusersHost(
        model,
        text=text,
        unguided=encode_text(model.text_encoder, prompt_ids(model.tokenizer, unwanted)).states,
        spatial=adapters.spatial,
        blending=adapters.blending,
        matte=adapters.matting if matte is None else matte,
        inpaint=inpaint,
        control=control,
    )


def _placed(adapters: Adapters, model: StableDiffusion) -> Adapters:
    """SCA runs beside the UNet, MBA inside the VAE; what is small stays in float32."""
    for part, like in (
        (adapters.spatial, model.unet),
        (adapters.blending, model.vae),
    ):
        if part is not None:
            part.to(device=like.device, dtype=like.dtype)
    for part in (adapters.textual, adapters.matting):
        if part is not None:
            part.to(model.unet.device)
    for part in (adapters.textual, adapters.spatial, adapters.blending, adapters.matting):
        if isinstance(part, nn.Module):
            part.eval().requires_grad_(False)
    return adapters
