"""Whether SCA steers the mini suite: does a frame follow its mesh beside the pictures it is given?

Errors are those of SCA's own validation, on people of 'test'. Frames are then drawn in coherent
mode, from a true I_id and a neighbour as a generated one would be, and measured round the mouth
against the truth; a copy of I_id, whose mouth is right by chance only, is what they must beat.
Knows nothing about training.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.corpus.people.prompts import PromptConfig
from imagineid_core.evaluation.imagine.samples import (
    Images,
    decoded,
    denoised,
    in_rows,
    noise_for,
    people_of_test,
    portraits_of,
)
from imagineid_core.evaluation.imagine.small_net import Progress
from imagineid_core.imagine.spatial_condition import SpatialConditionAdapter
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.textual_inversion import with_own_words
from imagineid_core.training.condition_latents import (
    ConditionLatents,
    DisturbanceConfig,
    condition_latents,
)
from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise
from imagineid_core.training.processes import ALL
from imagineid_core.training.spatial_batches import (
    PromptMix,
    SpatialBatchConfig,
    SpatialBatches,
    Tokens,
    tokens_by,
)
from imagineid_core.training.spatial_stage import SpatialStage

_BATCH = 20  # two at each of validation's noise levels
_DRAWN_AT_ONCE = 16
_AS_SPOKEN = PromptConfig(left_out=0.0, stray=0.0)
_AS_GENERATED = 1  # of the two ways in which a neighbour is kept


@dataclass(frozen=True, kw_only=True)
class SteeredFrames:
    """One row a person."""

    mesh: Images
    truth: Images
    identity: Images  # I_id
    previous: Images  # I_ad, its mouth hidden, as SCA sees it
    generated: Images

    def sheet(self, most: int = 12) -> Float[Tensor, "3 height width"]:
        rows = (self.mesh, self.truth, self.identity, self.previous, self.generated)
        return in_rows([images[:most] for images in rows])


@dataclass(frozen=True, kw_only=True)
class _Triples:
    """Which frame of each person is drawn, which is I_id, and which I_ad."""

    frame: Int[Tensor, " people"]
    identity: Int[Tensor, " people"]
    previous: Int[Tensor, " people"]


@torch.no_grad()
def measure_spatial(
    model: StableDiffusion,
    spatial: SpatialConditionAdapter,
    corpus: PeopleCorpus,
    *,
    prompt: str,
    num_people: int = 120,
    num_frames: int = 64,
    num_steps: int = 20,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> tuple[dict[str, float], SteeredFrames]:
    """Errors of v over `num_people`, and the mouths of `num_frames` drawn without guidance."""
    names = people_of_test(corpus, num_people)
    with tempfile.TemporaryDirectory() as folder:
        latents = condition_latents(
            model.vae,
            corpus,
            names,
            Path(folder) / "conditions.safetensors",
            DisturbanceConfig(),
            made_with="",
            on_progress=on_progress,
        )
    tokens = tokens_by(model.tokenizer)
    errors = _errors(model, spatial, corpus, names, latents, tokens, prompt, seed)
    frames, mouth_boxes = _frames(
        model, spatial, corpus, names[:num_frames], latents, tokens, prompt, num_steps, seed
    )
    return {
        **errors,
        **_likeness(frames, mouth_boxes),
        "num_people": float(len(names)),
        "num_frames": float(len(frames.generated)),
    }, frames


def _errors(
    model: StableDiffusion,
    spatial: SpatialConditionAdapter,
    corpus: PeopleCorpus,
    names: Sequence[str],
    latents: ConditionLatents,
    tokens: Tokens,
    prompt: str,
    seed: int,
) -> dict[str, float]:
    """What SCA's validation measures, means over all batches; `of_none` of the means."""
    mix = PromptMix(predefined=prompt, bare=0.0, empty=0.0, caption=_AS_SPOKEN)
    size = min(_BATCH, len(names))
    batches = SpatialBatches(
        [corpus.attributes(name) for name in names],
        latents,
        tokens,
        SpatialBatchConfig(batch_size=size, prompts=mix),
        seed=seed,
        in_order=True,
    )
    stage = SpatialStage(
        spatial,
        unet=model.unet,
        text_encoder=model.text_encoder,
        scheduler=model.scheduler,
        coherent_share=SpatialBatchConfig.coherent,
    ).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        measured = [stage(batches(index, ALL)) for index in range(len(names) // size)]
    names_told = ("coherent", "diverse", "none", "wrong_mesh_penalty")
    means = {
        name: float(torch.stack([one[name] for one in measured]).mean()) for name in names_told
    }
    return {**means, "of_none": means["coherent"] / means["none"]}


def _frames(
    model: StableDiffusion,
    spatial: SpatialConditionAdapter,
    corpus: PeopleCorpus,
    names: Sequence[str],
    latents: ConditionLatents,
    tokens: Tokens,
    prompt: str,
    num_steps: int,
    seed: int,
) -> tuple[SteeredFrames, Int[Tensor, "people box=4"]]:
    people = torch.arange(len(names))
    triples = _triples(latents.neighbour[: len(names)])
    mesh = latents.mesh[people, triples.frame].float()
    identity = latents.portrait[people, triples.identity].float()
    previous = latents.hidden[people, triples.previous, _AS_GENERATED].float()
    captions = [with_own_words(prompt, str(corpus.facts(name)["caption"])) for name in names]
    states = model.text_encoder(tokens(captions)).last_hidden_state
    noise = noise_for(model, len(names), corpus.size, seed)
    drawn = []
    for rows in people.split(_DRAWN_AT_ONCE):
        features = spatial(mesh[rows], identity[rows], previous[rows])
        drawn.append(
            denoised(model, noise[rows], states[rows], num_steps=num_steps, features=features)
        )

    portraits = torch.stack([portraits_of(corpus, name) for name in names])
    stored = [corpus.tensors(name, ("mesh_frame", "mouth_box")) for name in names]
    meshes = torch.stack([to_image(one["mesh_frame"]) for one in stored])
    boxes = torch.stack([one["mouth_box"] for one in stored]).long()
    frames = SteeredFrames(
        mesh=meshes[people, triples.frame],
        truth=portraits[people, triples.frame],
        identity=portraits[people, triples.identity],
        previous=decoded(model.vae, previous),
        generated=decoded(model.vae, torch.cat(drawn)),
    )
    return frames, boxes[people, triples.frame]


def _triples(neighbour: Int[Tensor, "people frames"]) -> _Triples:
    """The last frame that has a neighbour, and the first that is neither."""
    frames, identities, previous = [], [], []
    for of_person in neighbour.tolist():
        frame = max(i for i, other in enumerate(of_person) if other >= 0)
        frames.append(frame)
        previous.append(of_person[frame])
        rest = [i for i in range(len(of_person)) if i not in (frame, of_person[frame])]
        identities.append(rest[0] if rest else of_person[frame])
    return _Triples(
        frame=torch.tensor(frames),
        identity=torch.tensor(identities),
        previous=torch.tensor(previous),
    )


def _likeness(frames: SteeredFrames, boxes: Int[Tensor, "people box=4"]) -> dict[str, float]:
    """PSNR against the truth, of what was drawn and of a copy of I_id."""
    truth, told = frames.truth, {}
    mouth = mouth_crops(truth, boxes)
    for name, images in (("", frames.generated), ("_copied", frames.identity)):
        told[f"psnr{name}"] = float(peak_signal_to_noise(images, truth).mean())
        of_mouth = peak_signal_to_noise(mouth_crops(images, boxes), mouth)
        told[f"mouth_psnr{name}"] = float(of_mouth.mean())
    told["mouth_gain_db"] = told["mouth_psnr"] - told["mouth_psnr_copied"]
    return told
