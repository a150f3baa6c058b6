"""The shipped face reader as an extractor of landmarks, and what it is worth, in words.

It learned from synthetic people of the open face alone: it is there for the mini suite's films, and
what it says of photographs means nothing. Knows nothing about metrics.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.assets import READ, check_suite, read_manifest
from imagineid_core.assets.suite import SHIPPED, file_name
from imagineid_core.face.reader import ARCHITECTURE, FaceReader, load_face_reader

MINI = "mini"  # its short name, as an extractor
_AT_ONCE = 16


def mini_reader() -> Callable[[Float[Tensor, "batch 3 height width"]], Tensor]:
    """Square frames in [-1, 1] to 68 points each, NaN where it sees no face."""
    return reading_with(load_face_reader(weights_of_mini()))


def reading_with(reader: FaceReader) -> Callable[[Float[Tensor, "batch 3 height width"]], Tensor]:
    reader.eval()

    @torch.no_grad()
    def read(frames: Float[Tensor, "batch 3 height width"]) -> Tensor:
        return torch.cat([reader.places(part) for part in frames.split(_AT_ONCE)])

    return read


def weights_of_mini() -> Path:
    return check_suite(READ) / file_name(ARCHITECTURE)


def about_mini() -> str:
    """Whom it knows, and its own error on such people whom it never saw."""
    told = read_manifest(SHIPPED).suites[READ].files[file_name(ARCHITECTURE)].training["test"]
    drawn, made = told["as_drawn"], told["as_generated"]
    eyes = "mouth_between_eyes"
    return (
        "mini face reader, which knows synthetic people of the open face alone; its own error on "
        f"others of them {drawn['pixels']:.2f} pixels of 128, of mouths "
        f"{drawn['mouth_pixels']:.2f} ({drawn[eyes]:.3f} of the distance between the eyes; "
        f"{made[eyes]:.3f} through the autoencoder)"
    )
