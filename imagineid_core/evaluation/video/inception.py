"""Inception v3 as FID was defined with it: frames to the 2048 features of the last pooling.

Reads the ported TensorFlow weights (pt_inception-2015-12-05-6726825d.pth, of pytorch-fid), whose
pooling differs from other Inceptions: padding does not count, and the last block takes a maximum.
Knows nothing about distances.
"""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from imagineid_core.interop.released import fill_renamed, read_pickle

SIZE = 299  # pixels
_NOT_NEEDED = ("fc.", "AuxLogits.")


class FidInception(nn.Module):
    """Submodules have the names of the released weights."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Layer(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _Layer(32, 32, 3)
        self.Conv2d_2b_3x3 = _Layer(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = _Layer(64, 80, 1)
        self.Conv2d_4a_3x3 = _Layer(80, 192, 3)
        self.Mixed_5b = _BlockA(192, pooled=32)
        self.Mixed_5c = _BlockA(256, pooled=64)
        self.Mixed_5d = _BlockA(288, pooled=64)
        self.Mixed_6a = _BlockB(288)
        self.Mixed_6b = _BlockC(128)
        self.Mixed_6c = _BlockC(160)
        self.Mixed_6d = _BlockC(160)
        self.Mixed_6e = _BlockC(192)
        self.Mixed_7a = _BlockD(768)
        self.Mixed_7b = _BlockE(1280, takes_maximum=False)
        self.Mixed_7c = _BlockE(2048, takes_maximum=True)

    def forward(self, frames: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2048"]:
        """RGB in [-1, 1], any size: brought to 299 bilinearly, as pytorch-fid does."""
        x = frames
        if x.shape[-2:] != (SIZE, SIZE):
            x = interpolate(x, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(x, 3, stride=2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(max_pool2d(x, 3, stride=2))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_7a(self.Mixed_6e(self.Mixed_6d(x)))
        return self.Mixed_7c(self.Mixed_7b(x)).mean(dim=(2, 3))


def load_inception(path: str | Path) -> FidInception:
    """From pytorch-fid's file of weights, every one that is used, in eval mode."""
    network = FidInception()
    released = read_pickle(path, key=None)
    fill_renamed(
        network,
        released,
        {name: name for name, _ in network.named_modules()},
        part="FID's Inception",
        source=Path(path).name,
        ignored=_NOT_NEEDED,
    )
    return network.eval()


class _Layer(nn.Module):
    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu()


class _BlockA(nn.Module):
    def __init__(self, channels_in: int, *, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Layer(channels_in, 64, 1)
        self.branch5x5_1 = _Layer(channels_in, 48, 1)
        self.branch5x5_2 = _Layer(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = _Layer(channels_in, 64, 1)
        self.branch3x3dbl_2 = _Layer(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Layer(96, 96, 3, padding=1)
        self.branch_pool = _Layer(channels_in, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        wide = self.branch5x5_2(self.branch5x5_1(x))
        return torch.cat([self.branch1x1(x), wide, double, self.branch_pool(_mean_pool(x))], dim=1)


class _BlockB(nn.Module):
    def __init__(self, channels_in: int) -> None:
        super().__init__()
        self.branch3x3 = _Layer(channels_in, 384, 3, stride=2)
        self.branch3x3dbl_1 = _Layer(channels_in, 64, 1)
        self.branch3x3dbl_2 = _Layer(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Layer(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, max_pool2d(x, 3, stride=2)], dim=1)


class _BlockC(nn.Module):
    def __init__(self, inner: int) -> None:
        super().__init__()
        self.branch1x1 = _Layer(768, 192, 1)
        self.branch7x7_1 = _Layer(768, inner, 1)
        self.branch7x7_2 = _Layer(inner, inner, (1, 7), padding=(0, 3))
        self.branch7x7_3 = _Layer(inner, 192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = _Layer(768, inner, 1)
        self.branch7x7dbl_2 = _Layer(inner, inner, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = _Layer(inner, inner, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = _Layer(inner, inner, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = _Layer(inner, 192, (1, 7), padding=(0, 3))
        self.branch_pool = _Layer(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(_mean_pool(x))], 1)


class _BlockD(nn.Module):
    def __init__(self, channels_in: int) -> None:
        super().__init__()
        self.branch3x3_1 = _Layer(channels_in, 192, 1)
        self.branch3x3_2 = _Layer(192, 320, 3, stride=2)
        self.branch7x7x3_1 = _Layer(channels_in, 192, 1)
        self.branch7x7x3_2 = _Layer(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = _Layer(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = _Layer(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        small = self.branch3x3_2(self.branch3x3_1(x))
        large = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat([small, self.branch7x7x3_4(large), max_pool2d(x, 3, stride=2)], dim=1)


class _BlockE(nn.Module):
    def __init__(self, channels_in: int, *, takes_maximum: bool) -> None:
        super().__init__()
        self.takes_maximum = takes_maximum
        self.branch1x1 = _Layer(channels_in, 320, 1)
        self.branch3x3_1 = _Layer(channels_in, 384, 1)
        self.branch3x3_2a = _Layer(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = _Layer(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = _Layer(channels_in, 448, 1)
        self.branch3x3dbl_2 = _Layer(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = _Layer(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = _Layer(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = _Layer(channels_in, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single, double = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = max_pool2d(x, 3, stride=1, padding=1) if self.takes_maximum else _mean_pool(x)
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch3x3_2a(single),
                self.branch3x3_2b(single),
                self.branch3x3dbl_3a(double),
                self.branch3x3dbl_3b(double),
                self.branch_pool(pooled),
            ],
            dim=1,
        )


def _mean_pool(x: Tensor) -> Tensor:
    return avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
