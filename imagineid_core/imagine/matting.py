"""A small matting network of ours, in MODNet's place where no other weights are (Alg. 1, G_MOD).

A U-Net that looks at the whole picture at one size. Knows nothing about faces, meshes or training.
"""

from dataclasses import dataclass
from os import PathLike

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from imagineid_core.checkpoint import load_checkpoint
from imagineid_core.errors import InputError
from imagineid_core.residual_block import PER_GROUP, ResidualBlock

ARCHITECTURE = "matting"


@dataclass(frozen=True, kw_only=True)
class MattingConfig:
    channels: tuple[int, ...] = (8, 16, 32, 40, 56)  # a level has half the size of the one before
    short_side: int = 128  # pixels; the size it is trained at, and looks at every picture in

    def __post_init__(self) -> None:
        if not self.channels or any(size < 1 or size % PER_GROUP for size in self.channels):
            raise InputError(
                f"channels are {self.channels} but must be multiples of {PER_GROUP}. "
                "Use for example (16, 32, 64)."
            )
        if self.short_side < self.multiple or self.short_side % self.multiple:
            raise InputError(
                f"short_side is {self.short_side} but {len(self.channels)} levels halve it to "
                f"1/{self.multiple}. Use a multiple of {self.multiple}."
            )

    @property
    def multiple(self) -> int:
        return 2 ** (len(self.channels) - 1)


class MattingNet(nn.Module):
    """A `Matte`: pictures of any size in [-1, 1] to the share of each pixel that is the person."""

    def __init__(self, config: MattingConfig) -> None:
        super().__init__()
        self.config = config
        first, *others = config.channels
        self.entry = nn.Conv2d(3, first, 3, padding=1)
        self.top = ResidualBlock(first)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for above, below in zip(config.channels, others, strict=False):
            halve = nn.Conv2d(above, below, 3, stride=2, padding=1)
            self.down.append(nn.Sequential(halve, ResidualBlock(below)))
            self.up.append(nn.Sequential(nn.Conv2d(below + above, above, 1), ResidualBlock(above)))
        self.matte = nn.Conv2d(first, 1, 3, padding=1)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        size = images.shape[-2:]
        seen = _resized(images, self.config)
        return _back(self.logits(seen).sigmoid(), size).clamp(0, 1)

    def logits(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """At the size given, which the levels must halve evenly; `forward` sees to that."""
        x = self.top(self.entry(images))
        levels = [x]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in reversed(list(self.up)):
            above = levels.pop()
            x = up(torch.cat([interpolate(x, scale_factor=2, mode="nearest"), above], dim=1))
        return self.matte(x)


def load_matting(path: str | PathLike[str]) -> MattingNet:
    return load_checkpoint(
        str(path), MattingNet, architecture=ARCHITECTURE, config_class=MattingConfig
    )


def _resized(images: Tensor, config: MattingConfig) -> Tensor:
    """The short side as in training, the long side in proportion, in whole multiples."""
    height, width = images.shape[-2:]
    scale = config.short_side / min(height, width)
    rows, columns = (
        max(1, round(side * scale / config.multiple)) * config.multiple for side in (height, width)
    )
    if (rows, columns) == (height, width):
        return images
    return interpolate(images, (rows, columns), mode="bilinear", antialias=True)


def _back(matte: Tensor, size: torch.Size) -> Tensor:
    if matte.shape[-2:] == size:
        return matte
    return interpolate(matte, size, mode="bilinear", antialias=True)
