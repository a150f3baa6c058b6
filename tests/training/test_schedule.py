import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagineid_core.training.schedule import SCHEDULES, averaging_decay, learning_rate_factor


def factors(schedule, num_steps=100, warmup_steps=10, final_fraction=0.05):
    return [
        learning_rate_factor(
            step,
            schedule=schedule,
            num_steps=num_steps,
            warmup_steps=warmup_steps,
            final_fraction=final_fraction,
        )
        for step in range(num_steps)
    ]


def test_cosine_warms_up_linearly_and_ends_at_the_final_fraction():
    rates = factors("cosine")
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.05)
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))


def test_one_cycle_rises_over_a_third_without_a_warm_up():
    rates = factors("one_cycle", warmup_steps=0)
    assert rates[0] < 0.06
    assert max(range(100), key=rates.__getitem__) in (29, 30)
    assert rates[-1] == pytest.approx(0.05)


def test_constant_stays_at_the_peak():
    assert set(factors("constant")[10:]) == {1.0}


@given(
    schedule=st.sampled_from(SCHEDULES),
    num_steps=st.integers(1, 50),
    warmup_steps=st.integers(0, 60),
)
def test_every_rate_is_positive_and_at_most_the_peak(schedule, num_steps, warmup_steps):
    for rate in factors(schedule, num_steps, warmup_steps):
        assert 0 < rate <= 1


def test_an_average_forgets_the_start_before_it_becomes_slow():
    assert averaging_decay(0, 0.999) == pytest.approx(0.1)
    assert averaging_decay(90, 0.999) == pytest.approx(0.91)
    assert averaging_decay(10**6, 0.999) == 0.999
