"""ReconNet: a face photograph to its 257 coefficients, as D3DFR (supplement 0.1, Eq. 1).

A ResNet-50 and seven linear heads. Knows nothing about landmarks or where its weights come from.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.errors import InputError
from imagineid_core.face.coefficient_vector import coefficients_from_vector
from imagineid_core.values import FaceCoefficients

_EXPANSION = 4  # a bottleneck's output is four times as wide as its middle


@dataclass(frozen=True, kw_only=True)
class ReconNetConfig:
    stem_dim: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    # alpha, beta, delta, angles, gamma, translation in x and y, translation in z
    head_dims: tuple[int, ...] = (80, 64, 80, 3, 27, 2, 1)
    image_size: int = 224


class ReconNet(nn.Module):
    """Module names are those of the released weights (torchvision's for the backbone)."""

    def __init__(self, config: ReconNetConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNet(config)
        features = config.stem_dim * 2 ** (len(config.blocks) - 1) * _EXPANSION
        self.final_layers = nn.ModuleList(
            nn.Conv2d(features, dim, kernel_size=1) for dim in config.head_dims
        )

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> FaceCoefficients:
        """Coefficients of an aligned crop (see align): RGB in [-1, 1], 224 x 224."""
        self._check(image)
        features = self.backbone((image + 1) / 2)  # D3DFR: RGB in [0, 1], no ImageNet statistics
        heads = [layer(features).flatten(1) for layer in self.final_layers]
        return coefficients_from_vector(torch.cat(heads, dim=1))

    def _check(self, image: Tensor) -> None:
        size = self.config.image_size
        if image.shape[-2:] != (size, size):
            raise InputError(
                f"image is {image.shape[-1]}x{image.shape[-2]} but ReconNet reads an aligned crop "
                f"of {size}x{size}. Align it with align_face and crop_face first."
            )
        low, high = image.aminmax()
        if not (low >= -1.01 and high <= 1.01):  # also true for NaN
            raise InputError(
                f"image holds values {low.item():.3g}..{high.item():.3g} but RGB lies in [-1, 1]. "
                "Scale 8-bit values by value / 127.5 - 1."
            )


class ResNet(nn.Module):
    """The convolutional part of ResNet-50 with its average pool: [batch, 2048, 1, 1]."""

    def __init__(self, config: ReconNetConfig) -> None:
        super().__init__()
        channels = config.stem_dim
        self.conv1 = nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        for level, num_blocks in enumerate(config.blocks):
            middle = config.stem_dim * 2**level
            stage = []
            for block in range(num_blocks):
                stride = 2 if level > 0 and block == 0 else 1
                stage.append(Bottleneck(channels, middle, stride))
                channels = middle * _EXPANSION
            self.add_module(f"layer{level + 1}", nn.Sequential(*stage))
        self.num_levels = len(config.blocks)

    def forward(
        self, image: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch features 1 1"]:
        features = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        for level in range(self.num_levels):
            features = self.get_submodule(f"layer{level + 1}")(features)
        return features.mean(dim=(2, 3), keepdim=True)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a shortcut; the stride is on the 3x3 (ResNet "v1.5")."""

    def __init__(self, channels: int, middle: int, stride: int) -> None:
        super().__init__()
        out = middle * _EXPANSION
        self.conv1 = nn.Conv2d(channels, middle, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, out, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(out),
            )

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        shortcut = features if self.downsample is None else self.downsample(features)
        hidden = self.relu(self.bn1(self.conv1(features)))
        hidden = self.relu(self.bn2(self.conv2(hidden)))
        return self.relu(self.bn3(self.conv3(hidden)) + shortcut)
