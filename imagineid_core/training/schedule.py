"""Learning rate and averaging as functions of the step: nothing to save, nothing to resume.

Knows nothing about optimisers or networks.
"""

import math

SCHEDULES = ("cosine", "one_cycle", "constant")
_ONE_CYCLE_RISE = 0.3  # share of the steps that go up
_ONE_CYCLE_START = 1 / 25  # of the peak


def learning_rate_factor(
    step: int, *, schedule: str, num_steps: int, warmup_steps: int, final_fraction: float
) -> float:
    """Share of the peak learning rate for `step`, counted from 0.

    `cosine` and `constant` rise linearly over `warmup_steps`. `one_cycle` rises along a cosine from
    1/25 over 30 % of the steps, or over `warmup_steps` if given. `cosine` and `one_cycle` end at
    `final_fraction`.
    """
    if schedule == "one_cycle":
        rise = warmup_steps or round(_ONE_CYCLE_RISE * num_steps)
        if step < rise:
            return _between(_ONE_CYCLE_START, 1.0, (step + 1) / rise)
    else:
        rise = warmup_steps
        if step < rise:
            return (step + 1) / rise
    if schedule == "constant":
        return 1.0
    return _between(1.0, final_fraction, (step - rise) / max(1, num_steps - 1 - rise))


def averaging_decay(step: int, decay: float) -> float:
    """How much of the average stays at `step`: little at first, so that it forgets the start."""
    return min(decay, (1 + step) / (10 + step))


def _between(first: float, last: float, share: float) -> float:
    """From `first` to `last` along half a cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * min(1.0, share))) / 2
