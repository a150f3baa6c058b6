"""Edits of a motion track."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.motion.track import (
    add,
    concatenate,
    cut,
    mix,
    offset,
    retime,
    scale,
    smooth,
    still_track,
    stretch,
)
from imagineid_core.values import MotionTrack

PAPER = Fraction(25)


def some_track(num_frames: int = 30, fps: Fraction = PAPER, seed: int = 0) -> MotionTrack:
    generator = torch.Generator().manual_seed(seed)
    return MotionTrack(
        pose=torch.randn(num_frames, 6, generator=generator),
        blink=torch.rand(num_frames, generator=generator),
        fps=fps,
    )


def same(a: MotionTrack, b: MotionTrack, atol: float = 0) -> None:
    assert a.fps == b.fps
    torch.testing.assert_close(a.pose, b.pose, rtol=0, atol=atol)
    torch.testing.assert_close(a.blink, b.blink, rtol=0, atol=atol)


def test_a_still_track_holds_its_pose_with_open_eyes():
    pose = torch.tensor([0.1, 0.2, 0.3, 1.0, 2.0, 3.0])
    track = still_track(4, PAPER, pose=pose)
    torch.testing.assert_close(track.pose, pose.repeat(4, 1), rtol=0, atol=0)
    assert not track.blink.any()
    assert not still_track(3, PAPER).pose.any()
    assert len(still_track(0, PAPER).pose) == 0


def test_an_offset_moves_every_frame_and_its_opposite_brings_it_back():
    track = some_track()
    move = torch.tensor([0.1, -0.2, 0.0, 0.5, 0.0, 0.0])
    moved = offset(track, pose=move)
    torch.testing.assert_close(moved.pose - track.pose, move.expand(30, 6), rtol=0, atol=1e-6)
    same(offset(moved, pose=-move), track, atol=1e-6)
    same(offset(track), track)


def test_a_change_is_added_and_an_eye_is_as_closed_as_either_says():
    track, change = some_track(seed=1), some_track(seed=2)
    both = add(track, change)
    torch.testing.assert_close(both.pose, track.pose + change.pose, rtol=0, atol=0)
    assert torch.equal(both.blink, torch.maximum(track.blink, change.blink))
    same(add(track, still_track(30, PAPER)), track)
    with pytest.raises(InputError, match="the tracks do not match: a has 30 frames"):
        add(track, still_track(29, PAPER))


def test_blink_saturates_at_open_and_closed():
    track = some_track()
    assert float(offset(track, blink=2).blink.min()) == 1
    assert float(offset(track, blink=-2).blink.max()) == 0
    assert float(scale(track, blink=100).blink.max()) == 1
    torch.testing.assert_close(scale(track, blink=0.5).blink, track.blink / 2, rtol=0, atol=0)


def test_scaling_separates_rotation_and_translation_about_the_first_frame():
    track = some_track()
    scaled = scale(track, rotation=2, translation=0)
    torch.testing.assert_close(scaled.pose[0], track.pose[0], rtol=0, atol=0)
    change, before = scaled.pose - track.pose[0], track.pose - track.pose[0]
    torch.testing.assert_close(change[:, :3], 2 * before[:, :3], rtol=0, atol=1e-6)
    assert not change[:, 3:].any()
    same(scale(track), track, atol=1e-6)


def test_scaling_about_zero_scales_the_pose_itself():
    track = some_track()
    halved = scale(track, rotation=0.5, translation=0.5, about=torch.zeros(6))
    torch.testing.assert_close(halved.pose, track.pose / 2, rtol=0, atol=0)


def test_smoothing_leaves_the_blink_alone():
    track = some_track()
    smoothed = smooth(track)
    torch.testing.assert_close(smoothed.blink, track.blink, rtol=0, atol=0)
    jerk = (track.pose.diff(dim=0).abs().mean(), smoothed.pose.diff(dim=0).abs().mean())
    assert jerk[1] < jerk[0] / 2


def test_a_mix_runs_from_one_track_to_the_other():
    a, b = some_track(seed=1), some_track(seed=2)
    same(mix(a, b, 0.0), a)
    same(mix(a, b, 1.0), b)
    half = mix(a, b, 0.5)
    torch.testing.assert_close(half.pose, (a.pose + b.pose) / 2, rtol=0, atol=1e-6)
    fade = mix(a, b, torch.linspace(0, 1, 30))
    torch.testing.assert_close(fade.pose[0], a.pose[0], rtol=0, atol=0)
    torch.testing.assert_close(fade.pose[-1], b.pose[-1], rtol=0, atol=0)


@settings(max_examples=50, deadline=None)
@given(start=st.integers(0, 30), length=st.integers(0, 30))
def test_cut_parts_join_to_the_whole(start, length):
    track = some_track()
    stop = min(start + length, 30)
    parts = [cut(track, 0, start), cut(track, start, stop), cut(track, stop, 30)]
    assert len(parts[1].pose) == stop - start
    same(concatenate(parts), track)


@settings(max_examples=50, deadline=None)
@given(num_frames=st.integers(0, 200), old=st.integers(10, 60), new=st.integers(10, 60))
def test_retiming_keeps_the_seconds_within_half_a_frame(num_frames, old, new):
    track = retime(some_track(num_frames, Fraction(old)), Fraction(new))
    assert track.fps == new
    assert abs(Fraction(len(track.pose), new) - Fraction(num_frames, old)) <= Fraction(1, 2 * new)
    assert bool(((track.blink >= 0) & (track.blink <= 1)).all())


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001), Fraction(30), Fraction(60)])
def test_ten_minutes_of_retiming_do_not_drift(fps):
    """A straight line in time: any accumulated error would show at the far end."""
    seconds = torch.arange(15_000, dtype=torch.float64) / 25
    line = MotionTrack(
        pose=seconds.float()[:, None].repeat(1, 6) / 600, blink=torch.zeros(15_000), fps=PAPER
    )
    track = retime(line, fps)
    expected = torch.arange(len(track.pose), dtype=torch.float64) / float(fps)
    expected = expected.clamp(max=float(seconds[-1])) / 600
    # float32 of values up to 1: 6e-8 here is 36 microseconds of the ten minutes; three of them.
    assert (track.pose[:, 0].double() - expected).abs().max() < 2e-7


def test_doubling_the_frame_rate_and_back_is_the_identity():
    track = some_track()
    same(retime(retime(track, Fraction(50)), PAPER), track)
    assert retime(track, PAPER).pose is track.pose


def test_stretching_keeps_the_ends_and_the_extremes():
    track = some_track()
    longer = stretch(track, 101)
    assert len(longer.pose) == 101
    torch.testing.assert_close(longer.pose[[0, -1]], track.pose[[0, -1]], rtol=0, atol=0)
    assert bool((longer.pose.amax(0) <= track.pose.amax(0)).all())
    assert len(stretch(track, 1).pose) == 1
    assert len(stretch(cut(track, 0, 1), 5).pose) == 5
    same(stretch(track, 30), track)


def test_no_edit_touches_its_arguments():
    a, b = some_track(seed=1), some_track(seed=2)
    pose, blink = a.pose.clone(), a.blink.clone()
    edited = [offset(a, pose=torch.ones(6), blink=1), scale(a, rotation=2, blink=0), smooth(a)]
    edited += [mix(a, b, 0.3), cut(a, 2, 9), retime(a, Fraction(30)), concatenate([a, b])]
    cut(a, 0, 5).pose.zero_()
    assert all(track.pose.data_ptr() != a.pose.data_ptr() for track in edited)
    torch.testing.assert_close(a.pose, pose, rtol=0, atol=0)
    torch.testing.assert_close(a.blink, blink, rtol=0, atol=0)


def test_bad_inputs_are_named():
    track, short, fast = some_track(), some_track(20), some_track(30, Fraction(30))
    nan = torch.full((6,), math.nan)
    for make, message in (
        (lambda: mix(track, short, 0.5), "a has 30 frames at 25 fps, b has 20 frames at 25 fps"),
        (lambda: mix(track, fast, 0.5), "a has 30 frames at 25 fps, b has 30 frames at 30 fps"),
        (lambda: mix(track, track, 1.5), "weight runs from 1.5 to 1.5"),
        (lambda: mix(track, track, math.nan), "weight runs from nan"),
        (lambda: mix(track, track, torch.zeros(4)), r"weight is \(4,\) but .* 30 frames"),
        (lambda: cut(track, 5, 31), "cut runs from frame 5 to 31 but the track has 30"),
        (lambda: cut(track, -1, 3), "cut runs from frame -1"),
        (lambda: retime(track, Fraction(0)), "fps is 0"),
        (lambda: stretch(track, 0), "num_frames is 0 and the track has 30"),
        (lambda: concatenate([]), "tracks is empty"),
        (lambda: concatenate([track, fast]), "the tracks run at 25, 30 fps"),
        (lambda: offset(track, pose=nan), r"pose is \[nan"),
        (lambda: scale(track, about=torch.zeros(3)), r"pose is \[0.0, 0.0, 0.0\]"),
        (lambda: still_track(-1, PAPER), "num_frames is -1"),
    ):
        with pytest.raises(InputError, match=message):
            make()
