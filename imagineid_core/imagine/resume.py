"""A finished frame and all that the next one needs of the past, in memory and on disk (Alg. 1).

Size does not depend on how many frames came before. Knows nothing about how frames are made.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.checkpoint import config_from_json, config_to_json, read_tensors, write_whole
from imagineid_core.errors import InputError
from imagineid_core.imagine.config import ImagineConfig

_ARCHITECTURE = "imagined_frame"


@dataclass(frozen=True, kw_only=True)
class ImaginedFrame:
    """Frame `index`, counted from 0. Images are RGB in [-1, 1]."""

    index: int
    config: ImagineConfig
    frame: Float[Tensor, "1 3 height width"]
    first_frame: Float[Tensor, "1 3 height width"]  # I_id, and where I_bg comes from
    mouth_mask: Float[Tensor, "1 1 height width"]  # of this frame's mesh
    head_mask: Float[Tensor, "1 1 height width"] | None  # likewise
    first_head_mask: Float[Tensor, "1 1 height width"] | None  # of the first frame's mesh
    latent: Float[Tensor, "1 channels rows columns"] | None  # z_0, where an option needs it
    person_mask: Float[Tensor, "1 1 height width"] | None  # m of this frame
    noise: Float[Tensor, "1 channels rows columns"] | None = None  # z_T, where it was given


def check_resumable(
    resume: ImaginedFrame,
    config: ImagineConfig,
    image: Float[Tensor, "..."] | None,
    noise: Float[Tensor, "..."] | None = None,
) -> None:
    """A clip goes on as it began, or it would change in the middle."""
    for field in dataclasses.fields(ImagineConfig):
        was, asked = getattr(resume.config, field.name), getattr(config, field.name)
        if was != asked:
            raise InputError(
                f"{field.name} is {asked} but the clip to go on with was begun with {was}. "
                "Use the same, or begin a new clip."
            )
    if image is not None:
        raise InputError(
            "an image is given for the first frame, but the clip to go on with has its first "
            "frame. Leave the image out."
        )
    if noise is not None and (resume.noise is None or not torch.equal(noise, resume.noise)):
        raise InputError(
            "noise is given, but the clip to go on with was begun with other noise. Leave it out, "
            "or begin a new clip."
        )


def save_frame(
    path: str | Path, imagined: ImaginedFrame, asked: Mapping[str, Any] | None = None
) -> None:
    """Write what a clip needs to go on behind this frame; replaces a file whole or not at all.

    `asked` is what else the clip was begun with, for whoever goes on with it.
    """
    from safetensors.torch import save

    state = {
        field.name: value.detach().cpu().clone()  # the first frame is its own first frame
        for field in dataclasses.fields(imagined)
        if isinstance(value := getattr(imagined, field.name), Tensor)
    }
    metadata = {
        "architecture": _ARCHITECTURE,
        "index": str(imagined.index),
        "config": config_to_json(imagined.config),
        "asked": json.dumps(dict(asked or {})),
    }
    write_whole(Path(path), save(state, metadata=metadata))


def load_frame(path: str | Path) -> ImaginedFrame:
    """Read what `save_frame` wrote."""
    metadata, state = read_tensors(path)
    try:
        if metadata.get("architecture") != _ARCHITECTURE:
            raise ValueError(f"it is a '{metadata.get('architecture')}'")
        return ImaginedFrame(
            index=int(metadata["index"]),
            config=config_from_json(metadata["config"], ImagineConfig),
            frame=state["frame"],
            first_frame=state["first_frame"],
            mouth_mask=state["mouth_mask"],
            head_mask=state.get("head_mask"),
            first_head_mask=state.get("first_head_mask"),
            latent=state.get("latent"),
            person_mask=state.get("person_mask"),
            noise=state.get("noise"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{Path(path).name} does not hold a frame to go on from: {error}. "
            "Give the file that was written beside the unfinished clip."
        ) from error


def load_asked(path: str | Path) -> dict[str, Any]:
    """What `save_frame` was told of how the clip was begun."""
    return json.loads(read_tensors(path)[0].get("asked", "{}"))
