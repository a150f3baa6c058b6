from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from imagineid_core.audio.decode import decode_sound, probe_sound
from imagineid_core.audio.waveform import fit_to_frames, load_speech, speech_from_waveform
from imagineid_core.errors import InputError
from tests.sounds import (
    AAC,
    FLAC,
    FLOAT,
    MP3,
    OPUS,
    PCM,
    tone,
    write_sound,
    write_video_without_sound,
)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels", "with_video", "error"),
    [
        ("a.wav", PCM, 44_100, 2, False, 1e-3),
        ("a.wav", PCM, 8_000, 1, False, 1e-3),
        ("a.wav", FLOAT, 192_000, 1, False, 1e-3),
        ("a.wav", FLOAT, 48_000, 8, False, 1e-3),
        ("a.flac", FLAC, 44_100, 2, False, 1e-3),
        ("a.mp3", MP3, 44_100, 2, False, 2e-2),  # lossy: a hundredth of full scale
        ("a.ogg", OPUS, 48_000, 2, False, 5e-2),
        ("a.m4a", AAC, 44_100, 2, False, 5e-2),
        ("a.mkv", OPUS, 48_000, 1, True, 5e-2),
        ("a.mp4", AAC, 48_000, 2, True, 5e-2),
        ("имя с пробелом é.wav", PCM, 22_050, 1, False, 1e-3),
    ],
)
def test_any_file_becomes_the_same_mono_speech(
    tmp_path, name, codec, rate, channels, with_video, error
):
    path = write_sound(
        tmp_path / name, tone(1.2, rate, channels), rate, codec, with_video=with_video
    )
    speech = load_speech(path)
    truth = tone(1.2, 16_000, channels).mean(axis=0)
    assert speech.num_frames == 30
    assert len(speech.waveform) == 19_200
    inner = slice(800, -800)  # codecs and the resampler ring at the very ends
    assert np.abs(speech.waveform.numpy()[inner] - truth[inner]).max() < error


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 192_000])
def test_a_tensor_and_the_file_of_it_give_the_same_speech(tmp_path, rate):
    sound = tone(0.7, rate, 2)
    from_file = load_speech(write_sound(tmp_path / "x.wav", sound, rate, FLOAT))
    from_tensor = speech_from_waveform(torch.from_numpy(sound), rate)
    # chunk borders differ, so the sums of the resampler round differently
    torch.testing.assert_close(from_file.waveform, from_tensor.waveform, atol=1e-6, rtol=0)


@pytest.mark.parametrize("fps", [10, 12.5, 24, 25, 29.97, 30, 60])
def test_any_frame_rate_gives_whole_frames(tmp_path, fps):
    speech = speech_from_waveform(torch.zeros(1, 16_000), 16_000, fps)
    assert speech.num_frames == -(
        -(2 * speech.fps.numerator - speech.fps.denominator) // (2 * speech.fps.denominator)
    )
    assert len(speech.waveform) == round(speech.num_frames * 16_000 / speech.fps)


def test_sound_is_trimmed_to_the_video_or_its_last_frame_completed():
    sound = torch.arange(1, 11.0)
    assert torch.equal(fit_to_frames(sound, 1, 200, Fraction(25)), sound[:8])
    assert torch.equal(
        fit_to_frames(sound, 2, 200, Fraction(25)), torch.cat([sound, torch.zeros(6)])
    )


def test_padding_behind_the_declared_end_of_an_mp4_is_not_sound(tmp_path):
    """AAC codes whole frames of 1024: an m4a of 3.0 s decoded to 3.019 s, half a frame too long."""
    path = write_sound(tmp_path / "a.m4a", tone(3.0, 44_100), 44_100, AAC)
    assert sum(chunk.shape[1] for chunk in decode_sound(path)) == 3 * 44_100


def test_decoding_is_chunked_whatever_the_length(tmp_path):
    path = write_sound(tmp_path / "long.wav", tone(20, 44_100, 2), 44_100)
    sizes = [chunk.nbytes for chunk in decode_sound(path)]
    assert sum(sizes) == 20 * 44_100 * 2 * 4
    assert max(sizes) < 1_000_000


def test_progress_reaches_the_end(tmp_path):
    path = write_sound(tmp_path / "a.wav", tone(2, 16_000), 16_000)
    seen = []
    load_speech(path, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2.0, 2.0)


def test_headers_are_read_without_decoding(tmp_path):
    track = probe_sound(write_sound(tmp_path / "a.flac", tone(2, 22_050, 2), 22_050, FLAC))
    assert (track.codec, track.sample_rate, track.num_channels) == ("flac", 22_050, 2)
    assert track.declared_seconds == pytest.approx(2.0)


# --- bad input: one three-part error that names the file ---------------------------------------


def truncated(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def _missing(folder):
    return folder / "gone.wav"


def _folder(folder):
    return folder


def _empty(folder):
    (folder / "empty.wav").write_bytes(b"")
    return folder / "empty.wav"


def _text(folder):
    (folder / "notes.txt").write_text("not a sound " * 50)
    return folder / "notes.txt"


def _random(folder):
    (folder / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(40_000))
    return folder / "noise.mp3"


def _silent_video(folder):
    return write_video_without_sound(folder / "mute.mp4")


def _zero_length(folder):
    path = write_sound(folder / "zero.wav", tone(0.1, 16_000), 16_000)
    return truncated(path, 0.0244)  # the header alone


def _half_a_frame(folder):
    return write_sound(folder / "short.wav", tone(0.02, 16_000), 16_000)


def _not_a_number(folder):
    sound = tone(0.5, 16_000)
    sound[0, 4_000] = np.nan
    return write_sound(folder / "nan.wav", sound, 16_000, FLOAT)


def _infinite(folder):
    sound = tone(0.5, 16_000)
    sound[0, 8] = np.inf
    return write_sound(folder / "inf.wav", sound, 16_000, FLOAT)


def _cut_mp3(folder):
    return truncated(write_sound(folder / "cut.mp3", tone(3, 44_100, 2), 44_100, MP3), 0.5)


def _cut_m4a(folder):
    return truncated(write_sound(folder / "cut.m4a", tone(3, 44_100, 2), 44_100, AAC), 0.5)


def _cut_flac(folder):
    return truncated(write_sound(folder / "cut.flac", tone(3, 44_100, 2), 44_100, FLAC), 0.5)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_missing, "gone.wav does not exist"),
        (_folder, "is a folder, not a sound file"),
        (_empty, r"empty.wav is empty \(0 bytes\)"),
        (_text, "notes.txt"),
        (_random, "noise.mp3 cannot be read as sound"),
        (_silent_video, r"mute.mp4 has no sound track \(it holds: video\)"),
        (_zero_length, "zero.wav"),
        (_half_a_frame, r"short.wav is 0.02 s long; one video frame at 25 fps needs 0.04 s"),
        (_not_a_number, r"nan.wav has samples that are NaN or infinite, the first at 0.250 s"),
        (_infinite, "inf.wav has samples that are NaN or infinite"),
        (_cut_mp3, r"cut.mp3 ends early: it declares 3.00 s and holds 1\.\d\d"),
        (_cut_m4a, "cut.m4a cannot be read"),
        (_cut_flac, "cut.flac is damaged at"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_way_out(tmp_path, make, told):
    with pytest.raises(InputError, match=told) as error:
        load_speech(make(tmp_path))
    assert str(error.value).count(". ") >= 1  # what and which, then what to do


@pytest.mark.parametrize("make", [_cut_mp3, _cut_flac])
def test_damaged_files_give_what_is_there_when_asked(tmp_path, make):
    speech = load_speech(make(tmp_path), allow_damaged=True)
    assert 25 <= speech.num_frames <= 40  # about half of three seconds


def test_silence_is_valid_speech():
    speech = speech_from_waveform(torch.zeros(2, 32_000), 16_000)
    assert speech.num_frames == 50
    assert not speech.waveform.any()


@pytest.mark.parametrize(
    ("waveform", "rate", "told"),
    [
        (torch.zeros(1, 16_000), 0, "sample_rate is 0 Hz"),
        (torch.zeros(0, 16_000), 16_000, "0 channels"),
        (torch.zeros(1, 0), 16_000, "Waveform is 0 s long"),
        (torch.full((1, 16_000), torch.nan), 16_000, "NaN or infinite"),
    ],
)
def test_tensors_that_cannot_be_used_are_named(waveform, rate, told):
    with pytest.raises(InputError, match=told):
        speech_from_waveform(waveform, rate)


def _raw_stream(path, codec, bit_rate):
    """Twenty seconds of frames alone, without a header that would tell their number."""
    options = {"write_xing": "0", "id3v2_version": "0"} if codec == MP3 else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=44_100, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(tone(20, 44_100), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44_100, 0
        for part in (frame, None):
            container.mux(stream.encode(part))
    return path.read_bytes()


@pytest.mark.parametrize(("ending", "codec"), [("mp3", MP3), ("aac", AAC)])
def test_a_whole_file_that_declares_no_length_is_not_called_cut_off(tmp_path, ending, codec):
    """FFmpeg guesses such a length from the bit rate of the first frames: a mp3 of 60 s that began
    quietly 'declared' 115 s and was refused as cut off, and so was every raw AAC stream."""
    path = tmp_path / f"raw.{ending}"
    path.write_bytes(b"".join(_raw_stream(path, codec, rate) for rate in (32_000, 192_000)))
    assert probe_sound(path).declared_seconds > 50  # the guess is wrong enough to matter
    assert load_speech(path).num_frames == pytest.approx(1000, abs=5)  # and a little padding


def test_a_name_that_reads_like_an_address_is_a_file(tmp_path, monkeypatch):
    """FFmpeg looked for a server when a file in the current folder was named 'http:x.wav'."""
    write_sound(tmp_path / "x.wav", tone(1, 16_000), 16_000).rename(tmp_path / "http:x.wav")
    monkeypatch.chdir(tmp_path)
    assert load_speech("http:x.wav").num_frames == 25
