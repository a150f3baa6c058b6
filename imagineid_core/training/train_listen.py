"""Listening, learned from a corpus: lip reader, identity, content, emotion, head motion (Sec. 3.1).

Each stage has a folder of its own and begins when the one before is done; a call that was cut short
goes on where it stopped. Knows which stage needs what, and nothing about how any of them learns.
"""

import copy
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
from torch import Tensor

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.corpus.clip import Corpus
from imagineid_core.errors import InputError
from imagineid_core.face.load import load_face
from imagineid_core.listen.pad import ARCHITECTURES, Pad, build_pad, stage_file
from imagineid_core.motion.head_pose import ARCHITECTURE as HEAD_MOTION
from imagineid_core.motion.head_pose import PoseVAE
from imagineid_core.training import (
    emotion_stage,
    head_motion_stage,
    identity_stage,
)
from imagineid_core.training import lip_reader as lip_reading
from imagineid_core.training.batches import Augment, BatchConfig, WindowBatches
from imagineid_core.training.content_stage import ContentStage
from imagineid_core.training.emotion_stage import EmotionStage
from imagineid_core.training.head_motion_stage import HeadMotionStage
from imagineid_core.training.identity_stage import IdentityStage
from imagineid_core.training.lip_reader import LipReader, PhonemeReader, load_expert
from imagineid_core.training.lip_reader_stage import LipReaderStage
from imagineid_core.training.loop import Batches, LoopConfig, Trained, train
from imagineid_core.training.mel_augment import augment_mel
from imagineid_core.training.mouth_batches import MouthBatches
from imagineid_core.training.presets import ListenPreset
from imagineid_core.training.processes import is_first_process
from imagineid_core.training.recordings import (
    Recording,
    digest_of,
    read_recordings,
    styles_of,
    symbols_of,
)
from imagineid_core.training.stage import Stage
from imagineid_core.training.style_erasure import erase_style
from imagineid_core.values import FaceBasis

# What of a preset decides a stage beside its loop and the networks before it: the rest may change
# without touching a stage that is done.
DEPENDS_ON: Mapping[str, tuple[str, ...]] = {
    "lip_reader": ("lip_reader", "lip_reader_batch", "lip_reader_pool"),
    "identity": ("net", "batch", "identity_contrast", "augments"),
    "content": ("net", "content_batch", "content_loss", "augments"),
    "emotion": ("net", "batch", "emotion_contrast", "decorrelation", "augments"),
    "head_motion": ("head_motion", "head_motion_batch", "head_motion_loss", "augments"),
}
STAGES = tuple(DEPENDS_ON)
Progress = Callable[[str, int, int], None]  # what is read, clips done, clips in all
_VALIDATION_SEED = 1_000_003  # other windows than training's, the same at every validation
_VALIDATION_SHARE = 8  # windows drawn for training for each one drawn for validation
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Listener:
    """What was learned, and where it was written."""

    pad: Pad
    head_motion: PoseVAE | None  # None if the corpus knows no poses
    files: tuple[Path, ...]
    metrics: Mapping[str, Mapping[str, float]]  # by stage; of its best validation


def train_listen(
    corpus: Corpus,
    folder: str | PathLike[str],
    preset: ListenPreset,
    *,
    basis: FaceBasis | None = None,
    expert: str | PathLike[str] | None = None,
    seed: int = 0,
    command: str = "",
    cpu: bool = False,
    on_progress: Progress | None = None,
) -> Listener:
    """Train what `preset` says and write pad_*.safetensors and head_motion.safetensors.

    `basis` is the face model of the corpus' coefficients (default: the open face). `expert` is an
    exported lip reader that takes the place of ours. `command` is kept in the files' provenance.
    Under `accelerate launch` every process calls this alike; the first one writes.
    """
    work = _Work(
        corpus, Path(folder), preset, basis or load_face(), seed, command, cpu, on_progress
    )
    _check_target(work)
    reader = _reader(work, expert) if preset.content_loss.lip_reading else None
    pad = build_pad(preset.net, seed=seed, erases_style=preset.erases_style)
    work.run(
        "identity",
        IdentityStage(pad.identity, preset.identity_contrast),
        preset.identity_loop,
        work.windows(
            "identity",
            preset.batch,
            needs=identity_stage.NEEDS,
            pair_by=identity_stage.PAIR_BY,
        ),
    )
    symbols = () if reader is None or reader.symbols is None else reader.symbols
    spoken = ("phonemes",) if symbols else ()
    work.run(
        "content",
        ContentStage(
            pad.content, pad.identity, preset.content_loss, reader=reader, basis=work.basis
        ),
        preset.content_loop,
        work.windows(
            "content",
            preset.content_batch,
            needs=("expression", *work.if_known("lip_expression"), *spoken),
            symbols=symbols,
        ),
    )
    if preset.erases_style and work.styles:
        erase_style(pad.content, work.recordings)
    work.run(
        "emotion",
        EmotionStage(
            pad.emotion, pad.identity, pad.content, preset.emotion_contrast, preset.decorrelation
        ),
        preset.emotion_loop,
        work.windows(
            "emotion", preset.batch, needs=emotion_stage.NEEDS, pair_by=emotion_stage.PAIR_BY
        ),
    )
    vae = _head_motion(work, pad) if work.if_known("pose") else None
    files = work.save(pad, vae)
    return Listener(pad=pad, head_motion=vae, files=files, metrics=work.metrics)


def _check_target(work: "_Work") -> None:
    target = work.preset.content_loss.target
    if not work.if_known(target):
        raise InputError(
            f"the corpus knows no {target}, which content_loss.target of preset "
            f"'{work.preset.name}' asks for. Train with preset 'paper', whose target is the "
            "expression, or give the clips that truth."
        )


class _Work:
    """The corpus in memory and what all stages have in common."""

    def __init__(
        self,
        corpus: Corpus,
        folder: Path,
        preset: ListenPreset,
        basis: FaceBasis,
        seed: int,
        command: str,
        cpu: bool,
        on_progress: Progress | None,
    ) -> None:
        def told(split: str) -> Callable[[int, int], None] | None:
            return None if on_progress is None else partial(on_progress, f"read {split}")

        self.folder, self.preset, self.basis = folder, preset, basis
        self.seed, self.command, self.cpu = seed, command, cpu
        self.recordings = read_recordings(
            corpus, "train", elsewhere=preset.augments, on_progress=told("train")
        )
        self.validation = read_recordings(corpus, "validation", on_progress=told("validation"))
        self.styles = styles_of(self.recordings)
        self.corpus = digest_of([*self.recordings, *self.validation])
        self.results: dict[str, Trained] = {}

    @property
    def metrics(self) -> dict[str, Mapping[str, float]]:
        return {name: result.metrics for name, result in self.results.items()}

    def if_known(self, name: str) -> tuple[str, ...]:
        """The name in a tuple if all splits know that truth, else nothing."""
        splits = (self.recordings, self.validation)
        known = all(any(getattr(r, name) is not None for r in split) for split in splits)
        return (name,) if known else ()

    def windows(
        self,
        name: str,
        config: BatchConfig,
        *,
        needs: tuple[str, ...],
        pair_by: str | None = None,
        symbols: tuple[str, ...] = (),
        styles: tuple[str, ...] = (),
    ) -> tuple[Batches, Batches]:
        """Training's batches and the validation's, which are never augmented."""

        def of(recordings: Sequence[Recording], seed: int, augment: Augment | None) -> Batches:
            return WindowBatches(
                recordings,
                config,
                seed=seed,
                needs=needs,
                pair_by=pair_by,
                symbols=symbols,
                styles=styles,
                augment=augment,
            )

        seed, validation_seed = self.seeds(name)
        augment = augment_mel if self.preset.augments else None
        return of(self.recordings, seed, augment), of(self.validation, validation_seed, None)

    def seeds(self, name: str) -> tuple[int, int]:
        """Of the training and of the validation; the latter's windows are the same for any seed."""
        number = STAGES.index(name)
        return self.seed * len(STAGES) + number, _VALIDATION_SEED + number

    def run(
        self, name: str, stage: Stage[Any], loop: LoopConfig, batches: tuple[Batches, Batches]
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
                "corpus": self.corpus,
                "face": _face_digest(self.basis),
                "preset": {field: asdict[field] for field in DEPENDS_ON[name]},
            },
            cpu=self.cpu,
        )
        stage.cpu()

    def save(self, pad: Pad, vae: PoseVAE | None) -> tuple[Path, ...]:
        """One file a network; every stage's validation and what made it are in each."""
        parts = [
            (stage_file(self.folder, name), getattr(pad, name), ARCHITECTURES[name], name)
            for name in ARCHITECTURES
        ]
        if vae is not None:
            name = HEAD_MOTION
            parts.append((self.folder / f"{name}.safetensors", vae, name, name))
        if is_first_process():
            for path, net, architecture, name in parts:
                self.save_part(path, net, architecture, name)
        return tuple(path for path, _, _, _ in parts)

    def save_part(self, path: Path, net: Any, architecture: str, name: str) -> None:
        result = self.results[name]
        kept = copy.deepcopy(net).half() if self.preset.saves_half_precision else net
        save_checkpoint(
            path,
            kept,
            architecture=architecture,
            config=net.config,
            provenance={
                "command": self.command,
                "preset": self.preset.name,
                "seed": self.seed,
                "corpus": self.corpus,
                "face": self.basis.name,
                "styles": self.styles,
                "steps": result.step,
                "best_step": result.best_step,
                "metrics": result.metrics,
            },
        )


def _reader(work: _Work, expert: str | PathLike[str] | None) -> LipReader:
    """The user's expert, or ours after its training."""
    if expert is not None:
        return load_expert(expert)
    preset = work.preset
    symbols = symbols_of(work.recordings)
    if not symbols:
        raise InputError(
            "no clip of the corpus knows its phonemes, from which our lip reader learns. Give an "
            "expert, or a preset whose content_loss.lip_reading is 0."
        )
    config = dataclasses.replace(preset.lip_reader, symbols=symbols)
    reader = _built(lambda: PhonemeReader(config), work.seed)
    seeds = work.seeds("lip_reader")
    splits = (work.recordings, work.validation)
    pools = (preset.lip_reader_pool, max(1, preset.lip_reader_pool // _VALIDATION_SHARE))
    batches = [
        MouthBatches(
            recordings,
            preset.lip_reader_batch,
            basis=work.basis,
            symbols=symbols,
            pool=pool,
            seed=seed,
        )
        for recordings, pool, seed in zip(splits, pools, seeds, strict=True)
    ]
    work.run("lip_reader", LipReaderStage(reader), preset.lip_reader_loop, (batches[0], batches[1]))
    if is_first_process():
        path = work.folder / f"{lip_reading.ARCHITECTURE}.safetensors"
        work.save_part(path, reader, lip_reading.ARCHITECTURE, "lip_reader")
    return reader


def _head_motion(work: _Work, pad: Pad) -> PoseVAE:
    preset = work.preset
    config = dataclasses.replace(preset.head_motion, num_styles=max(1, len(work.styles)))
    vae = _built(lambda: PoseVAE(config), work.seed)
    work.run(
        "head_motion",
        HeadMotionStage(
            vae,
            pad.content,
            preset.head_motion_loss,
            spread=head_motion_stage.spread_of_changes(
                [one.pose for one in work.recordings if one.pose is not None], config.window
            ),
        ),
        preset.head_motion_loop,
        work.windows(
            "head_motion",
            preset.head_motion_batch,
            needs=("pose", *(["style"] if work.styles else [])),
            styles=work.styles,
        ),
    )
    return vae


def _built(make: Callable[[], Any], seed: int) -> Any:
    """An untrained network; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _face_digest(basis: FaceBasis) -> str:
    digest = hashlib.sha256(basis.name.encode())
    for field in dataclasses.fields(basis):
        if isinstance(value := getattr(basis, field.name), Tensor):
            digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
