"""FaceReader: a small picture to 68 landmarks, and whether it shows a face at all.

A network of ours: it learned from portraits of the open face and knows no other people, so what it
says of a photograph means nothing. Knows nothing about meshes, films or training.
"""

from dataclasses import dataclass
from os import PathLike

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, silu

from imagineid_core.checkpoint import load_checkpoint
from imagineid_core.errors import InputError
from imagineid_core.residual_block import PER_GROUP, ResidualBlock

ARCHITECTURE = "face_reader"
NUM_LANDMARKS = 68


@dataclass(frozen=True, kw_only=True)
class FaceReaderConfig:
    channels: tuple[int, ...] = (16, 32, 48, 64, 64)  # the first at half the size, then halves
    maps_at: int = 1  # the level whose grid the landmarks' maps have: a quarter of the size
    size: int = 128  # pixels a side; the size it is trained at, and looks at every picture in

    def __post_init__(self) -> None:
        if not self.channels or any(size < 1 or size % PER_GROUP for size in self.channels):
            raise InputError(
                f"channels are {self.channels} but must be multiples of {PER_GROUP}. "
                "Use for example (16, 32, 64)."
            )
        if not 0 <= self.maps_at < len(self.channels):
            raise InputError(
                f"maps_at is {self.maps_at} but there are {len(self.channels)} levels. Use 0 ... "
                f"{len(self.channels) - 1}."
            )
        if self.size < 1 or self.size % 2 ** len(self.channels):
            raise InputError(
                f"size is {self.size} but {len(self.channels)} levels halve it. Use a multiple of "
                f"{2 ** len(self.channels)}."
            )


@dataclass(frozen=True, kw_only=True)
class FaceReading:
    """`landmarks`: column and row in pixels of the picture, centres at .5. `face`: a logit, above 0
    where a face is likelier than none. `maps`: logits of where each landmark is."""

    landmarks: Float[Tensor, "batch landmarks=68 2"]
    face: Float[Tensor, " batch"]
    maps: Float[Tensor, "batch landmarks=68 rows columns"]


class FaceReader(nn.Module):
    """A U-Net to one map a landmark; a landmark is the mean of its map's places."""

    def __init__(self, config: FaceReaderConfig) -> None:
        super().__init__()
        self.config = config
        levels = config.channels
        self.entry = nn.Conv2d(3, levels[0], 5, stride=2, padding=2)
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(above, below, 3, stride=2, padding=1), ResidualBlock(below))
            for above, below in zip(levels, levels[1:], strict=False)
        )
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(below + above, above, 1), ResidualBlock(above))
            for above, below in zip(
                levels[config.maps_at :], levels[config.maps_at + 1 :], strict=False
            )
        )
        self.maps = nn.Conv2d(levels[config.maps_at], NUM_LANDMARKS, 3, padding=1)
        self.face = nn.Linear(2 * levels[-1], 1)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> FaceReading:
        """Square pictures of any size in [-1, 1]."""
        height, width = images.shape[-2:]
        if height != width:
            raise InputError(
                f"the picture is {width} x {height} but the face reader reads squares, as it "
                "learned from. Cut out the head and shoulders first."
            )
        size = self.config.size
        if height != size:
            images = interpolate(images, (size, size), mode="bilinear", antialias=True)
        x = silu(self.entry(images))
        levels = [x]
        for down in self.down:
            x = down(x)
            levels.append(x)
        face = self.face(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))[:, 0]
        levels.pop()
        for up in reversed(list(self.up)):
            x = up(torch.cat([interpolate(x, scale_factor=2, mode="nearest"), levels.pop()], dim=1))
        maps = self.maps(x)
        return FaceReading(landmarks=mean_places(maps.float()) * height, face=face, maps=maps)

    def places(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch landmarks=68 2"]:
        """Landmarks, NaN where it sees no face."""
        read = self(images)
        return read.landmarks.masked_fill((read.face <= 0)[:, None, None], torch.nan)


def load_face_reader(path: str | PathLike[str]) -> FaceReader:
    return load_checkpoint(
        str(path), FaceReader, architecture=ARCHITECTURE, config_class=FaceReaderConfig
    )


def mean_places(
    maps: Float[Tensor, "batch landmarks rows columns"],
) -> Float[Tensor, "batch landmarks 2"]:
    """Column and row where each map's probability lies on average, 0 ... 1 of the picture."""
    rows, columns = maps.shape[-2:]
    share = maps.flatten(2).softmax(dim=-1).unflatten(2, (rows, columns))
    return torch.stack(
        [share.sum(dim=2) @ _centres(columns, maps), share.sum(dim=3) @ _centres(rows, maps)],
        dim=-1,
    )


def _centres(count: int, like: Tensor) -> Float[Tensor, " _"]:
    return (torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count
