"""Everything a training of listening needs, by name: `paper`, `mini`, `smoke`.

Widths and losses of `paper` are the paper's; it names no optimiser, batch or length for PAD, so
those are ours everywhere. Knows no corpus and no file.
"""

import dataclasses
from dataclasses import dataclass, field

from imagineid_core.listen.transformer import ListenConfig
from imagineid_core.motion.head_pose import PoseVAEConfig
from imagineid_core.training.batches import BatchConfig
from imagineid_core.training.content_stage import ContentLossConfig
from imagineid_core.training.emotion_stage import DecorrelationConfig
from imagineid_core.training.head_motion_stage import HeadMotionLossConfig
from imagineid_core.training.identity_stage import ContrastConfig
from imagineid_core.training.lip_reader import LipReaderConfig
from imagineid_core.training.loop import LoopConfig


@dataclass(frozen=True, kw_only=True)
class ListenPreset:
    """One `LoopConfig` a stage, in the order in which they run; sizes and losses beside them.

    `lip_reader.symbols` and `head_motion.num_styles` are filled in from the corpus.
    """

    name: str
    lip_reader_loop: LoopConfig
    identity_loop: LoopConfig
    content_loop: LoopConfig
    emotion_loop: LoopConfig
    head_motion_loop: LoopConfig
    net: ListenConfig = field(default_factory=ListenConfig)
    lip_reader: LipReaderConfig = field(default_factory=lambda: LipReaderConfig(symbols=()))
    head_motion: PoseVAEConfig = field(default_factory=PoseVAEConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    lip_reader_batch: BatchConfig = field(default_factory=BatchConfig)
    lip_reader_pool: int = 20_000  # windows drawn once; 250 kB each
    content_batch: BatchConfig = field(default_factory=BatchConfig)
    head_motion_batch: BatchConfig = field(default_factory=BatchConfig)
    identity_contrast: ContrastConfig = field(default_factory=ContrastConfig)
    content_loss: ContentLossConfig = field(default_factory=ContentLossConfig)
    emotion_contrast: ContrastConfig = field(default_factory=ContrastConfig)
    erases_style: bool = False  # from l-bar, when stage two is done: not the paper's
    decorrelation: DecorrelationConfig = field(default_factory=DecorrelationConfig)
    head_motion_loss: HeadMotionLossConfig = field(default_factory=HeadMotionLossConfig)
    augments: bool = True  # gain, tone and noise on every window's mel
    saves_half_precision: bool = False  # float16 in the files; they load as float32


def paper() -> ListenPreset:
    """Four layers, eight heads, width 512; one negative, no temperature, weight 0.01 (Sec. 3.1)."""
    loop = LoopConfig(num_steps=100_000, warmup_steps=1_000, mixed_precision="bf16")
    return ListenPreset(
        name="paper",
        lip_reader_loop=loop,
        identity_loop=loop,
        content_loop=loop,
        emotion_loop=loop,
        head_motion_loop=loop,
        head_motion=PoseVAEConfig(audio_dim=512),
        content_batch=BatchConfig(batch_size=16),
        head_motion_batch=BatchConfig(frames=33),
    )


def mini() -> ListenPreset:
    """Width 128 and two layers: what the repository ships, trained on two CPU cores."""
    loop = LoopConfig(
        num_steps=1_500,
        optimizer="muon",
        learning_rate=2e-3,
        warmup_steps=50,
        average_decay=0.99,
        log_every=25,
        validate_every=100,
        num_validation_batches=8,
        checkpoint_every=100,
    )
    short = LoopConfig(
        num_steps=800,
        optimizer="muon",
        learning_rate=2e-3,
        warmup_steps=50,
        average_decay=0.99,
        log_every=20,
        validate_every=100,
        num_validation_batches=4,
        checkpoint_every=50,
    )
    sharp = ContrastConfig(temperature=0.1)
    return ListenPreset(
        name="mini",
        lip_reader_loop=dataclasses.replace(short, num_steps=1_500, learning_rate=5e-3),
        identity_loop=loop,
        content_loop=dataclasses.replace(loop, learning_rate=4e-3),
        emotion_loop=dataclasses.replace(loop, num_steps=1_000, learning_rate=4e-3),
        head_motion_loop=dataclasses.replace(short, optimizer="adamw"),
        net=ListenConfig(width=128, hidden_width=512, num_layers=2, num_heads=4, dropout=0.0),
        lip_reader=LipReaderConfig(symbols=(), channels=(8, 16, 32, 48), width=96),
        head_motion=PoseVAEConfig(
            latent_dim=32,
            audio_dim=128,
            encoder_hidden=64,
            decoder_hidden=64,
            unet_channels=(8, 16, 32),
        ),
        batch=BatchConfig(batch_size=48, num_negatives=24),
        lip_reader_batch=BatchConfig(batch_size=16),
        lip_reader_pool=1_600,
        content_batch=BatchConfig(batch_size=64),
        head_motion_batch=BatchConfig(frames=33, batch_size=64),
        identity_contrast=sharp,
        # So small a lip reader is easier to fool than to please, and this corpus knows l (log.md).
        content_loss=ContentLossConfig(
            regularisation=1.0, target="lip_expression", lip_reading=0.02, num_read=1
        ),
        erases_style=True,
        emotion_contrast=dataclasses.replace(sharp, weight=3.0),  # or theta_e tells the speaker
        saves_half_precision=True,
    )


def smoke() -> ListenPreset:
    """Under a minute on one core, every loss falls; good for nothing else."""
    loop = LoopConfig(
        num_steps=40,
        optimizer="muon",
        learning_rate=3e-3,
        warmup_steps=4,
        average_decay=0.9,
        log_every=5,
        validate_every=20,
        num_validation_batches=2,
        checkpoint_every=20,
    )
    reading = dataclasses.replace(loop, num_steps=100, learning_rate=1e-2)
    drawn = dataclasses.replace(loop, num_validation_batches=1)
    sharp = ContrastConfig(temperature=0.1)
    return ListenPreset(
        name="smoke",
        lip_reader_loop=reading,
        identity_loop=loop,
        content_loop=drawn,
        emotion_loop=loop,
        head_motion_loop=dataclasses.replace(loop, optimizer="adamw"),
        net=ListenConfig(width=32, hidden_width=64, num_layers=1, num_heads=2, dropout=0.0),
        lip_reader=LipReaderConfig(symbols=(), channels=(4, 8, 8, 8), width=32, num_layers=1),
        head_motion=PoseVAEConfig(
            latent_dim=8,
            audio_dim=32,
            encoder_hidden=16,
            decoder_hidden=16,
            unet_channels=(4, 8, 8, 8),
        ),
        batch=BatchConfig(batch_size=8, num_negatives=4),
        lip_reader_batch=BatchConfig(batch_size=8),
        lip_reader_pool=64,
        content_batch=BatchConfig(batch_size=8),
        head_motion_batch=BatchConfig(frames=33, batch_size=8),
        identity_contrast=sharp,
        content_loss=ContentLossConfig(
            num_read=2, target="lip_expression", regularisation=1.0, lip_reading=0.02
        ),
        emotion_contrast=sharp,
        augments=False,
    )


PRESETS = {"paper": paper, "mini": mini, "smoke": smoke}
