"""Wav2Lip's audio encoder: 0.2 s of mel to one feature vector (SadTalker Sec. 3.2, Phi_A).

Thirteen convolutions, shared by SadTalker's ExpNet and PoseVAE, each with its own weights.
Does not know what its features are used for, nor how the mel windows were cut.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.errors import InputError

MELS, STEPS = 80, 16  # one window: 80 bands, 16 steps of 12.5 ms
_WINDOWS_AT_ONCE = 64  # 64 windows hold about 40 MB of activations at full width


@dataclass(frozen=True, kw_only=True)
class MelEncoderConfig:
    """Channels of the five resolutions; the last one is the width of the feature."""

    channels: tuple[int, ...] = (32, 64, 128, 256, 512)

    def __post_init__(self) -> None:
        if len(self.channels) != 5:
            raise InputError(
                f"channels is {self.channels}, which is {len(self.channels)} numbers, but the "
                "encoder has five resolutions. Give five, for example (32, 64, 128, 256, 512)."
            )


class MelEncoder(nn.Module):
    """[batch, mels, steps] in [-4, 4] to [batch, channels[-1]].

    In eval mode the batch runs in slices, so an hour of audio needs no more memory than seconds;
    in training it runs whole, because batch normalisation must see the whole batch.
    """

    def __init__(self, config: MelEncoderConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c, d, e = config.channels
        self.blocks = nn.Sequential(
            _Block(1, a),  # 80 x 16
            _Block(a, a, residual=True),
            _Block(a, a, residual=True),
            _Block(a, b, stride=(3, 1)),  # 27 x 16
            _Block(b, b, residual=True),
            _Block(b, b, residual=True),
            _Block(b, c, stride=(3, 3)),  # 9 x 6
            _Block(c, c, residual=True),
            _Block(c, c, residual=True),
            _Block(c, d, stride=(3, 2)),  # 3 x 3
            _Block(d, d, residual=True),
            _Block(d, e, padding=0),  # 1 x 1
            _Block(e, e, kernel=1, padding=0),
        )

    def forward(self, windows: Float[Tensor, "batch mels steps"]) -> Float[Tensor, "batch dim"]:
        if windows.shape[1:] != (MELS, STEPS):
            raise InputError(
                f"mel windows are {' x '.join(map(str, windows.shape[1:]))} but this encoder hears "
                f"{MELS} bands x {STEPS} steps. Cut them with audio/features.py."
            )
        slices = (windows,) if self.training else windows.split(_WINDOWS_AT_ONCE)
        return torch.cat([self.blocks(part[:, None]).flatten(1) for part in slices])


class _Block(nn.Module):
    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        kernel: int = 3,
        stride: tuple[int, int] = (1, 1),
        padding: int = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding)
        self.norm = nn.BatchNorm2d(channels_out)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return torch.relu(y + x if self.residual else y)
