"""SadTalker's ExpNet: audio, a reference expression and a blink ratio to expression (Eq. 2 there).

    beta_t = Phi_M(Phi_A(a_t), z_blink, beta_0)

Frame by frame, so it knows nothing about time, and nothing about head pose or the face model.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.errors import InputError
from imagineid_core.listen.mel_encoder import MelEncoder, MelEncoderConfig


@dataclass(frozen=True, kw_only=True)
class ExpNetConfig:
    audio_channels: tuple[int, ...] = (32, 64, 128, 256, 512)
    expression_dim: int = 64  # beta


class ExpNet(nn.Module):
    """The expression of each frame; any number of frames at constant memory in eval mode."""

    def __init__(self, config: ExpNetConfig) -> None:
        super().__init__()
        self.config = config
        self.audio_encoder = MelEncoder(MelEncoderConfig(channels=config.audio_channels))
        features = config.audio_channels[-1]
        self.mapping = nn.Linear(features + config.expression_dim + 1, config.expression_dim)

    def forward(
        self,
        windows: Float[Tensor, "frames mels steps"],
        reference: Float[Tensor, "references expression"],
        blink: Float[Tensor, " blinks"],
    ) -> Float[Tensor, "frames expression"]:
        """`reference`: one row for the clip or one a frame. `blink`: 0 open ... 1 closed."""
        num_frames = len(windows)
        if blink.shape != (num_frames,):
            raise InputError(
                f"blink has {len(blink)} values but there are {num_frames} mel windows. "
                "Give one value a frame; zeros keep the eyes open."
            )
        expected = self.config.expression_dim
        if reference.shape[1] != expected or len(reference) not in (1, num_frames):
            raise InputError(
                f"reference expression is {tuple(reference.shape)} but must be (1, {expected}) "
                f"or ({num_frames}, {expected}). Give one row for the clip or one a frame."
            )
        audio = self.audio_encoder(windows)
        reference = reference.expand(num_frames, -1)
        return self.mapping(torch.cat([audio, reference, blink[:, None]], dim=1))
