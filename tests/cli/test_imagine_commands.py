"""The commands that make and judge the mini suite are thin; what they call is tested elsewhere."""

import pytest

from imagineid_core.cli import build_parser, main
from imagineid_core.cli.train_imagine import PRESETS
from imagineid_core.training.imagine_presets import PRESETS as MADE


def test_the_presets_offered_are_those_there_are():
    assert set(PRESETS) == set(MADE)
    assert build_parser().parse_args(["train", "imagine"]).preset == "mini"


def test_people_are_made_and_shown_by_one_command(tmp_path, capsys):
    out, sheet = tmp_path / "people", tmp_path / "sheet.png"
    arguments = ["corpus", "people", "--out", str(out), "--people", "3", "--frames", "1"]
    arguments += ["--size", "32", "--workers", "1", "--sheet", str(sheet)]
    assert main(arguments) == 0
    assert "3 people x 1 frames" in capsys.readouterr().out
    assert sheet.is_file()


@pytest.mark.parametrize("gate", ["vae", "captions"])
def test_a_gate_without_a_corpus_names_what_is_missing(tmp_path, capsys, gate):
    arguments = ["gate", gate, "--model", str(tmp_path), "--corpus", str(tmp_path / "none")]
    assert main([*arguments, "--out", str(tmp_path / "gate.json")]) == 2
    assert "none" in capsys.readouterr().err


def test_a_model_without_an_autoencoder_is_named(tmp_path, capsys):
    main(["corpus", "people", "--out", str(tmp_path / "c"), "--people", "3", "--frames", "1",
          "--size", "32", "--workers", "1"])  # fmt: skip
    arguments = ["gate", "vae", "--model", str(tmp_path), "--corpus", str(tmp_path / "c")]
    assert main([*arguments, "--out", str(tmp_path / "gate.json")]) == 2
    assert "has no vae/config.json" in capsys.readouterr().err
