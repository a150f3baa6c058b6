from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagineid_core.corpus.clip import Phoneme
from imagineid_core.evaluation.lips import (
    closures_hit,
    correlation,
    envelope,
    envelope_correlation,
    lip_gaps,
    offset_of,
    silence_openness,
)
from imagineid_core.face.open_face import expression_from_controls, lip_gap, open_face_basis
from imagineid_core.motion.track import still_track
from imagineid_core.values import PAPER_FPS, SAMPLE_RATE, Performance, Speech

FRAME = SAMPLE_RATE // 25


def curve(seed, num_frames=80):
    random = np.random.default_rng(seed).standard_normal(num_frames)
    return np.convolve(random, np.ones(3) / 3, mode="same")


def speech_of(levels):
    """A tone whose amplitude is `levels`, frame by frame."""
    tone = torch.sin(torch.arange(len(levels) * FRAME) * 0.3)
    amplitude = torch.tensor(levels, dtype=torch.float32).repeat_interleave(FRAME)
    return Speech(waveform=tone * amplitude, fps=PAPER_FPS, num_frames=len(levels))


def performance_of(jaw):
    return Performance(
        shape=None,
        semantics=None,
        style=None,
        lip_expression=None,
        expression=expression_from_controls({"jaw_open": torch.tensor(jaw)}),
        motion=still_track(len(jaw), PAPER_FPS),
    )


def test_gaps_are_those_of_the_whole_mesh():
    basis = open_face_basis()
    shape = torch.randn(80, generator=torch.Generator().manual_seed(1))
    expression = expression_from_controls({"jaw_open": torch.tensor([0.0, 0.4, 1.0])})
    whole = (
        basis.mean_vertices
        + basis.shape_basis @ shape
        + torch.einsum("vce,fe->fvc", basis.expression_basis, expression)
    )
    gaps = lip_gaps(shape, expression, basis)
    # float32 sums in another order; a tenth of a micrometre on a head of two decimetres
    np.testing.assert_allclose(gaps, lip_gap(whole, basis).numpy(), atol=1e-5)
    assert gaps[0] < gaps[1] < gaps[2]


@given(gain=st.floats(0.1, 10), shift=st.floats(-5, 5), seed=st.integers(0, 50))
def test_correlation_ignores_gain_and_offset(gain, shift, seed):
    one = curve(seed)
    assert correlation(one, gain * one + shift) == pytest.approx(1)
    assert correlation(one, -gain * one + shift) == pytest.approx(-1)


def test_a_mouth_that_stands_still_follows_nothing():
    assert correlation(np.ones(50), curve(0, 50)) == 0
    assert offset_of(np.ones(50), curve(0, 50)) is None


def test_unrelated_curves_do_not_correlate():
    values = [correlation(curve(seed), curve(seed + 1000)) for seed in range(200)]
    assert abs(np.mean(values)) < 0.03  # 200 clips of about 30 free values: 0.013 is one sigma


@given(lag=st.integers(-6, 6), seed=st.integers(0, 20))
def test_a_shifted_curve_is_found_at_its_shift(lag, seed):
    longer = curve(seed, 120)
    assert offset_of(longer[20 - lag : 100 - lag], longer[20:100]) == lag


def test_every_closed_p_b_and_m_counts_and_no_other_sound():
    gaps = np.ones(20)
    gaps[[4, 5, 12]] = 0.1
    sounds = [("p", 4, 6), ("a", 6, 9), ("m", 9, 11), ("b", 12, 13), ("s", 15, 17)]
    phonemes = [Phoneme(symbol=s, start=a / 25, end=b / 25) for s, a, b in sounds]
    assert closures_hit(gaps, phonemes, 25.0) == (2, 3)
    assert closures_hit(gaps, phonemes[1:2], 25.0) == (0, 0)


def test_a_closure_within_a_frame_is_looked_for_in_that_frame():
    gaps = np.ones(10)
    gaps[3] = 0.0
    inside = Phoneme(symbol="b", start=3.2 / 25, end=3.9 / 25)
    beside = Phoneme(symbol="b", start=4.2 / 25, end=4.9 / 25)
    assert closures_hit(gaps, [inside, beside], 25.0) == (1, 2)


def test_the_threshold_is_a_quarter_of_the_clips_mean():
    gaps = np.full(100, 1.0)
    phoneme = [Phoneme(symbol="m", start=50 / 25, end=51 / 25)]
    for value, hit in ((0.24, 1), (0.26, 0)):
        gaps[50] = value
        assert closures_hit(gaps, phoneme, 25.0) == (hit, 1)


def test_the_envelope_is_in_decibels_of_the_loudest_frame():
    levels = envelope(speech_of([0.5, 0.05, 0.0, 0.5]))
    # a frame holds no whole number of the tone's periods, which moves its level by under 0.1 dB
    np.testing.assert_allclose(levels, [0, -20, -40, 0], atol=0.1)
    assert (envelope(speech_of([0.0, 0.0])) == -40).all()


def test_a_mouth_that_opens_with_the_voice_follows_it_and_one_that_opens_against_it_does_not():
    loud = [0.0, 0.0, 0.1, 0.5, 0.5, 0.1, 0.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0]
    speech, basis = speech_of(loud), open_face_basis()
    with_it = envelope_correlation(performance_of([level * 2 for level in loud]), speech, basis)
    against = envelope_correlation(performance_of([1 - level * 2 for level in loud]), speech, basis)
    assert with_it > 0.9
    assert against < -0.9


def test_a_silent_clip_is_followed_by_nobody():
    speech = speech_of([0.0] * 6)
    performance = performance_of([0.0, 0.5, 1.0, 0.2, 0.6, 0.1])
    assert envelope_correlation(performance, speech, open_face_basis()) == 0
    assert silence_openness(performance, speech, open_face_basis()) is None


def test_silence_openness_is_0_for_a_mouth_that_shuts_and_1_for_one_that_stays_open():
    speech, basis = speech_of([0.0] * 5 + [0.5] * 5), open_face_basis()
    shuts = silence_openness(performance_of([0.0] * 5 + [0.8] * 5), speech, basis)
    stays = silence_openness(performance_of([0.8] * 10), speech, basis)
    assert shuts == pytest.approx(0, abs=0.02)  # the open face's lips rest 0.2 mm apart at most
    assert stays == pytest.approx(1)


def test_the_frame_of_silence_beside_speech_does_not_count():
    speech, basis = speech_of([0.0] * 5 + [0.5] * 5), open_face_basis()
    late = performance_of([0.0] * 4 + [0.8] * 6)
    assert silence_openness(late, speech, basis) == pytest.approx(0, abs=0.02)


def test_a_shape_that_was_heard_is_the_one_measured():
    speech, basis = speech_of([0.5, 0.1, 0.5, 0.0]), open_face_basis()
    plain = performance_of([0.5, 0.2, 0.7, 0.1])
    shaped = replace(plain, shape=3 * torch.ones(80))
    assert envelope_correlation(plain, speech, basis) != envelope_correlation(shaped, speech, basis)
