"""The real classes at tiny size, for tests that need a network but not a good one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.listen.pad import Pad, build_pad, save_pad
from imagineid_core.listen.transformer import ListenConfig
from imagineid_core.motion.head_pose import ARCHITECTURE as HEAD_MOTION
from imagineid_core.motion.head_pose import PoseVAE, PoseVAEConfig

TINY = ListenConfig(width=16, hidden_width=32, num_layers=1, num_heads=2, dropout=0.1)
TINY_HEAD = PoseVAEConfig(
    window=8,
    latent_dim=4,
    audio_dim=TINY.width,
    audio_features=2,
    num_styles=2,
    encoder_hidden=8,
    decoder_hidden=8,
    unet_channels=(4, 8),
)
TRAINING: Mapping[str, Any] = {  # what a training says of its files
    "command": "imagineid train listen --preset tiny --seed 0",
    "preset": "tiny",
    "seed": 0,
    "corpus": "c" * 64,
    "face": "open",
    "styles": ["calm", "angry"],
    "steps": 7,
    "best_step": 5,
    "metrics": {"loss": 2.5},
}


def tiny_pad(seed: int = 0) -> Pad:
    return build_pad(TINY, seed=seed)


def save_tiny_head_motion(
    folder: Path,
    config: PoseVAEConfig = TINY_HEAD,
    training: Mapping[str, Any] | None = None,
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        vae = PoseVAE(config)
    path = folder / f"{HEAD_MOTION}.safetensors"
    save_checkpoint(path, vae, architecture=HEAD_MOTION, config=config, provenance=training)


def save_tiny_suite(folder: Path, training: Mapping[str, Any] = TRAINING) -> Path:
    """What `imagineid train listen` writes, untrained."""
    save_pad(folder, tiny_pad(), provenance=training)
    save_tiny_head_motion(folder, training=training)
    return folder
