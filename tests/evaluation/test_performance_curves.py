"""A performance as short lists of numbers."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from imagineid_core.evaluation.performance_curves import (
    even_curve,
    motion_curves,
    mouth_curve,
    sound_curve,
)
from imagineid_core.face.load import load_face
from imagineid_core.motion.track import still_track
from imagineid_core.values import Speech


def test_a_click_is_seen_however_few_points_there_are():
    waveform = torch.zeros(640 * 1000)
    waveform[123_456] = -0.75
    speech = Speech(waveform=waveform, fps=Fraction(25), num_frames=1000)
    curve = sound_curve(speech, points=100)
    assert len(curve) == 100
    assert curve[int(123_456 / 6400)] == 0.75
    assert sum(curve) == 0.75


def test_a_blink_is_kept_and_angles_are_degrees():
    track = still_track(1000, Fraction(25), pose=torch.tensor([0.0, torch.pi / 6, 0, 0, 0, 0]))
    blink = track.blink.clone()
    blink[501] = 1
    curves = motion_curves(replace(track, blink=blink), points=50)
    assert max(curves["blink"]) == 1
    assert curves["yaw"] == [30.0] * 50
    assert curves["pitch"] == [0.0] * 50


def test_a_short_clip_has_a_point_for_each_frame():
    assert even_curve(torch.tensor([1.0, 2.5, 3.0])) == [1.0, 2.5, 3.0]


def test_a_mouth_that_opens_is_wider_in_mm():
    basis = load_face()
    shut = torch.zeros(3, basis.expression_basis.shape[-1])
    shape = torch.zeros(basis.shape_basis.shape[-1])
    rest = mouth_curve(shape, shut, basis)
    assert rest == [pytest.approx(rest[0])] * 3
    lower = basis.landmarks[66]  # the lower lip
    jaw = -basis.expression_basis[lower, 1]  # expression that moves the lower lip down most
    opened = mouth_curve(shape, (2 * jaw / jaw.norm()).repeat(3, 1), basis)
    assert min(opened) > max(rest) + 1
