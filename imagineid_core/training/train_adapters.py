"""TIA, SCA and MBA, one after the other, on a frozen diffusion model (Sec. 3.2).

Each stage has a folder of its own and begins when the one before is done; a call that was cut short
goes on where it stopped. Knows which stage needs what, and nothing about how any of them learns.
"""

import copy
import dataclasses
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.corpus.clip import Corpus
from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.errors import InputError
from imagineid_core.imagine import mask_blending, spatial_condition, textual_inversion
from imagineid_core.imagine.mask_blending import MaskBlendingAdapter, variant_config
from imagineid_core.imagine.spatial_condition import (
    SpatialConditionAdapter,
    SpatialConditionConfig,
    check_fits_unet,
)
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.textual_inversion import (
    TextualInversionAdapter,
    TextualInversionConfig,
    prompt_ids,
    start_at_word,
)
from imagineid_core.listen.pad import Pad
from imagineid_core.training.adapter_presets import AdapterPreset
from imagineid_core.training.blending_batches import BlendingBatches
from imagineid_core.training.blending_stage import BlendingStage
from imagineid_core.training.condition_latents import condition_latents
from imagineid_core.training.loop import Batches, LoopConfig, Trained, train
from imagineid_core.training.optional import training_package
from imagineid_core.training.perceptual_loss import EdgeDistance, load_vgg_distance
from imagineid_core.training.processes import is_first_process
from imagineid_core.training.spatial_batches import SpatialBatches, tokens_by
from imagineid_core.training.spatial_stage import SpatialStage
from imagineid_core.training.stage import Stage
from imagineid_core.training.voiced_people import voiced_people
from imagineid_core.training.word_batches import WordBatches
from imagineid_core.training.word_stage import WordStage

# What of a preset decides a stage beside its loop and the frozen model.
DEPENDS_ON: Mapping[str, tuple[str, ...]] = {
    "word": ("prompt", "num_words", "hidden_dim", "words", "clips", "takes"),
    "spatial": (
        *("prompt", "num_blocks", "separate_inputs", "zero_outputs"),
        *("spatial", "disturbance", "people"),
    ),
    "blending": ("variant", "perceptual_weight", "blending"),
}
STAGES = tuple(DEPENDS_ON)
_ARCHITECTURES = {
    "word": textual_inversion.ARCHITECTURE,
    "spatial": spatial_condition.ARCHITECTURE,
    "blending": mask_blending.ARCHITECTURE,
}
_SPLITS = ("train", "validation")
_VALIDATION_SEED = 1_000_003
_VALIDATION_SHARE = 8  # of people and clips for training to one for validation
Progress = Callable[[str, int, int], None]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Voices:
    """What TIA is trained on beside the model: clips that know their faces, and who hears them."""

    pad: Pad
    corpus: Corpus


@dataclass(frozen=True, kw_only=True)
class TrainedAdapters:
    files: tuple[Path, ...]
    metrics: Mapping[str, Mapping[str, float]]  # by stage; of its best validation


def train_adapters(
    model: StableDiffusion,
    corpus: PeopleCorpus,
    folder: str | PathLike[str],
    preset: AdapterPreset,
    *,
    voices: Voices | None = None,
    vgg: str | PathLike[str] | None = None,
    seed: int = 0,
    command: str = "",
    cpu: bool = False,
    on_progress: Progress | None = None,
) -> TrainedAdapters:
    """Train what `preset` says and write textual_inversion, spatial_condition and mask_blending.

    Without `voices` there is no TIA. `vgg` is a state dict for MBA's loss; without it the distance
    of slopes stands in. Each file is written when its stage is done. Under `accelerate launch`
    every process calls this alike; the first one writes.
    """
    check_fits_unet(_spatial_config(model, preset), model.unet)
    work = _Work(model, corpus, Path(folder), preset, seed, command, cpu, on_progress)
    files = []
    if voices is None:
        _LOG.warning("no voices are given, so the textual inversion adapter is not trained")
    else:
        files.append(_train_words(work, voices))
    files.append(_train_spatial(work))
    if preset.variant != "none":
        files.append(_train_blending(work, vgg))
    metrics = {name: result.metrics for name, result in work.results.items()}
    return TrainedAdapters(files=tuple(files), metrics=metrics)


class _Work:
    """What all stages have in common."""

    def __init__(
        self,
        model: StableDiffusion,
        corpus: PeopleCorpus,
        folder: Path,
        preset: AdapterPreset,
        seed: int,
        command: str,
        cpu: bool,
        on_progress: Progress | None,
    ) -> None:
        self.model, self.corpus, self.folder, self.preset = model, corpus, folder, preset
        self.seed, self.command, self.cpu = seed, command, cpu
        self._on_progress = on_progress
        self.processes = training_package("accelerate").PartialState(cpu=cpu)
        self.digests = {name: _digest(getattr(model, name)) for name in ("vae", "unet")}
        self.results: dict[str, Trained] = {}

    def told(self, what: str) -> Callable[[int, int], None] | None:
        return None if self._on_progress is None else partial(self._on_progress, what)

    def seed_of(self, split: str) -> int:
        return self.seed if split == "train" else _VALIDATION_SEED

    def most(self, split: str, number: int) -> int:
        return number if split == "train" else max(2, number // _VALIDATION_SHARE)

    def encoding(self) -> nn.Module:
        """The autoencoder where it is fastest."""
        return self.model.vae.to(self.processes.device)

    def run(
        self,
        name: str,
        stage: Stage[Any],
        loop: LoopConfig,
        batches: list[Batches],
        *,
        data: Mapping[str, str],
        about: Mapping[str, Any],
    ) -> Path:
        """Train a stage and write its file."""
        _LOG.info("stage %s: %d steps", name, loop.num_steps)
        asdict = dataclasses.asdict(self.preset)
        result = train(
            stage,
            batches[0],
            self.folder / name,
            dataclasses.replace(loop, seed=self.seed),
            validation=batches[1],
            setting={
                **data,
                "vae": self.digests["vae"],
                "preset": {field: asdict[field] for field in DEPENDS_ON[name]},
            },
            cpu=self.cpu,
        )
        stage.cpu()
        self.results[name] = result
        path = self.folder / f"{_ARCHITECTURES[name]}.safetensors"
        if is_first_process():
            net = stage.learned
            save_checkpoint(
                path,
                copy.deepcopy(net).half() if self.preset.saves_half_precision else net,
                architecture=_ARCHITECTURES[name],
                config=net.config,
                provenance={
                    "command": self.command,
                    "preset": self.preset.name,
                    "seed": self.seed,
                    "model": self.digests,
                    "steps": result.step,
                    "best_step": result.best_step,
                    "metrics": result.metrics,
                    **data,
                    **about,
                },
            )
        return path


def _train_words(work: _Work, voices: Voices) -> Path:
    preset, model = work.preset, work.model

    config = TextualInversionConfig(
        identity_dim=voices.pad.identity.config.width,
        emotion_dim=voices.pad.emotion.config.width,
        hidden_dim=preset.hidden_dim,
        num_words=preset.num_words,
        text_dim=model.text_encoder.config.hidden_size,
        prompt=preset.prompt,
    )
    adapter = _built(lambda: _word_adapter(model, config), work.seed)
    digest = _digest(voices.pad.identity, voices.pad.content, voices.pad.emotion)
    tokens = tokens_by(model.tokenizer, preset.num_words)
    batches: list[Batches] = []
    talkers = hashlib.sha256()
    for split in _SPLITS:
        names = _spread(voices.corpus.names(split), work.most(split, preset.clips))
        talkers.update(repr(tuple(names)).encode())
        with work.processes.main_process_first():
            people = voiced_people(
                work.encoding(),
                voices.pad,
                voices.corpus,
                names,
                work.folder / "latents" / f"voiced_{split}.safetensors",
                size=work.corpus.size,
                takes=preset.takes,
                seed=work.seed_of(split),
                made_with=f"{work.digests['vae']} {digest} {_hash_of(voices.corpus)}",
                on_progress=work.told(f"voices {split}"),
            )
        is_train = split == "train"
        size = preset.words.batch_size if is_train else preset.validation_batch_size
        prompts = dataclasses.replace(preset.words.prompts, predefined=preset.prompt)
        settings = dataclasses.replace(preset.words, batch_size=size, prompts=prompts)
        batches.append(
            WordBatches(people, tokens, settings, seed=work.seed_of(split), in_order=not is_train)
        )
    stage = WordStage(
        adapter, unet=model.unet, text_encoder=model.text_encoder, scheduler=model.scheduler
    )
    data = {
        "pad": digest,
        "talkers": _hash_of(voices.corpus) or talkers.hexdigest(),
        "size": str(work.corpus.size),
    }
    return work.run("word", stage, preset.word_loop, batches, data=data, about={})


def _train_spatial(work: _Work) -> Path:
    preset, model, corpus = work.preset, work.model, work.corpus
    tokens = tokens_by(model.tokenizer)
    asdict = dataclasses.asdict(preset.disturbance)
    batches: list[Batches] = []
    for split in _SPLITS:
        names = corpus.names(split)[: work.most(split, preset.people)]
        with work.processes.main_process_first():
            latents = condition_latents(
                work.encoding(),
                corpus,
                names,
                work.folder / "latents" / f"conditions_{split}.safetensors",
                preset.disturbance,
                made_with=f"{work.digests['vae']} {corpus.corpus_hash} {len(names)} {asdict}",
                on_progress=work.told(f"encode {split}"),
            )
        is_train = split == "train"
        size = preset.spatial.batch_size if is_train else preset.validation_batch_size
        prompts = dataclasses.replace(preset.spatial.prompts, predefined=preset.prompt)
        settings = dataclasses.replace(preset.spatial, batch_size=size, prompts=prompts)
        people = [corpus.attributes(name) for name in names]
        batches.append(
            SpatialBatches(
                people,
                latents,
                tokens,
                settings,
                seed=work.seed_of(split),
                in_order=not is_train,
            )
        )
    config = _spatial_config(model, preset)
    stage = SpatialStage(
        _built(lambda: SpatialConditionAdapter(config), work.seed),
        unet=model.unet,
        text_encoder=model.text_encoder,
        scheduler=model.scheduler,
        coherent_share=preset.spatial.coherent,
    )
    about = {"conditions": ["mesh", *preset.spatial.conditions]}
    data = {"corpus": corpus.corpus_hash}
    return work.run("spatial", stage, preset.spatial_loop, batches, data=data, about=about)


def _train_blending(work: _Work, vgg: str | PathLike[str] | None) -> Path:
    preset, vae = work.preset, work.model.vae
    config = variant_config(preset.variant, tuple(vae.config.block_out_channels))
    assert config is not None
    mask_blending.check_fits_vae(config, vae)
    batches: list[Batches] = [
        BlendingBatches(
            vae,
            work.corpus,
            work.corpus.names(split),
            dataclasses.replace(preset.blending, pool=work.most(split, preset.blending.pool)),
            num_levels=len(config.channels),
            seed=work.seed_of(split),
            in_order=split != "train",
        )
        for split in _SPLITS
    ]
    perceptual = EdgeDistance() if vgg is None else load_vgg_distance(vgg)
    stage = BlendingStage(
        _built(lambda: MaskBlendingAdapter(config), work.seed),
        vae=vae,
        perceptual=perceptual,
        perceptual_weight=preset.perceptual_weight,
    )
    loss = "slopes, in place of VGG" if vgg is None else f"VGG {_digest(perceptual)}"
    return work.run(
        "blending",
        stage,
        preset.blending_loop,
        batches,
        data={"corpus": work.corpus.corpus_hash, "perceptual_loss": loss},
        about={"variant": preset.variant},
    )


def _spatial_config(model: StableDiffusion, preset: AdapterPreset) -> SpatialConditionConfig:
    return SpatialConditionConfig(
        channels=tuple(model.unet.config.block_out_channels),
        num_blocks=preset.num_blocks,
        in_channels=model.unet.config.in_channels,
        separate_inputs=preset.separate_inputs,
        zero_outputs=preset.zero_outputs,
    )


def _word_adapter(model: StableDiffusion, config: TextualInversionConfig) -> nn.Module:
    """Its words begin as the last word of the predefined prompt."""
    ids = prompt_ids(model.tokenizer, config.prompt, config.num_words)[0].tolist()
    words = model.tokenizer(config.prompt, truncation=False)["input_ids"]
    adapter = TextualInversionAdapter(config)
    start_at_word(adapter, model.text_encoder.get_input_embeddings().weight[ids[len(words) - 2]])
    return adapter


def _spread(names: Any, most: int) -> list[str]:
    """`most` of the names from all along the list, which is sorted by speaker."""
    if not names:
        raise InputError("the talker corpus lacks a split. Build it whole, without --split.")
    count = min(most, len(names))
    return [names[number * len(names) // count] for number in range(count)]


def _hash_of(corpus: Corpus) -> str:
    return str(getattr(corpus, "corpus_hash", ""))


def _built(make: Callable[[], Any], seed: int) -> Any:
    """An untrained network; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _digest(*nets: nn.Module) -> str:
    digest = hashlib.sha256()
    for net in nets:
        for value in net.state_dict().values():
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
