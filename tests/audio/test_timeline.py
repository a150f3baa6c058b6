from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagineid_core.audio.timeline import (
    as_fps,
    count_frames,
    first_sample,
    middle_of,
    window_start,
    window_starts,
)
from imagineid_core.errors import InputError

HOUR = 3600
rates = st.integers(4_000, 192_000)
fps_values = st.one_of(
    st.integers(10, 60).map(Fraction),
    st.sampled_from([Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)]),
    st.fractions(10, 60, max_denominator=1001),
)


@given(st.data(), rates, fps_values)
def test_sound_and_video_differ_by_less_than_half_a_frame(data, rate, fps):
    """Over any length up to an hour; an exact half, the one tie, is trimmed by the writer."""
    num_samples = data.draw(st.integers(0, HOUR * rate))
    num_frames = count_frames(num_samples, rate, fps)
    gap = Fraction(num_samples, rate) - num_frames / fps
    half = 1 / fps / 2
    assert abs(gap) < half or gap == half


@given(st.data(), rates, fps_values)
def test_fitted_sound_ends_with_the_video_to_half_a_sample(data, rate, fps):
    num_frames = data.draw(st.integers(0, int(HOUR * fps)))
    end = Fraction(first_sample(num_frames, rate, fps), rate)
    assert abs(end - num_frames / fps) <= Fraction(1, 2 * rate)


@given(st.data(), fps_values)
def test_nothing_accumulates_over_an_hour(data, fps):
    """The window of any frame stays centred on it: no step is added up from the one before."""
    frame = data.draw(st.integers(2, int(HOUR * fps)))
    centre = Fraction(window_start(frame, fps) + 8, 80)
    assert abs(centre - middle_of(frame, fps)) < Fraction(1, 80)


def test_the_paper_window_is_the_released_rule():
    """SadTalker's int(80 * (i - 2) / 25), in floating point, for half an hour of frames."""
    assert window_starts(45_000, Fraction(25)) == [int(80 * ((i - 2) / 25)) for i in range(45_000)]


@pytest.mark.parametrize(
    ("given_fps", "exact"),
    [
        (25, Fraction(25)),
        (25.0, Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (12.5, Fraction(25, 2)),
        ("30000/1001", Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)),  # as a command line gives it
        ("25", Fraction(25)),
        ("2997/100", Fraction(2997, 100)),
        (30, Fraction(30)),
        (30.0, Fraction(30)),
    ],
)
def test_frame_rates_are_exact(given_fps, exact):
    assert as_fps(given_fps) == exact


@pytest.mark.parametrize(
    "bad", [0, -25, 9.9, 61, 240, float("nan"), float("inf"), "fast", "1/0", "1e400"]
)
def test_other_frame_rates_are_refused_by_name(bad):
    with pytest.raises(InputError, match="fps is"):
        as_fps(bad)


def test_a_tie_is_trimmed_and_not_padded():
    assert count_frames(24_000 + 320, 16_000, Fraction(25)) == 38  # 38.0 frames
    assert count_frames(24_000, 16_000, Fraction(25)) == 37  # 37.5 frames
