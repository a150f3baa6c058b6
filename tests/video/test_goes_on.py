"""A film that was cut short goes on: one file in the end, its first frames as they were encoded."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from imagineid_core.audio.decode import decode_sound
from imagineid_core.errors import InputError
from imagineid_core.video.open_writer import open_writer
from imagineid_core.video.reader import count_frames, frame_size, read_frames
from tests.sounds import tone
from tests.video.test_video_files import files_in, full_disk, grey, samples_of

NAMES = ("a b é.mp4", "a b é.webm", "a b é")
FPS = Fraction(30000, 1001)
LEVELS = np.linspace(-0.9, 0.9, 40)
SOUND = torch.from_numpy(tone(2.0, 16_000))


def write(path, first, last, **options):
    given = {"fps": FPS, "sound": SOUND, "sample_rate": 16_000} | options
    with open_writer(path, after=first, **given) as writer:
        for level in LEVELS[first:last]:
            writer.write(grey(float(level)))
    return path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cuts", [(15,), (1, 2, 3), (15, 16)])
def test_a_film_made_in_pieces_has_every_frame_and_the_whole_sound(tmp_path, name, cuts):
    """Pieces of a single frame are where decoding times ran backwards once."""
    ends = [0, *cuts, len(LEVELS)]
    for first, last in zip(ends, ends[1:], strict=False):
        path = write(tmp_path / name, first, last)
        assert count_frames(path) == last
    seen = [float(frame.mean()) for frame in read_frames(path, range(len(LEVELS)))]
    assert seen == pytest.approx(LEVELS.tolist(), abs=0.03)  # YUV range and the codecs' loss
    heard, rate = samples_of(path)
    assert abs(heard.shape[1] - len(LEVELS) / FPS * rate) <= 1
    truth = tone(2.0, rate)[:, : heard.shape[1]]
    assert np.square((heard - truth)[:, 2_000:-2_000]).mean() ** 0.5 < 0.02
    if path.is_file():
        with av.open(str(path)) as film:
            stream = film.streams.video[0]
            times = sorted(packet.pts for packet in film.demux(stream) if packet.size)
            steps = np.diff(times) * float(stream.time_base * FPS)
        assert np.abs(steps - 1).max() < 0.04  # WebM counts whole milliseconds
    assert not [file for file in files_in(tmp_path) if file.startswith(".")]


def test_the_first_frames_are_not_encoded_again(tmp_path):
    """A picture that H.264 does not hold exactly stays what the first encoding made of it."""
    noise = torch.rand(20, 3, 48, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    path = tmp_path / "a.mp4"
    with open_writer(path, fps=FPS) as writer:
        for frame in noise[:12]:
            writer.write(frame)
    before = list(read_frames(path, range(12)))
    with open_writer(path, fps=FPS, after=12) as writer:
        for frame in noise[12:]:
            writer.write(frame)
    after = list(read_frames(path, range(20)))
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=False))
    assert not torch.equal(before[0], noise[0])


@pytest.mark.parametrize("name", NAMES)
def test_going_on_behind_another_number_of_frames_is_refused(tmp_path, name):
    path = write(tmp_path / name, 0, 5)
    with pytest.raises(InputError, match="holds 5 frames, but it should go on behind 7"):
        open_writer(path, fps=FPS, after=7)
    with pytest.raises(InputError, match="holds 0 frames, but it should go on behind 7"):
        open_writer(tmp_path / ("other" + name), fps=FPS, after=7)


@pytest.mark.parametrize("name", NAMES)
def test_frames_of_another_size_leave_the_film_as_it_was(tmp_path, name):
    path = write(tmp_path / name, 0, 5)
    before = {file: (tmp_path / file).read_bytes() for file in files_in(tmp_path)}
    with (
        pytest.raises(InputError, match="frame 5 is 32 x 32 but the video is 64 x 48"),
        open_writer(path, fps=FPS, after=5) as writer,
    ):
        writer.write(grey(0, 32, 32))
    assert {file: (tmp_path / file).read_bytes() for file in files_in(tmp_path)} == before


@pytest.mark.parametrize("name", NAMES[:2])
def test_a_full_disk_leaves_the_film_as_far_as_it_was(tmp_path, name):
    path = write(tmp_path / name, 0, 5, sound=None)
    before = path.read_bytes()

    def write_too_much():
        generator = torch.Generator().manual_seed(0)
        with open_writer(path, fps=FPS, after=5) as writer:
            for _ in range(60):
                writer.write(torch.rand(3, 48, 64, generator=generator) * 2 - 1)

    with full_disk(9_000), pytest.raises(InputError, match="Free some space"):
        write_too_much()
    assert path.read_bytes() == before
    assert files_in(tmp_path) == {name}


def test_what_is_no_film_is_named(tmp_path):
    assert count_frames(tmp_path / "nowhere.mp4") == 0
    (tmp_path / "a.mp4").write_bytes(b"no film")
    with pytest.raises(InputError, match="a.mp4 is not readable as a video"):
        count_frames(tmp_path / "a.mp4")
    path = write(tmp_path / "b.mp4", 0, 3)
    assert frame_size(path) == (64, 48)
    with pytest.raises(InputError, match="ends before frame 9"):
        list(read_frames(path, [1, 9]))
    assert np.concatenate(list(decode_sound(path)), axis=1).shape[1] == pytest.approx(
        3 / FPS * 16_000, abs=1
    )
