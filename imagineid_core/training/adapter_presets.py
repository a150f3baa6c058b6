"""Everything a training of the three adapters needs: `mini`, `mini_again`, `smoke`, `paper`.

`mini` is for the mini suite and about an hour of two cores. The paper tells neither steps nor
rates; those of `paper` are ours, its sizes the paper's. Knows no corpus, no file.
"""

import dataclasses
from dataclasses import dataclass, field

from imagineid_core.imagine.textual_inversion import FACE_PROMPT
from imagineid_core.training.blending_batches import BlendingBatchConfig
from imagineid_core.training.condition_latents import DisturbanceConfig
from imagineid_core.training.loop import LoopConfig
from imagineid_core.training.spatial_batches import SpatialBatchConfig
from imagineid_core.training.word_batches import WordBatchConfig

_MINI_PROMPT = "portrait of a person"  # how every caption of the mini suite begins


@dataclass(frozen=True, kw_only=True)
class AdapterPreset:
    """One `LoopConfig` a stage, in the order in which they run; sizes and data beside them.

    What the networks' widths must be follows from the model.
    """

    name: str
    word_loop: LoopConfig
    spatial_loop: LoopConfig
    blending_loop: LoopConfig
    prompt: str = FACE_PROMPT
    num_words: int = 8  # N of TIA
    hidden_dim: int = 512  # of TIA
    num_blocks: int = 2  # of SCA, a level
    separate_inputs: bool = False  # of SCA, not the paper's
    zero_outputs: bool = False  # of SCA, not the paper's
    variant: str = "d"  # of MBA, supplement Fig. 3
    perceptual_weight: float = 0.5
    words: WordBatchConfig = field(default_factory=WordBatchConfig)
    spatial: SpatialBatchConfig = field(default_factory=SpatialBatchConfig)
    blending: BlendingBatchConfig = field(default_factory=BlendingBatchConfig)
    disturbance: DisturbanceConfig = field(default_factory=DisturbanceConfig)
    people: int = 5_000  # of the corpus' training split, at most
    clips: int = 5_000  # of the talkers' training split, at most
    takes: int = 2  # portraits a clip
    validation_batch_size: int = 20  # two at each noise level
    saves_half_precision: bool = True


def mini() -> AdapterPreset:
    """24k portraits for TIA, 38k frames for SCA, 3k steps for MBA."""
    loop = LoopConfig(
        num_steps=1_800,
        optimizer="muon",
        learning_rate=2e-3,
        warmup_steps=30,
        final_fraction=0.03,
        weight_decay=0.01,
        average_decay=0.995,
        log_every=25,
        validate_every=200,
        num_validation_batches=10,
        checkpoint_every=100,
    )
    return AdapterPreset(
        name="mini",
        word_loop=dataclasses.replace(
            loop, num_steps=1_500, optimizer="adamw", learning_rate=1e-3, validate_every=150
        ),
        spatial_loop=dataclasses.replace(loop, num_steps=2_400),
        blending_loop=dataclasses.replace(
            loop, num_steps=3_000, optimizer="adamw", learning_rate=1e-2, weight_decay=0.0
        ),
        prompt=_MINI_PROMPT,
        hidden_dim=256,
        num_blocks=1,
        separate_inputs=True,
        zero_outputs=True,
        spatial=SpatialBatchConfig(far=0.3, region_weight=6.0, smears=0.8, recoloured=0.5),
        people=2_500,
        clips=2_500,
    )


def mini_again() -> AdapterPreset:
    """Those of `mini` learn on when their UNet has: for a while, at half the rate.

    MBA knows the autoencoder alone, so it stays as it is.
    """
    whole = mini()
    return dataclasses.replace(
        whole,
        name="mini_again",
        word_loop=dataclasses.replace(whole.word_loop, num_steps=300, learning_rate=5e-4),
        spatial_loop=dataclasses.replace(whole.spatial_loop, num_steps=1_000, learning_rate=1e-3),
        variant="none",
        people=1_200,
    )


def paper() -> AdapterPreset:
    """For SD1.x or SD2.x at 512 pixels on GPUs."""
    loop = LoopConfig(
        num_steps=100_000,
        learning_rate=1e-5,
        schedule="constant",
        warmup_steps=1_000,
        average_decay=0.9999,
        mixed_precision="bf16",
        log_every=100,
        validate_every=2_000,
        num_validation_batches=20,
        checkpoint_every=2_000,
    )
    return AdapterPreset(
        name="paper",
        word_loop=dataclasses.replace(loop, num_steps=50_000),
        spatial_loop=loop,
        blending_loop=dataclasses.replace(
            loop, num_steps=20_000, learning_rate=1e-4, mixed_precision="no"
        ),
        words=WordBatchConfig(batch_size=32),
        spatial=SpatialBatchConfig(batch_size=32),
        blending=BlendingBatchConfig(batch_size=8, pool=20_000, is_kept=False),
    )


def smoke() -> AdapterPreset:
    """Seconds on one core, every loss falls; good for nothing else."""
    loop = LoopConfig(
        num_steps=30,
        learning_rate=3e-3,
        warmup_steps=3,
        average_decay=0.9,
        log_every=5,
        validate_every=15,
        num_validation_batches=1,
        checkpoint_every=15,
    )
    return AdapterPreset(
        name="smoke",
        word_loop=dataclasses.replace(loop, learning_rate=1e-2),
        spatial_loop=dataclasses.replace(loop, optimizer="muon"),
        blending_loop=dataclasses.replace(loop, learning_rate=2e-2),
        prompt=_MINI_PROMPT,
        num_words=2,
        hidden_dim=16,
        num_blocks=1,
        separate_inputs=True,
        zero_outputs=True,
        words=WordBatchConfig(batch_size=8),
        spatial=SpatialBatchConfig(batch_size=8),
        blending=BlendingBatchConfig(batch_size=2, pool=6),
        people=8,
        clips=8,
        takes=1,
        validation_batch_size=10,
    )


PRESETS = {"mini": mini, "mini_again": mini_again, "smoke": smoke, "paper": paper}
