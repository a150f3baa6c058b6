"""Everything a training of the face reader needs, by name: `mini`, `smoke`.

Knows no corpus, no file.
"""

from dataclasses import dataclass, field

from imagineid_core.face.reader import FaceReaderConfig
from imagineid_core.training.loop import LoopConfig
from imagineid_core.training.reader_batches import ReaderBatchConfig


@dataclass(frozen=True, kw_only=True)
class ReaderPreset:
    """`generated_people`: whose portraits are also shown as the autoencoder gives them back."""

    name: str
    loop: LoopConfig
    net: FaceReaderConfig = field(default_factory=FaceReaderConfig)
    batches: ReaderBatchConfig = field(default_factory=ReaderBatchConfig)
    generated_people: int = 500
    generated_test_people: int = 100


def mini() -> ReaderPreset:
    """25,600 pictures: ten minutes on one core."""
    return ReaderPreset(
        name="mini",
        loop=LoopConfig(
            num_steps=1_600,
            optimizer="muon",
            learning_rate=4e-3,
            warmup_steps=50,
            average_decay=0.99,
            log_every=25,
            validate_every=200,
            num_validation_batches=16,
            checkpoint_every=100,
        ),
    )


def smoke() -> ReaderPreset:
    """Seconds on one core, the loss falls; good for nothing else."""
    return ReaderPreset(
        name="smoke",
        loop=LoopConfig(
            num_steps=80,
            optimizer="muon",
            learning_rate=1e-2,
            warmup_steps=3,
            average_decay=0.9,
            log_every=5,
            validate_every=20,
            num_validation_batches=2,
            checkpoint_every=20,
        ),
        net=FaceReaderConfig(channels=(8, 16, 24), size=32),
        batches=ReaderBatchConfig(batch_size=8),
        generated_people=0,
        generated_test_people=0,
    )


PRESETS = {"mini": mini, "smoke": smoke}
