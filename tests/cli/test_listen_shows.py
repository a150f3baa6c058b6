"""What `imagineid listen` makes to look at: one picture, one video with sound, a moving head."""

import av
import pytest
import torch
from PIL import Image

from imagineid_core.cli import main
from imagineid_core.listen.pad import save_pad
from imagineid_core.performance import load_performance
from tests.sounds import tone, write_sound
from tests.tiny import TINY, TINY_HEAD, save_tiny_head_motion, tiny_pad

SECONDS, FRAMES = 0.8, 20


@pytest.fixture
def voice(tmp_path):
    return write_sound(tmp_path / "голос é 1.wav", tone(SECONDS, 16_000), 16_000)


@pytest.fixture
def weights(tmp_path):
    save_pad(tmp_path / "pad", tiny_pad())
    return tmp_path / "pad"


def listen(*arguments):
    return main(["listen", *(str(argument) for argument in arguments)])


def test_a_picture_and_a_video_with_sound_lie_beside_the_coefficients(
    tmp_path, voice, weights, capsys
):
    out = tmp_path / "новая é"
    assert listen(voice, "--weights", weights, "--out", out, "--size", 32) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "coefficients.json",
        "coefficients.safetensors",
        "mesh.mp4",
        "motion.json",
        "performance.png",
    ]
    told = capsys.readouterr().out
    assert "performance.png" in told
    assert "mesh.mp4" in told
    with av.open(str(out / "mesh.mp4")) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (32, 32)
        assert film.streams.audio[0].rate == 16_000
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(pictures) == FRAMES
    assert max(picture.max() for picture in pictures) > 60  # a lit face, not a black square
    with Image.open(out / "performance.png") as picture:
        assert picture.width > 1000


def test_pictures_and_videos_can_be_left_out(tmp_path, voice, weights):
    out = tmp_path / "out"
    assert listen(voice, "--weights", weights, "--out", out, "--no-video", "--no-picture") == 0
    assert not (out / "mesh.mp4").exists()
    assert not (out / "performance.png").exists()


def test_a_video_that_is_there_is_not_overwritten_unasked(tmp_path, voice, weights, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mesh.mp4").write_bytes(b"somebody's")
    arguments = (voice, "--weights", weights, "--out", out, "--size", 32)
    assert listen(*arguments) == 2
    assert "holds mesh.mp4 already" in capsys.readouterr().err
    assert (out / "mesh.mp4").read_bytes() == b"somebody's"
    assert listen(*arguments, "--no-video") == 0
    assert listen(*arguments, "--overwrite") == 0
    assert len((out / "mesh.mp4").read_bytes()) > 1000


def test_an_odd_size_is_refused_before_listening(tmp_path, voice, weights, capsys):
    out = tmp_path / "out"
    assert listen(voice, "--weights", weights, "--out", out, "--size", 33) == 2
    assert "--size is 33 pixels" in capsys.readouterr().err
    assert not out.exists()


def test_without_matplotlib_the_rest_is_made_and_the_picture_named(
    tmp_path, voice, weights, monkeypatch, caplog
):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    out = tmp_path / "out"
    assert listen(voice, "--weights", weights, "--out", out, "--size", 32) == 0
    assert (out / "mesh.mp4").exists()
    assert not (out / "performance.png").exists()
    assert "performance.png is not drawn. Drawing needs matplotlib" in caplog.text


def test_the_head_is_still_without_head_motion_and_moves_with_it(tmp_path, voice, weights):
    quick = ("--no-video", "--no-picture")
    assert listen(voice, "--weights", weights, "--out", tmp_path / "still", *quick) == 0
    save_tiny_head_motion(weights)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        arguments = ("--weights", weights, "--out", tmp_path / name, "--seed", seed)
        assert listen(voice, *arguments, *quick) == 0
    still, a, b, c = (
        load_performance(tmp_path / name).motion.pose for name in ("still", "a", "b", "c")
    )
    assert (still == 0).all()
    assert a.std(dim=0).max() > 1e-4
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_a_pose_style_that_the_weights_lack_is_named(tmp_path, voice, weights, capsys):
    save_tiny_head_motion(weights)
    out = tmp_path / "out"
    assert listen(voice, "--weights", weights, "--out", out, "--pose-style", 2) == 2
    assert "style is 2 but this PoseVAE has 2. Choose 0 to 1" in capsys.readouterr().err
    assert not out.exists()


def test_head_motion_of_another_pad_is_refused(tmp_path, voice, weights, capsys):
    from dataclasses import replace

    save_tiny_head_motion(weights, replace(TINY_HEAD, audio_dim=24))
    assert listen(voice, "--weights", weights, "--out", tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert "audio features have 16 values but this PoseVAE needs 24" in told


def test_a_face_model_of_another_size_is_named_and_the_coefficients_are_kept(
    tmp_path, voice, capsys
):
    from dataclasses import replace

    from imagineid_core.listen.pad import build_pad

    save_pad(tmp_path / "small", build_pad(replace(TINY, expression_dim=10), seed=0))
    out = tmp_path / "out"
    assert listen(voice, "--weights", tmp_path / "small", "--out", out) == 2
    assert "expression has 10 coefficients but face basis 'open" in capsys.readouterr().err
    assert load_performance(out).expression.shape == (FRAMES, 10)
