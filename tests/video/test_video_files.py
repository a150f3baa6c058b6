"""What holds for every kind of file alike: MP4, WebM, a folder of pictures."""

import resource
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from imagineid_core.audio.decode import decode_sound
from imagineid_core.errors import InputError
from imagineid_core.video.open_writer import open_writer
from imagineid_core.video.picture import load_picture
from imagineid_core.video.picture_writer import PictureWriter
from imagineid_core.video.writer import VideoWriter
from tests.sounds import tone

NAMES = ("a b é.mp4", "a b é.webm", "a b é")
FPS = Fraction(30000, 1001)


def grey(level: float, height: int = 48, width: int = 64) -> torch.Tensor:
    return torch.full((3, height, width), float(level))


def frames_of(path) -> list[np.ndarray]:
    if path.is_dir():
        pictures = [load_picture(picture) for picture in sorted(path.glob("*.png"))]
        return [((one + 1) * 127.5).permute(1, 2, 0).numpy() for one in pictures]
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def samples_of(path) -> tuple[np.ndarray, int]:
    path = path / "sound.wav" if path.is_dir() else path
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
    return np.concatenate(list(decode_sound(path)), axis=1), rate


def files_in(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@contextmanager
def full_disk(num_bytes: int):
    """No file may grow beyond this, as on a disk that is full: a true failure of a true write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_name_chooses_the_writer(tmp_path):
    kinds = [type(open_writer(tmp_path / name, fps=FPS)) for name in (*NAMES, "A.MP4")]
    assert kinds == [VideoWriter, VideoWriter, PictureWriter, VideoWriter]
    (tmp_path / "take.2").mkdir()
    assert isinstance(open_writer(tmp_path / "take.2", fps=FPS), PictureWriter)
    with pytest.raises(InputError, match=r"a.avi ends in .avi.* Use .mp4 or .webm, or a name with"):
        open_writer(tmp_path / "a.avi", fps=FPS)


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_arrives_in_order(tmp_path, name):
    levels = np.linspace(-0.9, 0.9, 30)
    with open_writer(tmp_path / name, fps=FPS) as writer:
        for level in levels:
            writer.write(grey(float(level)))
    seen = [frame.mean() / 127.5 - 1 for frame in frames_of(tmp_path / name)]
    assert seen == pytest.approx(levels.tolist(), abs=0.03)  # YUV range and the codecs' loss


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("rate", "seconds"), [(16_000, 0.5), (44_100, 10.0), (96_000, 2.0)])
def test_sound_is_as_long_as_the_picture_to_the_sample(tmp_path, name, rate, seconds):
    sound = torch.from_numpy(tone(seconds, rate, num_channels=2))
    with open_writer(tmp_path / name, fps=FPS, sound=sound, sample_rate=rate) as writer:
        for _ in range(50):
            writer.write(grey(0))
    heard, kept_rate = samples_of(tmp_path / name)
    assert abs(heard.shape[1] - 50 / FPS * kept_rate) <= 1
    truth = tone(seconds, kept_rate, num_channels=2)
    both = min(heard.shape[1], truth.shape[1])
    inner = slice(2_000, both - 2_000)
    # Lossy codecs, but no shift: three samples would be 0.02 at 44.1 kHz.
    assert np.square(heard[:, inner] - truth[:, inner]).mean() ** 0.5 < 0.02
    assert np.abs(heard[:, both + 2_000 :]).max(initial=0) < 0.01  # silence after a short sound


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_run_leaves_what_it_made(tmp_path, name):
    sound = torch.from_numpy(tone(2.0, 16_000))

    def run():
        with open_writer(tmp_path / name, fps=FPS, sound=sound, sample_rate=16_000) as writer:
            for index in range(10):
                if index == 7:
                    raise KeyboardInterrupt
                writer.write(grey(index / 10))

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(frames_of(tmp_path / name)) == 7
    heard, rate = samples_of(tmp_path / name)
    assert abs(heard.shape[1] - 7 / FPS * rate) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_nothing_has_the_name_before_it_is_whole(tmp_path, name):
    path = tmp_path / name
    with open_writer(path, fps=FPS) as writer:
        writer.write(grey(0))
        assert path.is_file() is False
        hidden = {name for name in files_in(tmp_path) if name.startswith(".")}
    assert len(frames_of(path)) == 1
    assert not hidden & files_in(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_leaves_nothing_half_written(tmp_path, name):
    path = tmp_path / name
    generator = torch.Generator().manual_seed(0)

    def write_too_much():
        with open_writer(path, fps=FPS, overwrite=True) as writer:
            for _ in range(60):
                writer.write(torch.rand(3, 64, 64, generator=generator) * 2 - 1)

    with open_writer(path, fps=FPS) as writer:
        for _ in range(3):
            writer.write(grey(0, 64, 64))
    before = {file: (tmp_path / file).read_bytes() for file in files_in(tmp_path)}
    told = r"cannot be written to .*File too large.*Free some space"
    with full_disk(9_000), pytest.raises(InputError, match=told):
        write_too_much()
    assert {file: (tmp_path / file).read_bytes() for file in files_in(tmp_path)} == before


@pytest.mark.parametrize("name", NAMES)
def test_what_exists_is_not_overwritten_silently(tmp_path, name):
    path = tmp_path / name
    for _ in range(2):
        with open_writer(path, fps=FPS, overwrite=True) as writer:
            writer.write(grey(0))
    before = files_in(tmp_path)
    with pytest.raises(InputError, match=r"already.* overwrite it"):
        open_writer(path, fps=FPS)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("name", NAMES[:2])
def test_a_file_that_appears_meanwhile_is_not_lost(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(InputError, match="appeared while it was being made"):
        write_while_another_appears(path)
    assert path.read_bytes() == b"precious"


def write_while_another_appears(path):
    with open_writer(path, fps=FPS) as writer:
        writer.write(grey(0))
        path.write_bytes(b"precious")


@pytest.mark.parametrize("name", NAMES)
def test_odd_sizes_are_held_or_refused_with_the_sizes_that_work(tmp_path, name):
    def write():
        with open_writer(tmp_path / name, fps=FPS) as writer:
            writer.write(grey(0.5, 47, 63))

    if name.endswith(".mp4"):
        with pytest.raises(InputError, match=r"63 x 47 .* Use 64 x 48, or a .webm or a folder"):
            write()
        assert not files_in(tmp_path)
    else:
        write()
        assert frames_of(tmp_path / name)[0].shape == (47, 63, 3)


@pytest.mark.parametrize("name", NAMES)
def test_no_frame_no_file_and_closing_twice_is_once(tmp_path, name):
    with open_writer(tmp_path / name, fps=FPS) as writer:
        writer.close()
    assert not files_in(tmp_path)
    with pytest.raises(InputError, match="is closed"):
        writer.write(grey(0))


def test_sound_that_is_not_finite_or_has_many_channels_is_refused(tmp_path):
    for name in NAMES:
        with pytest.raises(InputError, match="sound has samples that are NaN"):
            open_writer(
                tmp_path / name, fps=FPS, sound=torch.full((1, 9), torch.nan), sample_rate=16_000
            )
        with pytest.raises(InputError, match="sound has 3 channels"):
            open_writer(tmp_path / name, fps=FPS, sound=torch.zeros(3, 9), sample_rate=16_000)


def test_overwriting_a_longer_clip_leaves_none_of_its_pictures(tmp_path):
    for count in (5, 2):
        with PictureWriter(tmp_path / "a", fps=FPS, overwrite=True) as writer:
            for _ in range(count):
                writer.write(grey(0))
    (tmp_path / "a" / "notes.txt").write_text("mine")
    assert files_in(tmp_path / "a") == {"000000.png", "000001.png", "notes.txt"}


def test_pictures_need_a_folder(tmp_path):
    (tmp_path / "a").write_bytes(b"precious")
    with pytest.raises(InputError, match="a is a file, so no pictures can lie in it"):
        PictureWriter(tmp_path / "a", fps=FPS)
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(InputError, match="b.mp4 is a folder"):
        VideoWriter(tmp_path / "b.mp4", fps=FPS)
