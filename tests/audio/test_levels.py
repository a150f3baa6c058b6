import numpy as np
import pytest

from imagineid_core.audio.levels import FLOOR_DB, inspect_sound
from tests.sounds import FLOAT, tone, write_sound


def test_levels_of_a_tone_are_known(tmp_path):
    path = write_sound(tmp_path / "a.wav", tone(2, 48_000, 2), 48_000, FLOAT)
    report = inspect_sound(path)
    assert report.peak_db == pytest.approx(20 * np.log10(0.3), abs=0.01)
    assert report.rms_db == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.01)
    assert (report.seconds, report.num_samples, report.num_frames) == (2.0, 96_000, 50)
    assert (report.num_channels, report.sample_rate) == (2, 48_000)
    assert (report.clipped_ratio, report.silent_ratio, report.num_invalid) == (0, 0, 0)


def test_clipping_silence_and_invalid_samples_are_counted(tmp_path):
    sound = tone(4, 16_000)
    sound[0, :32_000] = 0  # the first half
    sound[0, 40_000:40_800] = 1.0  # 800 of 64,000
    sound[0, 50_000:50_010] = np.nan
    report = inspect_sound(write_sound(tmp_path / "a.wav", sound, 16_000, FLOAT))
    assert report.clipped_ratio == pytest.approx(800 / 64_000)
    assert report.silent_ratio == pytest.approx(0.5, abs=0.01)
    assert report.num_invalid == 10
    assert np.isfinite(report.rms_db)


def test_digital_silence_has_a_finite_level(tmp_path):
    report = inspect_sound(write_sound(tmp_path / "a.wav", np.zeros((1, 16_000)), 16_000))
    assert report.peak_db == report.rms_db == FLOOR_DB
    assert report.silent_ratio == 1


def test_blocks_do_not_depend_on_how_the_file_is_chunked(tmp_path):
    sound = tone(1, 16_000) * (np.arange(16_000) % 3200 < 1600)
    from_wav = inspect_sound(write_sound(tmp_path / "a.wav", sound, 16_000))
    from_flac = inspect_sound(write_sound(tmp_path / "a.flac", sound, 16_000, "flac"))
    assert from_wav.silent_ratio == from_flac.silent_ratio == pytest.approx(0.5)
