from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from imagineid_core.audio.decode import decode_sound
from imagineid_core.errors import InputError
from imagineid_core.video.writer import VideoWriter
from tests.sounds import tone

FPS = Fraction(25)


def grey(level: float, height: int = 48, width: int = 64) -> torch.Tensor:
    return torch.full((3, height, width), float(level))


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    return rate, frames


def test_every_frame_arrives_in_order_at_the_right_rate(tmp_path):
    path = tmp_path / "имя é.mp4"
    levels = np.linspace(-0.9, 0.9, 30)
    with VideoWriter(path, fps=Fraction(30000, 1001)) as writer:
        for level in levels:
            writer.write(grey(float(level)))
    rate, frames = read(path)
    assert rate == Fraction(30000, 1001)
    seen = [frame.mean() / 127.5 - 1 for frame in frames]
    assert seen == pytest.approx(levels.tolist(), abs=0.03)  # YUV range and H.264


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("seconds_of_sound", [0.5, 2.0, 10.0])
def test_sound_is_exactly_as_long_as_the_picture(tmp_path, rate, seconds_of_sound):
    path = tmp_path / "a.mp4"
    sound = torch.from_numpy(tone(seconds_of_sound, rate))
    with VideoWriter(path, fps=FPS, sound=sound, sample_rate=rate) as writer:
        for _ in range(50):
            writer.write(grey(0))
    heard = np.concatenate(list(decode_sound(path)), axis=1)[0]
    assert len(read(path)[1]) == 50
    assert abs(len(heard) - 2 * rate) <= 1
    both = min(2.0, seconds_of_sound) * rate
    inner = slice(2_000, int(both) - 2_000)
    assert np.abs(heard[inner] - sound[0, inner].numpy()).max() < 0.05  # AAC, but no shift


def test_an_interrupted_run_leaves_what_it_made(tmp_path):
    path = tmp_path / "a.mp4"

    def run():
        with VideoWriter(path, fps=FPS) as writer:
            for index in range(10):
                if index == 7:
                    raise KeyboardInterrupt
                writer.write(grey(0))

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(read(path)[1]) == 7


def test_no_frame_no_file(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", fps=FPS):
        pass
    assert not (tmp_path / "a.mp4").exists()


def _nan(writer):
    writer.write(grey(0))
    writer.write(grey(float("nan")))


def _resized(writer):
    writer.write(grey(0))
    writer.write(grey(0, 32, 32))


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (
            lambda writer: writer.write(grey(0, 49, 64)),
            "64 x 49 but H.264 needs even sizes",
        ),
        (_nan, "frame 1 has values that are NaN"),
        (_resized, "frame 1 is 32 x 32 but the video is 64 x 48"),
    ],
)
def test_frames_that_do_not_fit_are_named(tmp_path, act, told):
    with pytest.raises(InputError, match=told), VideoWriter(tmp_path / "a.mp4", fps=FPS) as writer:
        act(writer)


def test_files_that_exist_and_other_endings_are_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"precious")
    with pytest.raises(InputError, match="a.mp4 exists already"):
        VideoWriter(tmp_path / "a.mp4", fps=FPS)
    with pytest.raises(InputError, match="a.gif does not end in .mp4"):
        VideoWriter(tmp_path / "a.gif", fps=FPS)
    with pytest.raises(InputError, match="sound has 3 channels"):
        VideoWriter(tmp_path / "b.mp4", fps=FPS, sound=torch.zeros(3, 9), sample_rate=16_000)
    assert (tmp_path / "a.mp4").read_bytes() == b"precious"
