"""The three networks together: Progressive Audio Disentanglement of one voice (Sec. 3.1).

Each stage is one file of weights. Knows nothing about sound files, faces or pixels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from imagineid_core.checkpoint import load_checkpoint, save_checkpoint
from imagineid_core.errors import WeightsError
from imagineid_core.listen import content, emotion, identity
from imagineid_core.listen.content import ContentConfig, ContentNet
from imagineid_core.listen.emotion import EmotionNet
from imagineid_core.listen.identity import IdentityNet
from imagineid_core.listen.progressive import (
    PAPER_WINDOWS,
    Frames,
    Windowing,
    listen_content,
    listen_emotion,
    listen_identity,
)
from imagineid_core.listen.transformer import ListenConfig
from imagineid_core.values import Content, Emotion, Identity

Progress = Callable[[str, int, int], None]  # stage, frames done, frames in all
Net = TypeVar("Net", bound=nn.Module)

ARCHITECTURES = {
    "identity": identity.ARCHITECTURE,
    "content": content.ARCHITECTURE,
    "emotion": emotion.ARCHITECTURE,
}


@dataclass(frozen=True, kw_only=True)
class Pad:
    """The networks of the three stages, in the order in which they are trained and run."""

    identity: IdentityNet
    content: ContentNet
    emotion: EmotionNet


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Everything PAD hears in one clip (batch of one)."""

    identity: Identity
    content: Content
    emotion: Emotion


def listen(
    pad: Pad,
    windows: Frames,
    *,
    style_frames: int | None = None,
    windowing: Windowing = PAPER_WINDOWS,
    on_progress: Progress | None = None,
) -> Heard:
    """Identity, then content given the shape, then emotion given both."""

    def stage(name: str) -> Callable[[int, int], None] | None:
        return None if on_progress is None else partial(on_progress, name)

    who = listen_identity(pad.identity, windows, windowing=windowing, on_progress=stage("identity"))
    what = listen_content(
        pad.content, windows, who.shape, windowing=windowing, on_progress=stage("content")
    )
    how = listen_emotion(
        pad.emotion,
        windows,
        what,
        who.shape,
        style_frames=style_frames,
        windowing=windowing,
        on_progress=stage("emotion"),
    )
    return Heard(identity=who, content=what, emotion=how)


def build_pad(config: ListenConfig, *, seed: int, erases_style: bool = False) -> Pad:
    """Untrained networks; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Pad(
            identity=IdentityNet(config).eval(),
            content=ContentNet(ContentConfig(**vars(config), erases_style=erases_style)).eval(),
            emotion=EmotionNet(config).eval(),
        )


def save_pad(
    folder: str | PathLike[str], pad: Pad, provenance: Mapping[str, Any] | None = None
) -> None:
    """One file a stage: pad_identity.safetensors, pad_content..., pad_emotion..."""
    for stage, architecture in ARCHITECTURES.items():
        net = getattr(pad, stage)
        save_checkpoint(
            stage_file(folder, stage),
            net,
            architecture=architecture,
            config=net.config,
            provenance=provenance,
        )


def load_pad(folder: str | PathLike[str]) -> Pad:
    """The three files of a folder; they must belong together in size."""
    missing = [name for stage in ARCHITECTURES if not (name := stage_file(folder, stage)).is_file()]
    if missing:
        raise WeightsError(
            f"PAD weights not found in {folder}. Looked for: "
            f"{', '.join(file.name for file in missing)}. See README, Weights."
        )
    pad = Pad(
        identity=_load_stage(folder, "identity", IdentityNet),
        content=_load_stage(folder, "content", ContentNet, ContentConfig),
        emotion=_load_stage(folder, "emotion", EmotionNet),
    )
    _check_sizes(folder, pad)
    return pad


def stage_file(folder: str | PathLike[str], stage: str) -> Path:
    return Path(folder) / f"{ARCHITECTURES[stage]}.safetensors"


def _load_stage(
    folder: str | PathLike[str],
    stage: str,
    net: Callable[[ListenConfig], Net],
    config_class: type[ListenConfig] = ListenConfig,
) -> Net:
    return load_checkpoint(
        stage_file(folder, stage),
        net,
        architecture=ARCHITECTURES[stage],
        config_class=config_class,
    )


def _check_sizes(folder: str | PathLike[str], pad: Pad) -> None:
    """alpha goes from stage one to the others, l-bar from two to three: their sizes must agree."""
    for field, stages in {
        "window_dim": ("identity", "content", "emotion"),
        "shape_dim": ("identity", "content", "emotion"),
        "width": ("content", "emotion"),
        "expression_dim": ("content", "emotion"),
    }.items():
        sizes = {stage: getattr(getattr(pad, stage).config, field) for stage in stages}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{stage} {size}" for stage, size in sizes.items())
            raise WeightsError(
                f"PAD weights in {folder} do not belong together: {field} is {told}. "
                "Use three files of one training."
            )
