import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.corpus.talker.espeak import has_espeak, installed_data_folder, synthesise
from imagineid_core.corpus.talker.voices import (
    draw_speaker,
    place_of,
    speaker_at,
    variant_text,
    write_voices,
)
from imagineid_core.errors import InputError

needs_espeak = pytest.mark.skipif(
    not has_espeak(), reason="needs libespeak-ng.so.1 of the Debian package espeak-ng"
)


@settings(deadline=None)  # the first call warms caches
@given(st.lists(st.floats(0, 1), min_size=12, max_size=12))
def test_a_speaker_and_its_place_in_the_space_are_one(place):
    # 1e-9: a logarithm and its inverse in float64.
    assert np.allclose(place_of(speaker_at(np.array(place))), place, atol=1e-9)


def test_three_hundred_speakers_and_the_tenth_for_the_test_cover_every_measure():
    places = np.array([place_of(draw_speaker(0, index)) for index in range(300)])
    for chosen in (places, places[2::10]):
        quarters = [np.histogram(axis, bins=4, range=(0, 1))[0] for axis in chosen.T]
        assert np.min(quarters) >= 0.1 * len(chosen)  # 0.25 were even
    assert np.abs(np.corrcoef(places.T) - np.eye(12)).max() < 0.2  # measures are independent


def test_another_seed_gives_other_speakers():
    assert draw_speaker(0, 3) == draw_speaker(0, 3)
    assert draw_speaker(0, 3) != draw_speaker(1, 3)


def test_a_variant_names_nine_formants():
    lines = variant_text(draw_speaker(0, 0)).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("formant")] == list("012345678")


def test_negative_numbers_are_refused():
    with pytest.raises(InputError, match="seed is -1 and index 0"):
        draw_speaker(-1, 0)


def test_an_installation_without_english_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no phondata"):
        write_voices(tmp_path / "own", [], tmp_path)


@needs_espeak
def test_a_voice_of_our_own_is_heard(tmp_path):
    low = speaker_at(np.full(12, 0.5))
    high = dataclasses.replace(low, pitch=2 * low.pitch)
    data = write_voices(tmp_path, [("low", low), ("high", high)], installed_data_folder())
    periods = [
        period(synthesise("Mamma.", variant=name, data_folder=data).waveform)
        for name in ("low", "high")
    ]
    assert periods[0] / periods[1] == pytest.approx(2, rel=0.15)  # the melody is not one pitch


def period(sound: torch.Tensor) -> int:
    """Samples to the highest peak of the autocorrelation between 70 and 500 Hz."""
    power = torch.fft.rfft(sound, 2 * len(sound)).abs().square()
    match = torch.fft.irfft(power)
    return 44 + int(match[44:315].argmax())
