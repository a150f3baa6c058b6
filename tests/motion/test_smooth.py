"""Savitzky-Golay against scipy, and at the lengths where scipy refuses."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from imagineid_core.errors import InputError
from imagineid_core.motion.smooth import savitzky_golay


@settings(max_examples=50, deadline=None)
@given(
    num_frames=st.integers(1, 80),
    half=st.integers(0, 8),
    order=st.integers(0, 4),
    seed=st.integers(0, 100),
)
def test_it_is_scipys_filter_wherever_scipy_can(num_frames, half, order, seed):
    window = 2 * half + 1
    if order >= window or window > num_frames:
        return
    values = torch.randn(num_frames, 3, generator=torch.Generator().manual_seed(seed))
    expected = savgol_filter(values.double().numpy(), window, order, axis=0, mode="interp")
    got = savitzky_golay(values, window=window, order=order)
    # float32 sums of at most 17 terms of size 1, weights up to 1.
    torch.testing.assert_close(got.double(), torch.from_numpy(expected), rtol=0, atol=2e-6)


@settings(max_examples=50, deadline=None)
@given(num_frames=st.integers(0, 40))
def test_a_parabola_stays_what_it_is_at_every_length(num_frames):
    time = torch.arange(num_frames, dtype=torch.float64) / 10
    values = torch.stack([time**2 - time, 3 * time, torch.ones_like(time)], dim=1)
    torch.testing.assert_close(savitzky_golay(values), values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_frames", [0, 1, 2, 3])
def test_very_short_tracks_are_unchanged(num_frames):
    values = torch.randn(num_frames, 6)
    # Three points fit a parabola exactly: rounding only.
    torch.testing.assert_close(savitzky_golay(values), values, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("num_frames", "window"), [(12, 11), (11, 11), (6, 5), (5, 5), (4, 3)])
def test_a_short_track_shrinks_the_window_to_the_largest_odd_one(num_frames, window):
    values = torch.randn(num_frames, 2)
    expected = savgol_filter(values.double().numpy(), window, 2, axis=0)
    torch.testing.assert_close(
        savitzky_golay(values).double(), torch.from_numpy(expected), rtol=0, atol=2e-6
    )


def test_noise_shrinks_and_the_argument_is_left_alone():
    values = torch.randn(500, 2)
    before = values.clone()
    smooth = savitzky_golay(values)
    # The middle row of the fit has a square sum of 0.16 for window 13 and order 2.
    assert smooth.std() < 0.5 * values.std()
    torch.testing.assert_close(values, before, rtol=0, atol=0)


def test_bad_inputs_are_named():
    for window, order in ((12, 2), (0, 0), (3, 3), (5, -1)):
        with pytest.raises(InputError, match=f"window is {window} and order {order}"):
            savitzky_golay(torch.zeros(20, 1), window=window, order=order)
