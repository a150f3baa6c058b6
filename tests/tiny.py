"""The real classes at tiny size, for tests that need a network but not a good one."""

from imagineid_core.listen.pad import Pad, build_pad
from imagineid_core.listen.transformer import ListenConfig

TINY = ListenConfig(width=16, hidden_width=32, num_layers=1, num_heads=2, dropout=0.1)


def tiny_pad(seed: int = 0) -> Pad:
    return build_pad(TINY, seed=seed)
