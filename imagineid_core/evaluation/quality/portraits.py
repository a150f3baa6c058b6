"""Each network of imagining on portraits of people never seen, without drawing a single film.

Errors are those of the trainings' own validations, at fixed noise levels. Every number comes in
rounds that differ in what means nothing: noise. Knows nothing about voices but the pseudo-words
they give.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from imagineid_core.corpus.people import to_image
from imagineid_core.corpus.people.pictures import PersonPictures
from imagineid_core.evaluation.quality.held_out import mattes, portraits
from imagineid_core.imagine.adapters import Adapters, host_for
from imagineid_core.imagine.autoregressive import hide_mouth
from imagineid_core.imagine.background import dilate
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.mask_blending import MaskBlendingAdapter
from imagineid_core.imagine.matting import MattingNet
from imagineid_core.imagine.spatial_condition import SpatialConditionAdapter
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.textual_inversion import TextualInversionAdapter, with_own_words
from imagineid_core.training.condition_latents import (
    DisturbanceConfig,
    as_generated,
    scaled_latents,
)
from imagineid_core.training.diffusion_stage import CaptionedUnet, DiffusionStage
from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise
from imagineid_core.training.latent_batches import LatentBatch
from imagineid_core.training.matte_batches import disturbed
from imagineid_core.training.spatial_batches import SpatialBatch, tokens_by
from imagineid_core.training.spatial_stage import SpatialStage
from imagineid_core.training.word_batches import WordBatch
from imagineid_core.training.word_stage import WordStage
from imagineid_core.values import Performance

Found = dict[str, list[float]]  # by metric, a number a round
_IDENTITY, _BEFORE, _TARGET = 0, 1, 2  # frames of a person
_GRAIN = 0.02  # standard deviation of noise on a picture in [-1, 1]: two and a half grey levels
_LEVELS_EACH = 2  # rows a person, so that ten rows have ten noise levels
_DISTURBED_EACH = 4
_OFF = 0.1  # standard deviations that a film's latents are off in the place
_UNTOUCHED, _PERSON = 0.05, 0.5  # of a matte


@dataclass(frozen=True, kw_only=True)
class EncodedPeople:
    """Latents that UNet and adapters are measured on: people in turn, at other noise levels."""

    model: StableDiffusion
    people: Sequence[PersonPictures]

    @cached_property
    def portrait(self) -> Tensor:
        return self._encoded(portraits(list(self.people), _TARGET))

    @cached_property
    def identity(self) -> Tensor:
        return self._encoded(portraits(list(self.people), _IDENTITY))

    @cached_property
    def mesh(self) -> Tensor:
        return self._encoded(to_image(torch.stack([p.mesh_frame[_TARGET] for p in self.people])))

    @cached_property
    def previous(self) -> Tensor:
        """The frame before as a film has it, its mouth hidden."""
        config = DisturbanceConfig()
        draw = torch.Generator().manual_seed(0)
        images = portraits(list(self.people), _BEFORE)
        made = as_generated(self.model.vae, images, config, draw)
        mouth = torch.stack([p.mouth_mask[_BEFORE] for p in self.people]).float() / 255
        hidden = hide_mouth(made, dilate(mouth, config.mouth_dilation), config.mouth_fill)
        return self._encoded(hidden)

    def captions(self, prompt: str) -> Int[Tensor, "rows tokens"]:
        """The predefined prompt, then what is to be seen."""
        texts = [with_own_words(prompt, one.caption) for one in self.people]
        return tokens_by(self.model.tokenizer)(texts * _LEVELS_EACH)

    def _encoded(self, images: Tensor) -> Tensor:
        return scaled_latents(self.model.vae, images).repeat(_LEVELS_EACH, 1, 1, 1)


@torch.no_grad()
def autoencoder(model: StableDiffusion, people: Sequence[PersonPictures], rounds: range) -> Found:
    """There and back, with other faint grain in each round."""
    images = torch.cat([portraits(list(people), frame) for frame in (_IDENTITY, _TARGET)])
    boxes = torch.stack([p.mouth_box[frame] for frame in (_IDENTITY, _TARGET) for p in people])
    mouths = mouth_crops(images, boxes.long())
    found: Found = {"vae_psnr": [], "vae_mouth_psnr": []}
    for number in rounds:
        draw = torch.Generator().manual_seed(number)
        shown = images + _GRAIN * torch.randn(images.shape, generator=draw)
        latents = model.vae.encode(shown).latent_dist.mode()
        drawn = model.vae.decode(latents).sample.clamp(-1, 1)
        of_mouths = peak_signal_to_noise(mouth_crops(drawn, boxes.long()), mouths)
        found["vae_psnr"].append(float(peak_signal_to_noise(drawn, images).mean()))
        found["vae_mouth_psnr"].append(float(of_mouths.mean()))
    return found


def diffusion(encoded: EncodedPeople, rounds: range) -> Found:
    """UNet and text encoder as their training examines them; other noise in each round."""
    model = encoded.model
    nothing = tokens_by(model.tokenizer)([""])[0]
    stage = DiffusionStage(
        CaptionedUnet(model.unet, model.text_encoder), nothing, caption_dropout=0.0
    ).eval()
    tokens = encoded.captions(model.recommended.prompt)
    batch = LatentBatch(latents=encoded.portrait, tokens=tokens)
    examined = _examined(stage, batch, rounds)
    return {
        "velocity_error": [float(one["loss"]) for one in examined],
        "caption_gap": [float(one["caption_gap"]) for one in examined],
    }


def spatial(
    encoded: EncodedPeople, adapter: SpatialConditionAdapter, prompt: str, rounds: range
) -> Found:
    """SCA as its training examines it; other noise in each round."""
    model = encoded.model
    stage = SpatialStage(
        adapter,
        unet=model.unet,
        text_encoder=model.text_encoder,
        scheduler=model.scheduler,
        coherent_share=0.8,
    ).eval()
    batch = SpatialBatch(
        latents=encoded.portrait,
        mesh=encoded.mesh,
        identity=encoded.identity,
        previous=encoded.previous,
        weights=torch.ones_like(encoded.portrait[:, :1]),
        tokens=encoded.captions(prompt),
    )
    examined = _examined(stage, batch, rounds)
    return {
        "steered_error": [float(one["of_none"]) for one in examined],
        "mesh_alone_error": [float(one["diverse"] / one["none"]) for one in examined],
        "wrong_mesh_penalty": [float(one["wrong_mesh_penalty"]) for one in examined],
    }


def words(
    encoded: EncodedPeople, adapter: TextualInversionAdapter, heard: Performance, rounds: range
) -> Found:
    """TIA's words behind the prompt of its training, nothing else said; other noise each round."""
    model, count = encoded.model, len(encoded.portrait)
    assert heard.semantics is not None
    assert heard.style is not None
    stage = WordStage(
        adapter, unet=model.unet, text_encoder=model.text_encoder, scheduler=model.scheduler
    ).eval()
    batch = WordBatch(
        latents=encoded.portrait,
        semantics=heard.semantics.expand(count, -1),
        style=heard.style.mean(dim=0).expand(count, -1),
        tokens=tokens_by(model.tokenizer)([adapter.config.prompt] * count),
    )
    examined = _examined(stage, batch, rounds)
    return {"words_error": [float(one["loss"] / one["none"]) for one in examined]}


@torch.no_grad()
def blending(
    model: StableDiffusion,
    adapter: MaskBlendingAdapter,
    matting_net: MattingNet | None,
    people: Sequence[PersonPictures],
    rounds: range,
) -> Found:
    """A later frame before the place of the first one, its latent off as a film's is.

    Masks are those of a film: dilated mattes of the network, or the true ones where there is none.
    A plate that is anchored to the first frame hides what MBA's weights do, so there is one that
    is not.
    """
    some = list(people)
    host = host_for(model, Adapters(blending=adapter, matting=matting_net))
    firsts, images, true = portraits(some, 0), portraits(some, _TARGET), mattes(some, _TARGET)
    found: Found = {"place_gain": [], "unanchored_gain": [], "person_loss": []}
    prepared = []
    for first, image, matte, of_first in zip(
        firsts.split(1), images.split(1), true.split(1), mattes(some, 0).split(1), strict=True
    ):
        masks = [
            dilate(
                truth if matting_net is None else host.matte(picture, None),
                ImagineConfig.matte_dilation,
            )
            for picture, truth in ((first, of_first), (image, matte))
        ]
        empty = host.inpaint(first, masks[0])
        plates = host.background(empty, host.encode(first), masks[0]), host.background(empty)
        behind = (torch.maximum(*masks) < _UNTOUCHED)[0, 0]
        person = matte[0, 0] > _PERSON
        prepared.append((image, host.encode(image), plates, masks[1], behind, person))
    for number in rounds:
        draw = torch.Generator().manual_seed(number)
        gains, bare_gains, losses = [], [], []
        for image, latent, plates, mask, behind, person in prepared:
            off = latent + _OFF * torch.randn(latent.shape, generator=draw)
            plain = host.decode(off, None, None).clamp(-1, 1)
            blended, bare = (host.decode(off, plate, mask).clamp(-1, 1) for plate in plates)
            gains.append(_psnr(blended, image, behind) - _psnr(plain, image, behind))
            bare_gains.append(_psnr(bare, image, behind) - _psnr(plain, image, behind))
            losses.append(_psnr(plain, image, person) - _psnr(blended, image, person))
        found["place_gain"].append(float(np.mean(gains)))
        found["unanchored_gain"].append(float(np.mean(bare_gains)))
        found["person_loss"].append(float(np.mean(losses)))
    return found


@torch.no_grad()
def matting(adapter: MattingNet, people: Sequence[PersonPictures], rounds: range) -> Found:
    """Mattes of portraits disturbed as in training, otherwise in each round."""
    images = (portraits(list(people), _TARGET) + 1).repeat(_DISTURBED_EACH, 1, 1, 1) / 2
    true = mattes(list(people), _TARGET).repeat(_DISTURBED_EACH, 1, 1, 1)
    errors = []
    for number in rounds:
        draw = np.random.default_rng([number, 97])
        shown = torch.stack([disturbed(image, draw) for image in images]) * 2 - 1
        errors.append(float((adapter(shown) - true).abs().mean()))
    return {"matte_error": errors}


def _examined(
    stage: Callable[[Any], dict[str, Tensor]], batch: Any, rounds: range
) -> list[dict[str, Tensor]]:
    found = []
    for number in rounds:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            found.append(stage(batch))
    return found


def _psnr(
    image: Float[Tensor, "1 3 height width"],
    truth: Float[Tensor, "1 3 height width"],
    where: Bool[Tensor, "height width"],
) -> float:
    error = (image - truth)[..., where].square().mean()
    return float(10 * torch.log10(4 / error.clamp_min(1e-10)))
