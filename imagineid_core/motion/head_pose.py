"""Head motion from audio by SadTalker's PoseVAE (Sec. 3.2 and Fig. 4 there).

A conditional VAE over windows of 32 frames learns the *change* of pose from the first frame, given
that first pose, the audio and one of 46 styles. Does not know how the audio features were made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.checkpoint import load_checkpoint
from imagineid_core.errors import InputError
from imagineid_core.motion.pose_unet import PoseUNet

ARCHITECTURE = "head_motion"


@dataclass(frozen=True, kw_only=True)
class PoseVAEConfig:
    window: int = 32  # frames; must divide by 2 for each step of unet_channels
    pose_dim: int = 6  # rho
    latent_dim: int = 64
    audio_dim: int = 512
    audio_features: int = 6  # what is left of audio_dim for each frame
    num_styles: int = 46  # speakers of the released model's training set
    encoder_hidden: int = 128
    decoder_hidden: int = 128
    unet_channels: tuple[int, ...] = (32, 64, 128, 256)
    log_variance_from_mean_head: bool = False  # True: the slip of the released code, see `encode`

    def __post_init__(self) -> None:
        smallest = 2 ** (len(self.unet_channels) - 1)
        if self.window < 1 or self.window % smallest:
            raise InputError(
                f"window is {self.window} frames but the U-Net of {len(self.unet_channels)} levels "
                f"halves time to 1/{smallest}. Use a multiple of {smallest}."
            )


class PoseVAE(nn.Module):
    def __init__(self, config: PoseVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _Encoder(config)
        self.decoder = _Decoder(config)

    def encode(
        self,
        change: Float[Tensor, "batch window pose"],
        start: Float[Tensor, "batch pose"],
        audio: Float[Tensor, "batch window audio"],
        style: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Mean and log-variance of q(z | change, start, audio, style).

        The released code takes the log-variance from the head of the mean; released weights are
        run that way (`log_variance_from_mean_head`), ours have the head they were meant to have.
        """
        return self.encoder(change, start, audio, style)

    def decode(
        self,
        latent: Float[Tensor, "batch latent"],
        start: Float[Tensor, "batch pose"],
        audio: Float[Tensor, "batch window audio"],
        style: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch window pose"]:
        """The change of pose from `start`, in its units, for each frame of the window."""
        return self.decoder(latent, start, audio, style)

    def forward(
        self,
        change: Float[Tensor, "batch window pose"],
        start: Float[Tensor, "batch pose"],
        audio: Float[Tensor, "batch window audio"],
        style: Int[Tensor, " batch"],
        generator: torch.Generator,
    ) -> tuple[
        Float[Tensor, "batch window pose"],
        Float[Tensor, "batch latent"],
        Float[Tensor, "batch latent"],
    ]:
        """For training: the reconstructed change, and the mean and log-variance behind it."""
        mean, log_variance = self.encode(change, start, audio, style)
        noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean)
        latent = mean + torch.exp(log_variance / 2) * noise
        return self.decode(latent, start, audio, style), mean, log_variance


def find_head_motion(folder: str | PathLike[str]) -> PoseVAE | None:
    """The PoseVAE trained with the PAD weights of a folder (head_motion.safetensors), if any."""
    path = Path(folder) / f"{ARCHITECTURE}.safetensors"
    if not path.exists():
        return None
    return load_checkpoint(path, PoseVAE, architecture=ARCHITECTURE, config_class=PoseVAEConfig)


@torch.no_grad()
def head_motion(
    vae: PoseVAE,
    audio: Float[Tensor, "frames audio"],
    *,
    style: int,
    start: Float[Tensor, " pose"] | None = None,
    generator: torch.Generator | None = None,
    latents: Float[Tensor, "chunks latent"] | None = None,
) -> Float[Tensor, "frames pose"]:
    """Poses for audio of any length: frame 0 is `start` (default zero), then chunks of a window.

    Every chunk has its own latent, drawn from `generator` or given as a row of `latents`. A last
    chunk shorter than the window decodes the last full window and keeps its end; audio shorter
    than one window is preceded by its first feature. Unsmoothed: see `motion.smooth`.
    """
    config = vae.config
    num_frames = len(audio)
    _check(vae, audio, style)
    start = audio.new_zeros(config.pose_dim) if start is None else start.to(audio)
    if start.shape != (config.pose_dim,):
        raise InputError(
            f"start has {len(start)} values but a pose has {config.pose_dim}. "
            "Give rotation x, y, z in radians, then translation x, y, z in dm."
        )
    latents = _latents(config, num_frames, generator, latents).to(audio)
    styles = torch.tensor([style], device=audio.device)
    changes = [audio.new_zeros(min(num_frames, 1), config.pose_dim)]
    chunks = _chunks(audio[1:], config.window)
    for latent, (window, kept) in zip(latents, chunks, strict=True):
        change = vae.decode(latent[None], start[None], window[None], styles)
        changes.append(change[0, -kept:])
    return start + torch.cat(changes)


def count_chunks(num_frames: int, window: int) -> int:
    """How many latents `head_motion` uses; frame 0 needs none."""
    return -(-max(num_frames - 1, 0) // window)


def _chunks(
    audio: Float[Tensor, "frames audio"], window: int
) -> Iterator[tuple[Float[Tensor, "window audio"], int]]:
    """Windows of audio, and how many frames at the end of each are new."""
    whole = len(audio) // window
    for i in range(whole):
        yield audio[i * window : (i + 1) * window], window
    if rest := len(audio) % window:
        if len(audio) < window:
            audio = torch.cat([audio[:1].expand(window - rest, -1), audio])
        yield audio[-window:], rest


def _latents(
    config: PoseVAEConfig,
    num_frames: int,
    generator: torch.Generator | None,
    latents: Tensor | None,
) -> Tensor:
    if (generator is None) == (latents is None):
        given = "neither" if latents is None else "both"
        raise InputError(
            f"{given} of generator and latents given, so the head motion is not defined. "
            "Give a torch.Generator to draw latents, or the latents themselves."
        )
    expected = (count_chunks(num_frames, config.window), config.latent_dim)
    if latents is None:
        assert generator is not None
        return torch.randn(expected, generator=generator, device=generator.device)
    if latents.shape != expected:
        raise InputError(
            f"latents are {tuple(latents.shape)} but {num_frames} frames in chunks of "
            f"{config.window} need {expected}. Give one row for each chunk after frame 0."
        )
    return latents


def _check(vae: PoseVAE, audio: Tensor, style: int) -> None:
    config = vae.config
    if vae.training:
        raise InputError(
            "vae is in training mode, so batch normalisation would use the statistics of single "
            "chunks. Call vae.eval() first."
        )
    if audio.shape[1] != config.audio_dim:
        raise InputError(
            f"audio features have {audio.shape[1]} values but this PoseVAE needs "
            f"{config.audio_dim}. Use the encoder that came with it."
        )
    if not 0 <= style < config.num_styles:
        raise InputError(
            f"style is {style} but this PoseVAE has {config.num_styles}. "
            f"Choose 0 to {config.num_styles - 1}."
        )


class _Encoder(nn.Module):
    def __init__(self, config: PoseVAEConfig) -> None:
        super().__init__()
        self.config = config
        values = config.window * config.pose_dim
        features = config.window * config.audio_features
        self.unet = PoseUNet(config.unet_channels)
        self.audio = nn.Linear(config.audio_dim, config.audio_features)
        self.style = nn.Embedding(config.num_styles, config.latent_dim)
        self.hidden = nn.Linear(
            config.pose_dim + values + features + config.latent_dim, config.encoder_hidden
        )
        self.mean = nn.Linear(config.encoder_hidden, config.latent_dim)
        self.log_variance = nn.Linear(config.encoder_hidden, config.latent_dim)

    def forward(
        self, change: Tensor, start: Tensor, audio: Tensor, style: Tensor
    ) -> tuple[Tensor, Tensor]:
        motion = self.unet(change).flatten(1)
        features = self.audio(audio).flatten(1)
        joined = torch.cat([start, motion, features, self.style(style)], dim=1)
        hidden = torch.relu(self.hidden(joined))
        mean = self.mean(hidden)
        if self.config.log_variance_from_mean_head:
            return mean, mean
        return mean, self.log_variance(hidden)


class _Decoder(nn.Module):
    def __init__(self, config: PoseVAEConfig) -> None:
        super().__init__()
        self.config = config
        values = config.window * config.pose_dim
        features = config.window * config.audio_features
        self.audio = nn.Linear(config.audio_dim, config.audio_features)
        self.style = nn.Embedding(config.num_styles, config.latent_dim)
        self.hidden = nn.Linear(
            config.pose_dim + config.latent_dim + features, config.decoder_hidden
        )
        self.motion = nn.Linear(config.decoder_hidden, values)
        self.unet = PoseUNet(config.unet_channels)
        self.pose = nn.Linear(config.pose_dim, config.pose_dim)

    def forward(self, latent: Tensor, start: Tensor, audio: Tensor, style: Tensor) -> Tensor:
        features = self.audio(audio).flatten(1)
        joined = torch.cat([start, latent + self.style(style), features], dim=1)
        motion = torch.sigmoid(self.motion(torch.relu(self.hidden(joined))))
        window = motion.unflatten(1, (self.config.window, self.config.pose_dim))
        return self.pose(self.unet(window))
