"""The mini latent diffusion model, learned from pictured people: autoencoder, captions, UNet.

Each stage has a folder of its own and begins when the one before is done; a call that was cut short
goes on where it stopped. Knows which stage needs what, and nothing about how any of them learns.
"""

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.corpus.people.caption_words import CLASSES, caption_words
from imagineid_core.corpus.people.prompts import PromptConfig
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.gates import check_gate, gate_document, write_gate
from imagineid_core.evaluation.imagine.vae_gate import measure_vae
from imagineid_core.imagine.mini_suite import (
    MINI_RECOMMENDED,
    build_text_encoder,
    build_unet,
    build_vae,
    fold_standardisation,
    load_vae,
    read_about,
    save_index,
    save_part,
    save_suite,
    write_about,
)
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from imagineid_core.imagine.tokenizer import (
    ClipVocabulary,
    read_vocabulary,
    token_numbers,
    vocabulary_of,
)
from imagineid_core.training.adapter_sources import digest_of
from imagineid_core.training.caption_batches import CaptionBatches
from imagineid_core.training.caption_stage import CaptionReader, CaptionStage
from imagineid_core.training.diffusion_stage import CaptionedUnet, DiffusionStage
from imagineid_core.training.imagine_presets import ImaginePreset
from imagineid_core.training.latent_batches import (
    LatentBatches,
    RegionWeights,
    encoded_people,
    latent_weights,
)
from imagineid_core.training.loop import Batches, LoopConfig, Trained, train
from imagineid_core.training.optional import training_package
from imagineid_core.training.picture_batches import PictureBatchConfig, PictureBatches
from imagineid_core.training.processes import is_first_process
from imagineid_core.training.stage import Stage
from imagineid_core.training.vae_stage import VaeStage

_OF_THE_UNET = ("suite", "prompts", "caption_dropout", "diffusion_batch_size", "mirrored")
# What of a preset decides a stage beside its loop.
DEPENDS_ON: Mapping[str, tuple[str, ...]] = {
    "vae": ("suite", "pictures", "vae_loss"),
    "fine": ("suite", "fine_pictures", "vae_loss"),
    "finer": ("suite", "finer_pictures", "vae_loss"),
    "caption": ("suite", "prompts", "caption_batch_size"),
    "diffusion": _OF_THE_UNET,
    "fine_diffusion": (*_OF_THE_UNET, "region_weight"),
    "finer_diffusion": (
        *_OF_THE_UNET,
        "finer_region_weight",
        "finer_head_weight",
        "finer_in_the_middle",
    ),
}
STAGES = tuple(DEPENDS_ON)
_OF_THE_VAE, _OF_DIFFUSION = STAGES[:3], STAGES[-3:]  # each goes on with what the last learned
_ROUNDS = "rounds_before"  # of the last stage, in what is told of it
MODEL = "model"  # the diffusers folder in the output folder
Progress = Callable[[str, int, int], None]
_AS_SPOKEN = PromptConfig(left_out=0.0, stray=0.0)
_VALIDATION_SEED = 1_000_003
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Imaginer:
    """Where the model was written, and what its stages reached."""

    model: Path
    metrics: Mapping[str, Mapping[str, float]]  # by stage; of its best validation


def train_imagine(
    corpus: PeopleCorpus,
    folder: str | PathLike[str],
    preset: ImaginePreset,
    *,
    vae: str | PathLike[str] | None = None,
    unet: str | PathLike[str] | None = None,
    until: int | None = None,
    seed: int = 0,
    command: str = "",
    cpu: bool = False,
    on_progress: Progress | None = None,
) -> Imaginer:
    """Train what `preset` says and write a diffusers folder `model`.

    `vae` is a folder that such a training wrote before: its autoencoder is taken as it is. So is
    all of `unet`, and only its UNet and text encoder learn on, by the last stage, which ends at its
    step `until` if that is given, wherever its rate is by then. A gated preset
    measures its autoencoder on people never seen, writes gate_vae.json and stops with an error if
    that is not good enough to build on. Under `accelerate launch` every process calls this alike;
    the first one writes.
    """
    if corpus.size != preset.suite.size:
        raise InputError(
            f"the corpus has pictures of {corpus.size} pixels but the preset '{preset.name}' "
            f"learns {preset.suite.size}. Make a corpus with --size {preset.suite.size}."
        )
    if unet is not None and preset.finer_diffusion_loop is None:
        raise InputError(
            f"the UNet of {unet} is to learn on, but the preset '{preset.name}' has no stage for "
            "that. Leave it out, or take another preset."
        )
    if until is not None and (until < 1 or preset.finer_diffusion_loop is None):
        there = "has no such stage" if preset.finer_diffusion_loop is None else "counts from 1"
        raise InputError(
            f"the last stage is to end at step {until}, but the preset '{preset.name}' {there}. "
            "Leave it out, or give a step from 1 on and a preset with that stage."
        )
    work = _Work(corpus, Path(folder), preset, seed, command, cpu, on_progress)
    taken = vae if unet is None else unet
    encoder, latents = work.vae() if taken is None else work.finished_vae(Path(taken))
    vocabulary = vocabulary_of(caption_words())
    if unet is None:
        text_encoder = work.text_encoder(vocabulary)
        learned = CaptionedUnet(_built(lambda: build_unet(preset.suite), seed + 1), text_encoder)
    else:
        learned = work.finished_unet(Path(unet), vocabulary)
    nothing = token_numbers([""], vocabulary)[0]
    made_with = {"vae": _digest(encoder, corpus.corpus_hash)}
    weights = (
        RegionWeights(),
        RegionWeights(parts=preset.region_weight),
        RegionWeights(parts=preset.finer_region_weight, head=preset.finer_head_weight),
    )
    for cycle, (name, weight) in enumerate(zip(_OF_DIFFUSION, weights, strict=True)):
        if (loop := getattr(preset, f"{name}_loop")) is None:
            continue
        if unet is not None and name != _OF_DIFFUSION[-1]:
            made_with[name] = _digest(learned, corpus.corpus_hash)
            continue
        stage = DiffusionStage(
            learned,
            nothing,
            caption_dropout=preset.caption_dropout,
            in_the_middle=name == _OF_DIFFUSION[-1] and preset.finer_in_the_middle,
        )
        batches = work.latents(latents, vocabulary, weight, seed=seed + cycle)
        last = until if name == _OF_DIFFUSION[-1] else None
        work.run(name, stage, loop, batches, made_with, until=last)
        made_with[name] = _digest(learned, corpus.corpus_hash)
    if is_first_process():
        save_suite(
            work.folder / MODEL,
            vae=encoder,
            text_encoder=learned.text_encoder,
            unet=learned.unet,
            vocabulary=vocabulary,
            about=work.about(),
            recommended=MINI_RECOMMENDED,
        )
    return Imaginer(model=work.folder / MODEL, metrics=work.metrics)


class _Work:
    """What all stages have in common."""

    def __init__(
        self,
        corpus: PeopleCorpus,
        folder: Path,
        preset: ImaginePreset,
        seed: int,
        command: str,
        cpu: bool,
        on_progress: Progress | None,
    ) -> None:
        self.corpus, self.folder, self.preset = corpus, folder, preset
        self.seed, self.command, self.cpu = seed, command, cpu
        self._on_progress = on_progress
        self.names = {split: corpus.names(split) for split in ("train", "validation")}
        self.results: dict[str, Trained] = {}
        self.taken: dict[str, Any] = {}  # what is told of stages that were trained elsewhere
        self.begun_with = ""  # digest of the UNet that learns on
        self.rounds_before: list[dict[str, Any]] = []  # of the last stage, the oldest first
        self.gates: dict[str, Any] = {}

    @property
    def metrics(self) -> dict[str, Mapping[str, float]]:
        return {name: result.metrics for name, result in self.results.items()}

    def vae(self) -> tuple[nn.Module, dict[str, Tensor]]:
        """The autoencoder with whitened latents, and those of both splits."""
        preset = self.preset
        vae = _built(lambda: build_vae(preset.suite), self.seed)
        stage = VaeStage(vae, preset.vae_loss)
        pictures = (preset.pictures, preset.fine_pictures, preset.finer_pictures)
        before: dict[str, str] = {}
        for name, config in zip(_OF_THE_VAE, pictures, strict=True):
            self.run(name, stage, getattr(preset, f"{name}_loop"), self._pictures(config), before)
            before = {"vae": _digest(vae, self.corpus.corpus_hash)}
        self._gate(vae)
        latents = self._all_encoded(vae)
        mean, spread = _moments(latents["train"])
        whitened = {
            split: ((of_split.float() - _channels(mean)) / _channels(spread)).half()
            for split, of_split in latents.items()
        }
        folded = fold_standardisation(vae, mean, spread).eval()
        self._keep_vae(folded)
        return folded, whitened

    def _pictures(self, config: PictureBatchConfig) -> tuple[Batches, Batches]:
        train, validation = self.names["train"], self.names["validation"]
        return (
            PictureBatches(self.corpus, train, config, seed=self.seed),
            PictureBatches(self.corpus, validation, config, seed=_VALIDATION_SEED, in_order=True),
        )

    def finished_vae(self, folder: Path) -> tuple[nn.Module, dict[str, Tensor]]:
        """An autoencoder of before, whose latents are white already, and those of both splits."""
        vae = load_vae(folder)
        self._take(folder, _OF_THE_VAE)
        self._gate(vae)
        latents = self._all_encoded(vae)
        self._keep_vae(vae)
        return vae, latents

    def finished_unet(self, folder: Path, vocabulary: ClipVocabulary) -> CaptionedUnet:
        """UNet and text encoder of before, in full precision, to learn on."""
        model = load_stable_diffusion(folder)
        if read_vocabulary(folder / "tokenizer").merges != vocabulary.merges:
            raise InputError(
                f"{folder} has a tokenizer of other words than the captions of this corpus. Train "
                "the model from its beginning."
            )
        self._take(folder, ("caption", *_OF_DIFFUSION[:-1]))
        last = _told_of(folder, _OF_DIFFUSION[-1])
        if "steps" in last:
            self.rounds_before = [*last.pop(_ROUNDS, []), last]
        self.begun_with = digest_of(model.unet, model.text_encoder)
        learned = CaptionedUnet(model.unet, model.text_encoder)
        return learned.float().requires_grad_(True)

    def _take(self, folder: Path, stages: Sequence[str]) -> None:
        """What is told of stages that were trained before."""
        self.taken |= {name: _told_of(folder, name) for name in stages}

    def _all_encoded(self, vae: nn.Module) -> dict[str, Tensor]:
        training_package("accelerate").PartialState(cpu=self.cpu)  # processes meet
        return {split: self._encoded(vae, split) for split in self.names}

    def _keep_vae(self, vae: nn.Module) -> None:
        """What made it lies beside it, for a training that begins with it."""
        if is_first_process():
            save_part(self.folder / MODEL, "vae", vae)
            save_index(self.folder / MODEL, "vae")
            write_about(self.folder / MODEL, self.about())

    def text_encoder(self, vocabulary: ClipVocabulary) -> nn.Module:
        """Trained on captions alone; the diffusion stage trains it on."""
        preset, size = self.preset, self.preset.caption_batch_size
        reader = _built(
            lambda: CaptionReader(
                build_text_encoder(preset.suite, vocabulary), CLASSES, end=vocabulary.end
            ),
            self.seed,
        )
        batches = (
            CaptionBatches(vocabulary, preset.prompts, batch_size=size, seed=self.seed),
            CaptionBatches(vocabulary, _AS_SPOKEN, batch_size=size, seed=_VALIDATION_SEED),
        )
        self.run("caption", CaptionStage(reader), preset.caption_loop, batches)
        return reader.text_encoder

    def latents(
        self,
        latents: Mapping[str, Tensor],
        vocabulary: ClipVocabulary,
        weight: RegionWeights,
        *,
        seed: int,
    ) -> tuple[Batches, Batches]:
        """Batches of training and validation, which weighs everything alike."""
        preset, weights = self.preset, None
        if weight != RegionWeights():
            weights = latent_weights(
                self.corpus,
                self.names["train"],
                weight,
                side=latents["train"].shape[-1],
                mirrored=preset.mirrored,
            )

        def of(split: str, prompts: PromptConfig, seed: int, in_order: bool) -> Batches:
            return LatentBatches(
                self.corpus,
                self.names[split],
                latents[split],
                vocabulary,
                prompts,
                batch_size=preset.diffusion_batch_size,
                weights=weights if split == "train" else None,
                seed=seed,
                in_order=in_order,
            )

        return (
            of("train", preset.prompts, seed, False),
            of("validation", _AS_SPOKEN, _VALIDATION_SEED, True),
        )

    def run(
        self,
        name: str,
        stage: Stage[Any],
        loop: LoopConfig,
        batches: tuple[Batches, Batches],
        made_with: Mapping[str, str] | None = None,
        until: int | None = None,
    ) -> None:
        _LOG.info("stage %s: %d steps", name, loop.num_steps)
        asdict = dataclasses.asdict(self.preset)
        self.results[name] = train(
            stage,
            batches[0],
            self.folder / name,
            dataclasses.replace(loop, seed=self.seed),
            validation=batches[1],
            setting={
                **(made_with or {}),
                "corpus": self.corpus.corpus_hash,
                "preset": {field: asdict[field] for field in DEPENDS_ON[name]},
            },
            until_step=until,
            ends_there=until is not None,
            cpu=self.cpu,
        )
        stage.cpu()

    def about(self) -> dict[str, Any]:
        """How the model was made: kept beside it."""
        return {
            "command": self.command,
            "preset": self.preset.name,
            "seed": self.seed,
            "corpus": self.corpus.corpus_hash,
            "recipe": self.corpus.manifest.recipe,
            **({"begun_with": self.begun_with} if self.begun_with else {}),
            "stages": self.taken | {name: self._reached(name) for name in self.results},
            "gates": self.gates,
        }

    def _reached(self, name: str) -> dict[str, Any]:
        result = self.results[name]
        rounds = self.rounds_before if name == _OF_DIFFUSION[-1] else []
        return {
            "steps": result.step,
            "best_step": result.best_step,
            **result.metrics,
            **({_ROUNDS: rounds} if rounds else {}),
        }

    def _encoded(
        self, vae: nn.Module, split: str
    ) -> Float[Tensor, "people takes channels height width"]:
        told = None if self._on_progress is None else partial(self._on_progress, f"encode {split}")
        return encoded_people(
            vae.eval(),
            self.corpus,
            self.names[split],
            self.folder / "latents" / f"{split}.safetensors",
            mirrored=self.preset.mirrored and split == "train",
            made_with=_digest(vae, self.corpus.corpus_hash),
            on_progress=told,
        )

    def _gate(self, vae: nn.Module) -> None:
        """Every process measures, for all must know whether to go on; the first one writes."""
        if not self.preset.is_gated:
            return
        told = None if self._on_progress is None else partial(self._on_progress, "gate vae")
        figures = measure_vae(vae, self.corpus, on_progress=told)
        self.gates["vae"] = gate_document("vae", figures)
        if is_first_process():
            write_gate(self.folder / "gate_vae.json", self.gates["vae"])
        check_gate("vae", figures)


def _moments(latents: Tensor) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Mean and standard deviation of each channel, over all people and places."""
    by_channel = latents.float().movedim(2, 0).flatten(1)
    return by_channel.mean(dim=1), by_channel.std(dim=1)


def _channels(values: Float[Tensor, " channels"]) -> Tensor:
    return values.view(1, 1, -1, 1, 1)


def _told_of(folder: Path, stage: str) -> dict[str, Any]:
    """Of a stage of the model there: what it reached, by which command, on which corpus."""
    told = read_about(folder)
    began = ("command", "corpus", *(("begun_with",) if stage == _OF_DIFFUSION[-1] else ()))
    origin = {field: told[field] for field in began if field in told}
    return origin | dict(told.get("stages", {}).get(stage, {}))


def _built(make: Callable[[], Any], seed: int) -> Any:
    """An untrained network; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _digest(vae: nn.Module, corpus_hash: str) -> str:
    digest = hashlib.sha256(corpus_hash.encode())
    for value in vae.state_dict().values():
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
