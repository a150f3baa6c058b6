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
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.errors import InputError
from imagineid_core.imagine import mask_blending, spatial_condition, textual_inversion
from imagineid_core.imagine.adapters import find_adapters
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
from imagineid_core.training.adapter_presets import AdapterPreset
from imagineid_core.training.adapter_sources import (
    SPLITS,
    AdapterSources,
    Progress,
    Voices,
    digest_of,
    hash_of,
)
from imagineid_core.training.blending_stage import BlendingStage
from imagineid_core.training.loop import Batches, LoopConfig, Trained, train
from imagineid_core.training.perceptual_loss import EdgeDistance, load_vgg_distance
from imagineid_core.training.processes import is_first_process
from imagineid_core.training.spatial_stage import SpatialStage
from imagineid_core.training.stage import Stage
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
_FOUND_AS = {"word": "textual", "spatial": "spatial", "blending": "blending"}
_LOADERS: Mapping[str, Callable[[Path], Any]] = {
    "word": textual_inversion.load_textual_inversion,
    "spatial": spatial_condition.load_spatial_condition,
    "blending": mask_blending.load_mask_blending,
}
Net = TypeVar("Net", bound=nn.Module)
_LOG = logging.getLogger(__name__)


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
    begin: str | PathLike[str] | None = None,
    vgg: str | PathLike[str] | None = None,
    seed: int = 0,
    command: str = "",
    cpu: bool = False,
    on_progress: Progress | None = None,
) -> TrainedAdapters:
    """Train what `preset` says and write textual_inversion, spatial_condition and mask_blending.

    Without `voices` there is no TIA. Adapters that lie in the folder `begin` learn on, those of a
    similar model, say, instead of beginning untrained. `vgg` is a state dict for MBA's loss;
    without it the distance of slopes stands in. Each file is written when its stage is done. Under
    `accelerate launch` every process calls this alike; the first one writes.
    """
    check_fits_unet(_spatial_config(model, preset), model.unet)
    folder = Path(folder)
    sources = AdapterSources(
        model, corpus, folder / "latents", preset, seed=seed, cpu=cpu, on_progress=on_progress
    )
    work = _Work(sources, folder, command, cpu, {} if begin is None else _found(Path(begin)))
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
        sources: AdapterSources,
        folder: Path,
        command: str,
        cpu: bool,
        begin: Mapping[str, Path],
    ) -> None:
        self.sources, self.folder, self.command, self.cpu = sources, folder, command, cpu
        self.results: dict[str, Trained] = {}
        self._begin = begin
        self._begun_with: dict[str, str] = {}  # digests, by stage

    def begun(self, name: str, untrained: Net) -> Net:
        """The adapter of before that is to learn on, where there is one."""
        path = self._begin.get(_FOUND_AS[name])
        if path is None:
            return untrained
        learned = _LOADERS[name](path)
        if learned.config != untrained.config:
            raise InputError(
                f"{path} is of {learned.config} but this model and preset need "
                f"{untrained.config}. Begin with adapters of these sizes, or untrained."
            )
        self._begun_with[name] = digest_of(learned)
        return learned.float().requires_grad_(True)

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
        preset, digests = self.sources.preset, self.sources.digests
        begun = {"begun_with": self._begun_with[name]} if name in self._begun_with else {}
        asdict = dataclasses.asdict(preset)
        result = train(
            stage,
            batches[0],
            self.folder / name,
            dataclasses.replace(loop, seed=self.sources.seed),
            validation=batches[1],
            setting={
                **data,
                **begun,
                "vae": digests["vae"],
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
                copy.deepcopy(net).half() if preset.saves_half_precision else net,
                architecture=_ARCHITECTURES[name],
                config=net.config,
                provenance={
                    "command": self.command,
                    "preset": preset.name,
                    "seed": self.sources.seed,
                    "model": digests,
                    "steps": result.step,
                    "best_step": result.best_step,
                    "metrics": result.metrics,
                    **data,
                    **begun,
                    **about,
                },
            )
        return path


def _train_words(work: _Work, voices: Voices) -> Path:
    sources = work.sources
    talkers = hashlib.sha256()
    for split in SPLITS:
        talkers.update(repr(tuple(sources.talkers(voices, split))).encode())
    data = {
        "pad": voices.digest,
        "talkers": hash_of(voices.corpus) or talkers.hexdigest(),
        "pixels": str(sources.corpus.size),
    }
    batches = sources.word_batches({split: sources.voiced(voices, split) for split in SPLITS})
    widths = (voices.pad.identity.config.width, voices.pad.emotion.config.width)
    adapter = work.begun("word", new_words(sources, *widths))
    stage = WordStage(adapter, **frozen(sources.model))
    return work.run("word", stage, sources.preset.word_loop, batches, data=data, about={})


def _train_spatial(work: _Work) -> Path:
    sources = work.sources
    preset = sources.preset
    batches = sources.spatial_batches({split: sources.conditions(split) for split in SPLITS})
    stage = SpatialStage(
        work.begun("spatial", new_spatial(sources)),
        **frozen(sources.model),
        coherent_share=preset.spatial.coherent,
    )
    about = {"conditions": ["mesh", *preset.spatial.conditions]}
    data = {"corpus": sources.corpus.corpus_hash}
    return work.run("spatial", stage, preset.spatial_loop, batches, data=data, about=about)


def _train_blending(work: _Work, vgg: str | PathLike[str] | None) -> Path:
    sources = work.sources
    preset, vae = sources.preset, sources.model.vae
    adapter = work.begun("blending", new_blending(sources))
    perceptual = EdgeDistance() if vgg is None else load_vgg_distance(vgg)
    stage = BlendingStage(
        adapter,
        vae=vae,
        perceptual=perceptual,
        perceptual_weight=preset.perceptual_weight,
    )
    loss = "slopes, in place of VGG" if vgg is None else f"VGG {digest_of(perceptual)}"
    return work.run(
        "blending",
        stage,
        preset.blending_loop,
        sources.blending_batches(adapter.config),
        data={"corpus": sources.corpus.corpus_hash, "perceptual_loss": loss},
        about={"variant": preset.variant},
    )


def _found(begin: Path) -> Mapping[str, Path]:
    if found := find_adapters(begin):
        return found
    raise InputError(
        f"{begin} holds no adapters to begin with. Give the folder that a training wrote, or leave "
        "it out."
    )


def frozen(model: StableDiffusion) -> dict[str, Any]:
    """What the stages of TIA and SCA hold of a model."""
    return {
        "unet": model.unet,
        "text_encoder": model.text_encoder,
        "scheduler": model.scheduler,
    }


def _spatial_config(model: StableDiffusion, preset: AdapterPreset) -> SpatialConditionConfig:
    return SpatialConditionConfig(
        channels=tuple(model.unet.config.block_out_channels),
        num_blocks=preset.num_blocks,
        in_channels=model.unet.config.in_channels,
        separate_inputs=preset.separate_inputs,
        zero_outputs=preset.zero_outputs,
    )


def new_words(
    sources: AdapterSources, identity_dim: int, emotion_dim: int
) -> TextualInversionAdapter:
    """An untrained TIA; its words begin as the last word of the predefined prompt."""
    preset, model = sources.preset, sources.model
    config = TextualInversionConfig(
        identity_dim=identity_dim,
        emotion_dim=emotion_dim,
        hidden_dim=preset.hidden_dim,
        num_words=preset.num_words,
        text_dim=model.text_encoder.config.hidden_size,
        prompt=preset.prompt,
    )
    ids = prompt_ids(model.tokenizer, config.prompt, config.num_words)[0].tolist()
    words = model.tokenizer(config.prompt, truncation=False)["input_ids"]
    last = model.text_encoder.get_input_embeddings().weight[ids[len(words) - 2]]

    def make() -> TextualInversionAdapter:
        adapter = TextualInversionAdapter(config)
        start_at_word(adapter, last)
        return adapter

    return _built(make, sources.seed)


def new_spatial(sources: AdapterSources) -> SpatialConditionAdapter:
    config = _spatial_config(sources.model, sources.preset)
    return _built(lambda: SpatialConditionAdapter(config), sources.seed)


def new_blending(sources: AdapterSources) -> MaskBlendingAdapter:
    vae = sources.model.vae
    config = variant_config(sources.preset.variant, tuple(vae.config.block_out_channels))
    assert config is not None
    mask_blending.check_fits_vae(config, vae)
    return _built(lambda: MaskBlendingAdapter(config), sources.seed)


def _built(make: Callable[[], Net], seed: int) -> Net:
    """An untrained network; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
