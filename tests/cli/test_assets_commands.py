"""The shipped weights as the commands use them: by default, checked, packed anew."""

import pytest

from imagineid_core.assets import pack_suite, suite
from imagineid_core.cli import main
from imagineid_core.performance import load_performance
from tests.sounds import MP3, tone, write_sound
from tests.tiny import TINY, save_tiny_suite

QUICK = ("--no-video", "--no-picture")


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def trained(tmp_path):
    return save_tiny_suite(tmp_path / "trained é")


@pytest.fixture
def shipped(tmp_path, trained, monkeypatch):
    folder = tmp_path / "assets é"
    pack_suite("listen", trained, folder=folder)
    monkeypatch.setattr(suite, "SHIPPED", folder)
    return folder


@pytest.fixture
def voice(tmp_path):
    return write_sound(tmp_path / "голос é 1.wav", tone(0.8, 16_000), 16_000)


def test_listening_needs_no_more_than_a_voice(tmp_path, shipped, voice, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("listen", voice, *QUICK) == 0
    heard = load_performance(tmp_path / "out" / "listen" / "голос é 1")
    assert heard.semantics.shape == (TINY.width,)
    assert heard.motion.pose.std(dim=0).max() > 1e-5  # the shipped head motion


def test_the_shipped_weights_give_what_the_same_weights_named_give(
    tmp_path, shipped, trained, voice
):
    assert run("listen", voice, "--out", tmp_path / "a", *QUICK) == 0
    assert run("listen", voice, "--out", tmp_path / "b", "--weights", trained, *QUICK) == 0
    a, b = load_performance(tmp_path / "a"), load_performance(tmp_path / "b")
    assert (a.expression == b.expression).all()
    assert (a.motion.pose == b.motion.pose).all()


def test_a_copy_without_weights_says_how_to_make_them(tmp_path, voice, monkeypatch, capsys):
    monkeypatch.setattr(suite, "SHIPPED", tmp_path)
    for arguments in (
        ("listen", voice, "--out", tmp_path / "out"),
        ("evaluate", "listen", "--out", tmp_path / "out"),
        ("assets", "check"),
    ):
        assert run(*arguments) == 2
        told = capsys.readouterr().err
        assert told.startswith("imagineid: no trained weights for 'listen' are shipped")
        assert "imagineid train listen --preset mini" in told
        assert not (tmp_path / "out").exists()


def test_damaged_shipped_weights_are_not_used(tmp_path, shipped, voice, capsys):
    path = shipped / "listen" / "pad_content.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert run("listen", voice, "--out", tmp_path / "out") == 2
    assert "shipped weights are damaged" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_packing_and_checking_tell_what_makes_the_files(tmp_path, trained, capsys):
    new = tmp_path / "new"
    assert run("assets", "pack", trained, "--assets", new) == 0
    told = capsys.readouterr().out
    assert "4 files" in told
    assert "imagineid train listen --preset tiny --seed 0" in told
    assert run("assets", "check", "--assets", new) == 0
    told = capsys.readouterr().out
    assert told.count("whole") == 4
    assert "not evaluated" in told
    (new / "listen" / "head_motion.safetensors").write_bytes(b"")
    assert run("assets", "check", "--assets", new) == 2
    assert "head_motion.safetensors has 0 bytes" in capsys.readouterr().err


def test_files_that_do_not_belong_together_are_not_packed(tmp_path, trained, capsys):
    (trained / "pad_content.safetensors").unlink()
    assert run("assets", "pack", trained, "--assets", tmp_path / "new") == 2
    assert "Looked for: pad_content.safetensors" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_several_files_have_a_folder_each(tmp_path, shipped, voice, capsys):
    other = write_sound(tmp_path / "b.wav", tone(0.4, 16_000), 16_000)
    out = tmp_path / "out"
    assert run("listen", voice, other, "--out", out, *QUICK) == 0
    assert load_performance(out / "голос é 1").expression.shape[0] == 20
    assert load_performance(out / "b").expression.shape[0] == 10
    assert capsys.readouterr().out.count("frames at 25 fps") == 2
    assert run("listen", other, voice, "--out", out, *QUICK) == 2
    assert "b holds coefficients.safetensors" in capsys.readouterr().err


def test_networks_are_loaded_once_for_all_files(tmp_path, shipped, voice, monkeypatch):
    from imagineid_core.listen import pad

    loads, load = [], pad.load_pad
    monkeypatch.setattr(pad, "load_pad", lambda folder: loads.append(folder) or load(folder))
    other = write_sound(tmp_path / "b.wav", tone(0.4, 16_000), 16_000)
    assert run("listen", voice, other, "--out", tmp_path / "out", *QUICK) == 0
    assert len(loads) == 1


def test_files_of_one_name_are_refused_before_any_work(tmp_path, shipped, voice, capsys):
    same = write_sound(tmp_path / "голос é 1.mp3", tone(0.4, 16_000), 16_000, MP3)
    assert run("listen", voice, same, "--out", tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert "would both lie in" in told
    assert "голос é 1.mp3" in told
    assert not (tmp_path / "out").exists()


def test_a_missing_last_file_is_named_before_any_work(tmp_path, shipped, voice, capsys):
    assert run("listen", voice, tmp_path / "gone.wav", "--out", tmp_path / "out") == 2
    assert "gone.wav does not exist" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
