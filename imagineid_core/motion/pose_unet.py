"""The residual U-Net PoseVAE runs over a pose window as if it were a picture (SadTalker Fig. 4).

Height is time, width the six pose values; time alone is halved and doubled.
Knows nothing about poses, audio or latents.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

_HALVE = (2, 1)  # time, pose values


class PoseUNet(nn.Module):
    """[batch, frames, pose] to the same size, every value in (0, 1).

    `channels`: one number a resolution; `frames` must divide by 2 ** (len(channels) - 1).
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        down = list(zip(channels, channels[1:], strict=False))
        up = [(deep, shallow) for shallow, deep in reversed(down)]
        self.entry = _Entry(channels[0])
        self.down = nn.ModuleList(_Residual(a, b, stride=_HALVE) for a, b in down)
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, a, _HALVE, _HALVE) for a, _ in up)
        self.merge = nn.ModuleList(_Residual(a + b, b) for a, b in up)
        self.exit = nn.Conv2d(channels[0], 1, kernel_size=1)

    def forward(
        self, window: Float[Tensor, "batch frames pose"]
    ) -> Float[Tensor, "batch frames pose"]:
        x = self.entry(window[:, None])
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([up(x), skips.pop()], dim=1))
        return torch.sigmoid(self.exit(x))[:, 0]


class _Entry(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = nn.Conv2d(1, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.norm(self.first(x)))) + self.skip(x)


class _Residual(nn.Module):
    def __init__(
        self, channels_in: int, channels_out: int, *, stride: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        self.first_norm = nn.BatchNorm2d(channels_in)
        self.first_conv = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1)
        self.second_norm = nn.BatchNorm2d(channels_out)
        self.second_conv = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.skip_conv = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1)
        self.skip_norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first_conv(torch.relu(self.first_norm(x)))
        y = self.second_conv(torch.relu(self.second_norm(y)))
        return y + self.skip_norm(self.skip_conv(x))
