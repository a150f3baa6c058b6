"""Frames of people nobody was trained on, and how Alg. 1 makes them with whatever was trained.

A held-out frame is the third of a clip whose first is another moment and whose second is its
neighbour, both true: one step of Alg. 1 with a truth to compare with. Knows no ablation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.corpus.people import to_image
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.ablation.trials import Trials
from imagineid_core.imagine.autoregressive import imagine
from imagineid_core.imagine.background import dilate
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.diffusers_host import DiffusersHost, SpatialAdapter
from imagineid_core.imagine.host import Host, Image, Latent, Mask, MeshPicture
from imagineid_core.imagine.resume import ImaginedFrame
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.textual_inversion import encode_text, with_own_words
from imagineid_core.training.adapter_presets import AdapterPreset
from imagineid_core.training.condition_latents import neighbours_of
from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise
from imagineid_core.training.spatial_batches import tokens_by

Words = Float[Tensor, "1 words dim"]


@dataclass(frozen=True, kw_only=True)
class HeldFrame:
    truth: Image
    identity: Image  # I_id
    previous: Image  # the neighbour before, its mouth not yet hidden
    meshes: tuple[MeshPicture, ...]  # of the three, the truth's last
    matte: Mask  # of `previous`
    mouth_box: Int[Tensor, "1 box=4"]
    prompt: str


@dataclass(frozen=True, kw_only=True)
class Given:
    """An SCA that is handed only the `conditions` it was trained with."""

    adapter: SpatialAdapter
    conditions: Sequence[str] = ("identity", "previous")

    def __call__(
        self, mesh: Latent, identity: Latent | None, previous: Latent | None
    ) -> Sequence[Tensor]:
        return self.adapter(
            mesh,
            identity if "identity" in self.conditions else None,
            previous if "previous" in self.conditions else None,
        )


def held_frames(trials: Trials) -> list[HeldFrame]:
    """Of the first people of 'validation'."""
    sources = trials.sources
    names = sources.corpus.names("validation")[: trials.num_pictured]
    return [_held(trials, name) for name in names]


def host_with(
    model: StableDiffusion,
    prompt: str,
    *,
    spatial: SpatialAdapter | None = None,
    words: Words | None = None,
) -> DiffusersHost:
    """The prompt as in training: cut, not refused, where pseudo-words leave it no room."""
    count = 0 if words is None else words.shape[1]
    encoder = model.text_encoder
    return DiffusersHost(
        model,
        text=encode_text(encoder, tokens_by(model.tokenizer, count)([prompt]), words).states,
        unguided=encode_text(encoder, tokens_by(model.tokenizer)([""])).states,
        spatial=spatial,
    )


@torch.no_grad()
def coherent_frame(host: Host, held: HeldFrame, config: ImagineConfig) -> Image:
    """I_3 of Alg. 1, from I_id = I_1 and the mouthless I_2."""
    before = ImaginedFrame(
        index=1,
        config=config,
        frame=held.previous,
        first_frame=held.identity,
        mouth_mask=held.meshes[1].mouth_mask,
        head_mask=None,
        first_head_mask=None,
        latent=None,
        person_mask=None,
    )
    return next(iter(imagine(host, held.meshes, config, resume=before))).frame


@torch.no_grad()
def first_frame(host: Host, mesh: MeshPicture, config: ImagineConfig) -> Image:
    """I_1 of Alg. 1: diverse mode."""
    return next(iter(imagine(host, [mesh], config))).frame


def likeness(images: Sequence[Image], held: Sequence[HeldFrame]) -> dict[str, float]:
    """PSNR in dB against the truth, of whole frames and round the mouth; means over people."""
    made, truth = torch.cat(list(images)), torch.cat([one.truth for one in held])
    box = torch.cat([one.mouth_box for one in held])
    mouth = peak_signal_to_noise(mouth_crops(made, box), mouth_crops(truth, box))
    return {
        "psnr": float(peak_signal_to_noise(made, truth).mean()),
        "mouth_psnr": float(mouth.mean()),
    }


def opened(model: StableDiffusion, unet: Any) -> StableDiffusion:
    """The model with another UNet."""
    return replace(model, unet=unet.eval())


def spoken(preset: AdapterPreset, caption: str) -> str:
    return with_own_words(preset.prompt, caption)


def blank_mesh(size: int) -> MeshPicture:
    """For a host that is not steered, which takes only the size from it."""
    nothing = torch.zeros(1, 1, size, size)
    return MeshPicture(colour=nothing.expand(1, 3, -1, -1), mouth_mask=nothing)


def _held(trials: Trials, name: str) -> HeldFrame:
    corpus, preset = trials.sources.corpus, trials.sources.preset
    neighbours = neighbours_of(corpus.facts(name)["follows"])
    target = max((i for i, other in enumerate(neighbours) if other >= 0), default=-1)
    others = [i for i in range(len(neighbours)) if i not in (target, neighbours[target])]
    if target < 0 or not others:
        raise InputError(
            f"{name} has no frame that follows another beside a third one. Make a corpus of three "
            "frames a person or more."
        )
    order = [others[0], neighbours[target], target]
    keys = ("portrait", "mesh_frame", "mouth_mask", "matte", "mouth_box")
    stored = {key: value[order] for key, value in corpus.tensors(name, keys).items()}
    images, colour = to_image(stored["portrait"]), to_image(stored["mesh_frame"])
    mouth = dilate(stored["mouth_mask"].float() / 255, preset.disturbance.mouth_dilation)
    return HeldFrame(
        identity=images[:1],
        previous=images[1:2],
        truth=images[2:],
        meshes=tuple(
            MeshPicture(colour=colour[i : i + 1], mouth_mask=mouth[i : i + 1]) for i in range(3)
        ),
        matte=stored["matte"][1:2].float() / 255,
        mouth_box=stored["mouth_box"][2:].long(),
        prompt=spoken(preset, str(corpus.facts(name)["caption"])),
    )
