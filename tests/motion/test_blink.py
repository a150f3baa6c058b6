"""Blink curves: every length, every frame rate, the rate asked for, the released schedule."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.checkpoint import config_from_json, config_to_json
from imagineid_core.errors import InputError
from imagineid_core.motion.blink import (
    SADTALKER_CLOSING,
    BlinkConfig,
    blink_curve,
    blinks_at,
    sadtalker_blinks,
)

PAPER = Fraction(25)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blinks_in(curve: torch.Tensor) -> list[list[float]]:
    """The runs of frames with closing eyes."""
    runs, open_before = [], True
    for value in curve.tolist():
        if value > 0:
            if open_before:
                runs.append([])
            runs[-1].append(value)
        open_before = value == 0
    return runs


def open_runs(curve: torch.Tensor) -> list[int]:
    """Lengths of the open stretches, first and last included."""
    closed = [-1, *(curve > 0).nonzero()[:, 0].tolist(), len(curve)]
    return [b - a - 1 for a, b in zip(closed, closed[1:], strict=False) if b - a > 1]


@settings(max_examples=50, deadline=None)
@given(num_frames=st.integers(0, 400), fps=st.integers(10, 60), seed=st.integers(0, 1000))
def test_every_length_and_frame_rate_starts_and_ends_with_open_eyes(num_frames, fps, seed):
    curve = blink_curve(num_frames, Fraction(fps), seeded(seed), blinks_at(40))
    assert curve.shape == (num_frames,)
    assert bool(((curve >= 0) & (curve <= 1)).all())
    assert curve[:1].sum() + curve[-1:].sum() == 0


@pytest.mark.parametrize("fps", [10, 12, 15, 24, 25, Fraction(30000, 1001), 30, 50, 60])
def test_every_blink_closes_the_eye_fully_at_every_frame_rate(fps):
    curve = blink_curve(int(120 * fps), Fraction(fps), seeded(1), BlinkConfig())
    runs = blinks_in(curve)
    assert len(runs) > 15
    assert all(max(run) == 1 for run in runs)
    assert all(len(run) / fps >= 0.1 and (len(run) - 1) / fps <= 0.24 for run in runs)  # seconds


def test_at_25_fps_a_blink_is_the_closing_curve_itself():
    curve = blink_curve(3000, PAPER, seeded(2), BlinkConfig())
    expected = torch.tensor(SADTALKER_CLOSING)
    for run in blinks_in(curve):
        # Straight lines between the samples, evaluated on them: float64 rounding of their times.
        torch.testing.assert_close(torch.tensor(run[:5]), expected, rtol=0, atol=1e-6)
        assert max(run[5:], default=0) < 1e-6


def test_the_curve_is_the_same_in_seconds_whatever_the_frame_rate():
    slow = blink_curve(25 * 60, PAPER, seeded(3), BlinkConfig())
    fast = blink_curve(50 * 60, Fraction(50), seeded(3), BlinkConfig())
    peaks_slow = (slow == 1).nonzero()[:, 0] / 25
    peaks_fast = (fast == 1).nonzero()[:, 0] / 50
    assert len(peaks_slow) == len(peaks_fast) > 10
    assert (peaks_slow - peaks_fast).abs().max() <= 0.5 / 25 + 0.5 / 50 + 1e-6


@pytest.mark.parametrize("rate", [2, 5, 17, 26, 40])
def test_blinks_come_as_often_as_asked_and_never_regularly(rate):
    config = blinks_at(rate)
    minutes = 400 / rate
    curve = blink_curve(int(minutes * 60 * 25), PAPER, seeded(4), config)
    count = len(blinks_in(curve))
    # 400 gaps of spread below their mean: the standard error of the rate is under 5 %.
    assert count / minutes == pytest.approx(rate, rel=0.15)
    assert config.blinks_per_minute == pytest.approx(rate)
    gaps = torch.tensor(open_runs(curve)[1:-1]).double() / 25
    assert gaps.std() > 0.4 * gaps.mean()


@settings(max_examples=50, deadline=None)
@given(low=st.floats(0.1, 5), share=st.floats(0.02, 0.98), width=st.floats(0.2, 20))
def test_gaps_keep_to_their_range_and_have_their_mean(low, share, width):
    config = BlinkConfig(
        min_gap_seconds=low, mean_gap_seconds=low + share * width, max_gap_seconds=low + width
    )
    seconds = 300 * (config.mean_gap_seconds + 0.24)
    curve = blink_curve(int(seconds * 25), PAPER, seeded(5), config)
    gaps = torch.tensor(open_runs(curve)[:-1]).double() / 25 - 0.04  # 0.04: the open ends of blinks
    # Each blink is moved by half a frame at most.
    assert bool((gaps >= low - 0.041).all())
    assert bool((gaps <= low + width + 0.041).all())
    # Five standard errors of about 300 gaps, whose spread is at most half the width.
    assert abs(gaps.mean() - config.mean_gap_seconds) < 5 * width / 2 / 290**0.5 + 0.001


def test_the_default_is_the_rate_of_adults_at_rest():
    assert BlinkConfig().blinks_per_minute == pytest.approx(17, abs=0.1)


def test_no_blinks_can_be_asked_for():
    assert not blink_curve(2000, PAPER, seeded(), blinks_at(0)).any()
    assert blinks_at(0).blinks_per_minute == 0
    assert not blink_curve(2000, PAPER, seeded(), BlinkConfig(closing=())).any()


def test_the_seed_decides():
    first = blink_curve(500, PAPER, seeded(1), BlinkConfig())
    torch.testing.assert_close(
        first, blink_curve(500, PAPER, seeded(1), BlinkConfig()), rtol=0, atol=0
    )
    assert not torch.equal(first, blink_curve(500, PAPER, seeded(2), BlinkConfig()))


def test_an_hour_is_quick_because_each_blink_touches_its_own_frames_only():
    curve = blink_curve(90_000, PAPER, seeded(), BlinkConfig())
    assert len(blinks_in(curve)) == pytest.approx(17 * 60, rel=0.1)


@settings(max_examples=50, deadline=None)
@given(num_frames=st.integers(0, 22))
def test_the_released_schedule_leaves_short_clips_open_eyed(num_frames):
    """SadTalker's release fails at exactly 21 frames: an empty range of gaps."""
    curve = sadtalker_blinks(num_frames, seeded())
    assert curve.shape == (num_frames,)
    assert num_frames > 21 or not curve.any()


@settings(max_examples=50, deadline=None)
@given(num_frames=st.integers(22, 600), seed=st.integers(0, 1000))
def test_the_released_schedule_keeps_its_gaps_and_its_shape(num_frames, seed):
    curve = sadtalker_blinks(num_frames, seeded(seed))
    runs = blinks_in(curve)
    expected = torch.tensor(SADTALKER_CLOSING).tolist()
    assert runs  # half the clip always leaves room for the first
    assert all(run == expected for run in runs)
    gaps = open_runs(curve)
    longest = min(num_frames // 2, 70) - 1
    assert all(10 <= gap <= longest for gap in gaps[:-1])
    assert 1 <= gaps[-1] <= longest + len(expected)


def test_the_released_gaps_are_equally_likely():
    curve = sadtalker_blinks(200_000, seeded())
    counts = torch.bincount(torch.tensor(open_runs(curve)[:-1]), minlength=70)
    assert counts[:10].sum() == 0
    mean = counts.sum() / 60
    # Chi-squared of 59 degrees of freedom: mean 59, standard deviation 11; four of them allowed.
    assert float(((counts[10:] - mean) ** 2 / mean).sum()) < 59 + 4 * 11


def test_configs_survive_json():
    config = BlinkConfig(closing=(0.2, 1.0, 0.2))
    assert config_from_json(config_to_json(config), BlinkConfig) == config


def test_bad_inputs_are_named():
    for make, message in (
        (lambda: blinks_at(-1), "blinks_per_minute is -1"),
        (lambda: blinks_at(math.nan), "blinks_per_minute is nan"),
        (lambda: blinks_at(61), "between 0 and 60"),
        (lambda: blinks_at(60, closing=(1.0,) * 30), "closing lasts 1.24 s, too long for 60"),
        (lambda: BlinkConfig(mean_gap_seconds=0.5), "min 0.8, mean 0.5, max 10.0 seconds"),
        (lambda: BlinkConfig(closing=(0.5, 1.5)), r"closing is \(0.5, 1.5\)"),
        (lambda: blink_curve(-1, PAPER, seeded(), BlinkConfig()), "num_frames is -1"),
        (lambda: blink_curve(1, Fraction(0), seeded(), BlinkConfig()), "fps is 0"),
        (lambda: sadtalker_blinks(-1, seeded()), "num_frames is -1"),
    ):
        with pytest.raises(InputError, match=message):
            make()
