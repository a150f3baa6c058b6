import json
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from imagineid_core.cli import main
from imagineid_core.face.open_face import expression_from_controls
from imagineid_core.performance import load_performance, save_performance
from imagineid_core.values import MotionTrack, Performance
from tests.sounds import tone, write_sound


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def performance(tmp_path):
    """Five frames: the mouth opens, the head turns, the last frame blinks."""
    opening = torch.linspace(0, 0.8, 5)
    pose = torch.zeros(5, 6)
    pose[:, 1] = torch.linspace(-0.3, 0.3, 5)
    value = Performance(
        shape=torch.randn(80, generator=torch.Generator().manual_seed(1)),
        semantics=None,
        style=None,
        lip_expression=None,
        expression=expression_from_controls({"jaw_open": opening}),
        motion=MotionTrack(
            pose=pose, blink=torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0]), fps=Fraction(25)
        ),
    )
    save_performance(tmp_path / "heard", value, source="test")
    return tmp_path / "heard"


def test_a_performance_becomes_pictures_masks_and_landmarks(tmp_path, performance):
    out = tmp_path / "out"
    assert run("face", "render", "--coefficients", performance, "--out", out, "--size", 96) == 0
    folders = {path.name: len(list(path.iterdir())) for path in out.iterdir() if path.is_dir()}
    assert folders == dict.fromkeys(
        [
            "colour",
            "depth",
            "dilated_mouth_mask",
            "front_mask",
            "mouth_mask",
            "normals",
            "untextured",
        ],
        5,
    )
    mouths = [
        np.array(Image.open(out / "mouth_mask" / f"{frame:06d}.png")).astype(bool).sum()
        for frame in range(5)
    ]
    assert mouths[0] > 10
    assert mouths[3] > 1.5 * mouths[0]  # it opens
    told = json.loads((out / "landmarks.json").read_text())
    assert np.array(told["landmarks"]).shape == (5, 68, 2)
    assert run("face", "render", "--coefficients", performance, "--out", out, "--size", 96) == 2


def test_a_performance_becomes_a_video_with_sound(tmp_path, performance):
    voice = write_sound(tmp_path / "a.wav", tone(0.2, 16_000), 16_000)
    out = tmp_path / "talk.mp4"
    arguments = ("--coefficients", performance, "--out", out, "--size", 64, "--sound", voice)
    assert run("face", "render", *arguments) == 0
    with av.open(str(out)) as container:
        assert len(list(container.decode(video=0))) == 5
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 1


def test_a_render_is_fitted_from_its_own_landmarks(tmp_path, performance):
    out = tmp_path / "out"
    run("face", "render", "--coefficients", performance, "--out", out, "--size", 224)
    picture = out / "colour" / "000000.png"
    arguments = ("face", "fit", picture, "--landmarks", out / "landmarks.json", "--framed")
    assert run(*arguments, "--out", tmp_path / "fit") == 0
    report = json.loads((tmp_path / "fit" / "fit.json").read_text())
    assert report["stages"][-1]["landmark_error"] < 1.0  # px of 224: the bound
    pose = load_performance(tmp_path / "fit").motion.pose[0]
    assert pose[1] == pytest.approx(-0.3, abs=0.1)
    with Image.open(tmp_path / "fit" / "fit.png") as overlay:
        assert overlay.size == (3 * 224, 224)
    assert run(*arguments, "--out", tmp_path / "fit") == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["render", "--coefficients", "gone", "--out", "x"], "gone"),
        (["render", "--coefficients", "HEARD", "--out", "x", "--basis", "no.mat"], "no.mat"),
        (["render", "--coefficients", "HEARD", "--out", "x.mp4", "--size", "0"], "0 x 0"),
        (["render", "--coefficients", "HEARD", "--out", "x.mp4", "--size", "65"], "65 x 65"),
        (["render", "--coefficients", "HEARD", "--out", "x.mov"], "x.mov but videos are MP4"),
        (["render", "--coefficients", "HEARD", "--out", "x", "--sound", "s.wav"], "--sound is"),
        (["render", "--coefficients", "HEARD", "--out", "heard/coefficients.json"], "is a file"),
        (["sheet", "--of", "portraits", "--basis", "b.mat", "--out", "x.png"], "--basis is b.mat"),
        (["fit", "gone.png", "--landmarks", "gone.json", "--out", "x"], "gone.png"),
    ],
)
def test_mistakes_end_in_one_message(tmp_path, monkeypatch, performance, capsys, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert run("face", *[{"HEARD": performance}.get(word, word) for word in arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("imagineid: ")
    assert told in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[[1, 2], [3]]", "does not hold landmarks"),
        ("not json", "does not hold landmarks"),
        ("[1, 2, 3]", "landmarks are 68 pairs"),
        ("[[1, 2], [3, 4]]", "2 points"),
    ],
)
def test_landmarks_that_are_none_are_named(tmp_path, capsys, content, told):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    (tmp_path / "l.json").write_text(content)
    out = tmp_path / "fit"
    assert (
        run("face", "fit", tmp_path / "a.png", "--landmarks", tmp_path / "l.json", "--out", out)
        == 2
    )
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_sheets_show_many_faces_of_one_seed(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run("face", "sheet", "--seed", seed, "--out", tmp_path / f"{name}.png") == 0
    sheets = [np.array(Image.open(tmp_path / f"{name}.png")) for name in "abc"]
    assert min(sheets[0].shape[:2]) > 500
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_pictures_of_a_longer_performance_do_not_stay_behind(tmp_path, performance):
    """One folder held 241 frames of one clip, the first of them of another."""
    value = load_performance(performance)
    one = replace(
        value,
        expression=value.expression[:1],
        motion=replace(value.motion, pose=value.motion.pose[:1], blink=value.motion.blink[:1]),
    )
    save_performance(tmp_path / "one", one, source="test")
    out = tmp_path / "out"
    assert run("face", "render", "--coefficients", performance, "--out", out, "--size", 16) == 0
    again = ("--coefficients", tmp_path / "one", "--out", out, "--size", 16, "--overwrite")
    assert run("face", "render", *again) == 0
    assert [path.name for path in sorted((out / "colour").iterdir())] == ["000000.png"]
    assert len(json.loads((out / "landmarks.json").read_text())["landmarks"]) == 1


@pytest.mark.parametrize("seed", ["-1", str(2**63), "one"])
def test_a_seed_that_is_none_is_named(tmp_path, capsys, seed):
    with pytest.raises(SystemExit):
        run("face", "sheet", f"--seed={seed}", "--out", tmp_path / "x.png")
    assert f"--seed: {seed} is no seed" in capsys.readouterr().err
