import pytest
import torch

from imagineid_core.imagine.mini_suite import build_scheduler
from imagineid_core.training.noise_levels import any_timestep, middle_timesteps

SCHEDULER = build_scheduler()


@pytest.mark.parametrize("drawn", [any_timestep, middle_timesteps])
def test_every_noise_level_may_be_drawn_and_no_other(drawn):
    torch.manual_seed(0)
    timesteps = torch.cat([drawn(SCHEDULER, torch.zeros(100, 4, 2, 2)) for _ in range(500)])
    assert timesteps.dtype == torch.int64
    assert 0 <= int(timesteps.min()) < 60
    assert 940 < int(timesteps.max()) < 1000


def test_a_batch_is_spread_evenly_over_mostly_middle_levels():
    torch.manual_seed(0)
    edges = (1000 * torch.special.ndtri(torch.arange(1, 16) / 16).sigmoid()).tolist()
    for _ in range(20):
        timesteps = middle_timesteps(SCHEDULER, torch.zeros(16, 4, 2, 2))
        ordered = timesteps.sort().values.tolist()
        # One row between any two edges of equally likely levels (whole numbers: one less or so).
        assert all(
            low - 1 <= edge <= high + 1
            for low, edge, high in zip(ordered, edges, ordered[1:], strict=False)
        )
        assert not torch.equal(timesteps, timesteps.sort().values)  # in no order of rows
    middle = sum(250 <= timestep < 750 for timestep in timesteps.tolist())
    assert middle >= 11  # of 16; 8 if all were alike
