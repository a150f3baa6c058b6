"""MODNet's network for portrait mattes (Ke et al., AAAI 2022), the paper's G_MOD (Alg. 1).

What inference needs of it: the heads that only its training supervises are left out. Knows nothing
about files or picture sizes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import instance_norm, interpolate

from imagineid_core.errors import InputError

MULTIPLE = 32  # of both sides
# Expansion, channels, blocks, first stride of MobileNetV2's stages.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_HALF, _QUARTER = 1, 3  # the blocks whose outputs go to the fine branch, at 1/2 and 1/4


@dataclass(frozen=True, kw_only=True)
class MODNetConfig:
    stem_channels: int = 32
    encoder_channels: int = 1280  # at 1/32
    squeezed_channels: int = 320
    coarse_channels: int = 96  # at 1/16
    fine_channels: int = 32


class MODNet(nn.Module):
    """Where the person is (coarse), where their edge is (fine), both joined."""

    def __init__(self, config: MODNetConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = _MobileNetV2(config)
        self.coarse = _Coarse(config)
        self.fine = _Fine(config.fine_channels)
        self.joined = _Joined(config.fine_channels)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Images in [-1, 1] to the matte in [0, 1]."""
        if images.shape[-1] % MULTIPLE or images.shape[-2] % MULTIPLE:
            raise InputError(
                f"images are {images.shape[-1]} x {images.shape[-2]} but MODNet needs multiples of "
                f"{MULTIPLE}. Resize them, as load_modnet's matte does."
            )
        half, quarter, deepest = self.backbone(images)
        eighth = self.coarse(deepest)
        return self.joined(images, eighth, self.fine(images, half, quarter, eighth))


class _MobileNetV2(nn.Module):
    def __init__(self, config: MODNetConfig) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_stem(3, config.stem_channels, 3, stride=2)]
        channels = config.stem_channels
        for expansion, wanted, count, first_stride in _STAGES:
            for number in range(count):
                stride = first_stride if number == 0 else 1
                blocks.append(_Inverted(channels, wanted, stride, expansion))
                channels = wanted
        blocks.append(_stem(channels, config.encoder_channels, 1, stride=1))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kept = {}
        for number, block in enumerate(self.blocks):
            x = kept[number] = block(x)
        return kept[_HALF], kept[_QUARTER], x


class _Inverted(nn.Module):
    """MobileNetV2's block: widen, look round in each channel alone, narrow."""

    def __init__(self, channels: int, wanted: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        widen = [] if expansion == 1 else [*_stem(channels, wide, 1, stride=1)]
        self.conv = nn.Sequential(
            *widen,
            *_stem(wide, wide, 3, stride=stride, groups=wide),
            nn.Conv2d(wide, wanted, 1, bias=False),
            nn.BatchNorm2d(wanted),
        )
        self.is_residual = stride == 1 and channels == wanted

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.is_residual else self.conv(x)


class _Coarse(nn.Module):
    def __init__(self, config: MODNetConfig) -> None:
        super().__init__()
        wide = config.encoder_channels
        self.squeeze = nn.Linear(wide, config.squeezed_channels, bias=False)
        self.excite = nn.Linear(config.squeezed_channels, wide, bias=False)
        self.sixteenth = _Layer(wide, config.coarse_channels, 5)
        self.eighth = _Layer(config.coarse_channels, config.fine_channels, 5)

    def forward(self, deepest: Tensor) -> Tensor:
        weight = self.excite(self.squeeze(deepest.mean((2, 3))).relu()).sigmoid()
        x = deepest * weight[:, :, None, None]
        return self.eighth(_twice(self.sixteenth(_twice(x))))


class _Fine(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.from_half = _Layer(_STAGES[0][1], channels, 1)
        self.to_quarter = _Layer(channels + 3, channels, 3, stride=2)
        self.from_quarter = _Layer(_STAGES[1][1], channels, 1)
        self.at_quarter = _Layer(wide, wide, 3)
        self.joined_quarter = nn.Sequential(
            _Layer(wide + channels + 3, wide, 3), _Layer(wide, wide, 3), _Layer(wide, channels, 3)
        )
        self.at_half = nn.Sequential(
            _Layer(wide, wide, 3),
            _Layer(wide, channels, 3),
            _Layer(channels, channels, 3),
            _Layer(channels, channels, 3),
        )

    def forward(self, images: Tensor, half: Tensor, quarter: Tensor, eighth: Tensor) -> Tensor:
        image_half = interpolate(images, scale_factor=1 / 2, mode="bilinear")
        image_quarter = interpolate(images, scale_factor=1 / 4, mode="bilinear")
        half = self.from_half(half)
        x = self.to_quarter(torch.cat([image_half, half], dim=1))
        x = self.at_quarter(torch.cat([x, self.from_quarter(quarter)], dim=1))
        x = self.joined_quarter(torch.cat([x, _twice(eighth), image_quarter], dim=1))
        return self.at_half(torch.cat([_twice(x), half], dim=1))


class _Joined(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.at_quarter = _Layer(channels, channels, 5)
        self.at_half = _Layer(2 * channels, channels, 3)
        self.at_full = _Layer(channels + 3, channels // 2, 3)
        self.matte = nn.Conv2d(channels // 2, 1, 1)

    def forward(self, images: Tensor, eighth: Tensor, fine: Tensor) -> Tensor:
        coarse = _twice(self.at_quarter(_twice(eighth)))
        x = self.at_half(torch.cat([coarse, fine], dim=1))
        return self.matte(self.at_full(torch.cat([_twice(x), images], dim=1))).sigmoid()


class _Layer(nn.Module):
    """Convolution; half the channels normalised by the batch, half by the picture; ReLU."""

    def __init__(self, channels: int, wanted: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, wanted, kernel, stride=stride, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(wanted // 2)

    def forward(self, x: Tensor) -> Tensor:
        by_batch, by_picture = self.conv(x).chunk(2, dim=1)
        return torch.cat([self.norm(by_batch), instance_norm(by_picture)], dim=1).relu()


def _stem(
    channels: int, wanted: int, kernel: int, *, stride: int, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, wanted, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(wanted),
        nn.ReLU6(),
    )


def _twice(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="bilinear")
