"""The commands of training are thin; training itself is tested where it lives."""

import pytest

from imagineid_core.cli import build_parser, main
from imagineid_core.cli.train import PRESETS, _command
from imagineid_core.training.presets import PRESETS as MADE


def test_the_presets_offered_are_those_there_are():
    assert set(PRESETS) == set(MADE)


def test_a_corpus_that_is_none_is_named(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    arguments = ["train", "listen", "--corpus", str(tmp_path / "photos"), "--out", str(tmp_path)]
    assert main(arguments) == 2
    assert "photos" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["2", "-1", "100000"])
def test_a_corpus_of_too_few_or_too_many_is_refused(tmp_path, capsys, number):
    assert main(["corpus", "talker", "--out", str(tmp_path / "c"), "--speakers", number]) == 2
    assert "num_speakers" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_mini_is_the_default():
    assert build_parser().parse_args(["train", "listen"]).preset == "mini"


def test_a_launcher_that_started_one_process_of_several_is_told(tmp_path, monkeypatch, caplog):
    """`accelerate launch --num_processes 2` on a machine without GPUs."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "False")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    arguments = ["train", "listen", "--corpus", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "training goes on with one. For several add --multi_gpu" in caplog.text
    monkeypatch.delenv("MASTER_ADDR")
    caplog.clear()
    assert main(arguments) == 2
    assert not caplog.text


def test_the_command_that_is_kept_names_what_changes_the_weights_and_no_path():
    words = ["train", "listen", "--preset", "smoke", "--seed", "3"]
    places = [
        "--out",
        "/elsewhere/out",
        "--corpus",
        "/elsewhere/c",
        "--expert",
        "/elsewhere/reader.pt",
    ]
    told = _command(build_parser().parse_args([*words, *places]))
    assert told == "imagineid train listen --preset smoke --seed 3 --expert reader.pt"
