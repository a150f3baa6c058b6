"""Everything a training of the matting network needs, by name: `mini`, `smoke`.

Knows no corpus, no file.
"""

from dataclasses import dataclass, field

from imagineid_core.imagine.matting import MattingConfig
from imagineid_core.training.loop import LoopConfig
from imagineid_core.training.matte_batches import MatteBatchConfig


@dataclass(frozen=True, kw_only=True)
class MattingPreset:
    name: str
    loop: LoopConfig
    net: MattingConfig = field(default_factory=MattingConfig)
    batches: MatteBatchConfig = field(default_factory=MatteBatchConfig)


def mini() -> MattingPreset:
    """2,400 pictures: a few minutes on one core."""
    return MattingPreset(
        name="mini",
        loop=LoopConfig(
            num_steps=600,
            optimizer="muon",
            learning_rate=4e-3,
            warmup_steps=20,
            average_decay=0.98,
            log_every=20,
            validate_every=150,
            num_validation_batches=12,
            checkpoint_every=50,
        ),
    )


def smoke() -> MattingPreset:
    """Seconds on one core, the loss falls; good for nothing else."""
    return MattingPreset(
        name="smoke",
        loop=LoopConfig(
            num_steps=30,
            learning_rate=4e-3,
            warmup_steps=3,
            average_decay=0.9,
            log_every=5,
            validate_every=15,
            num_validation_batches=2,
            checkpoint_every=15,
        ),
        net=MattingConfig(channels=(8, 16, 24), short_side=32),
        batches=MatteBatchConfig(batch_size=8),
    )


PRESETS = {"mini": mini, "smoke": smoke}
