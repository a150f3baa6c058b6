from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.audio.features import MelWindows, mel_spectrogram, mel_windows
from imagineid_core.audio.timeline import count_frames, wav2lip_window_starts, window_starts
from imagineid_core.audio.waveform import fit_to_frames
from imagineid_core.values import SAMPLE_RATE, Speech
from tests.parity import SEED, assert_parity, formula_weights, stored

FPS = Fraction(25)


@pytest.fixture(scope="module")
def wave():
    return torch.from_numpy(formula_weights.waveform("mel:wav", 32123, SEED))


def test_the_mel_is_that_of_wav2lip(wave):
    assert_parity("mel", {"mel": mel_spectrogram(wave)}, {"mel": 4e-5})


def test_the_windows_are_those_of_sadtalker(wave):
    num_frames = count_frames(len(wave), SAMPLE_RATE, FPS)
    speech = Speech(
        waveform=fit_to_frames(wave, num_frames, SAMPLE_RATE, FPS), fps=FPS, num_frames=num_frames
    )
    windows = mel_windows(speech).images(0, num_frames)
    got = {
        "num_frames": np.array([num_frames]),
        "windows": windows,
        "windows_first3": windows[:3],
        "windows_last3": windows[-3:],
    }
    limits = {"num_frames": 0, "windows": 4e-5, "windows_first3": 4e-5, "windows_last3": 4e-5}
    assert_parity("mel", got, limits)
    # the reference prints starts before clamping at the front; ours are clamped where they are read
    starts = np.maximum(window_starts(num_frames, FPS), 0)
    assert np.array_equal(starts, np.maximum(stored("mel")["window_start"], 0))


def test_wav2lips_own_windows_are_at_hand_for_its_networks(wave):
    mel = mel_spectrogram(wave)
    starts = wav2lip_window_starts(mel.shape[1], FPS)
    windows = MelWindows(mel, starts).images(0, len(starts))
    assert_parity(
        "mel",
        {"wav2lip_start": np.array(starts), "wav2lip_windows": windows},
        {"wav2lip_start": 0, "wav2lip_windows": 4e-5},
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60_000), st.integers(0, 2**31))
def test_a_mel_in_blocks_equals_the_mel_in_one_piece(num_samples, seed):
    import imagineid_core.audio.features as features

    sound = torch.rand(num_samples, generator=torch.Generator().manual_seed(seed)) - 0.5
    whole = mel_spectrogram(sound)
    before = features._BLOCK_STEPS
    try:
        features._BLOCK_STEPS = 7
        assert torch.equal(mel_spectrogram(sound), whole)
    finally:
        features._BLOCK_STEPS = before


def test_silence_is_the_floor_and_never_nan():
    assert torch.equal(mel_spectrogram(torch.zeros(3200)), torch.full((80, 17), -4.0))


def test_a_row_is_the_picture_read_band_by_band(wave):
    windows = MelWindows(mel_spectrogram(wave), [0, 5, 10])
    assert windows[0:3].shape == (3, 1280)
    assert torch.equal(windows[1:3].reshape(2, 80, 16), windows.images(1, 3))
