import json

import pytest

from imagineid_core.cli import build_parser, main
from imagineid_core.corpus import talker
from imagineid_core.listen.pad import save_pad
from tests.evaluation.heard import OpenFaceCorpus
from tests.tiny import save_tiny_suite, tiny_pad


@pytest.fixture
def weights(tmp_path):
    save_pad(tmp_path / "pad", tiny_pad())
    return tmp_path / "pad"


def evaluate(*arguments):
    return main(["evaluate", "listen", *(str(argument) for argument in arguments)])


def test_a_report_is_written_and_told(tmp_path, weights, monkeypatch, capsys):
    monkeypatch.setattr(talker, "open_talker_corpus", lambda folder: OpenFaceCorpus())
    out = tmp_path / "новая é"
    arguments = ("--weights", weights, "--corpus", tmp_path, "--out", out)
    assert evaluate(*arguments, "--split", "validation", "--limit", 2) == 0
    told = capsys.readouterr().out
    assert "mouth_correlation" in told
    assert ">= 0.85" in told
    assert "missed" in told
    assert "2 clips" in told
    report = json.loads((out / "report.json").read_text())
    assert set(report["about"]) == {path.name for path in weights.iterdir()}
    assert evaluate(*arguments) == 2
    assert "holds report.json, report.html already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"--weights": "nowhere"}, "Looked for: pad_identity.safetensors"),
        ({"--corpus": "nowhere"}, "nowhere"),
    ],
)
def test_mistakes_end_in_one_message_and_nothing_written(tmp_path, weights, capsys, changes, told):
    places = {"--weights": weights, "--corpus": tmp_path, "--out": tmp_path / "out", **changes}
    assert evaluate(*(word for pair in places.items() for word in pair)) == 2
    message = capsys.readouterr().err
    assert message.startswith("imagineid: ")
    assert told in message
    assert not (tmp_path / "out").exists()


def test_without_a_corpus_the_split_of_the_standard_one_is_made(tmp_path, weights, monkeypatch):
    asked = []

    def build(folder, *, split, workers, on_progress):
        """Sizes and seed stay the builder's own: those of the standard corpus."""
        asked.append((folder, split))

    monkeypatch.setattr(talker, "build_talker_corpus", build)
    monkeypatch.setattr(talker, "open_talker_corpus", lambda folder: OpenFaceCorpus())
    out = tmp_path / "out"
    arguments = ("--weights", weights, "--out", out, "--split", "validation", "--limit", 2)
    assert evaluate(*arguments) == 0
    assert asked == [(out / "corpus", "validation")]


def test_the_standard_corpus_is_what_the_mini_preset_trains_on():
    from inspect import signature

    from imagineid_core.cli.train import _OWN_CORPUS

    made = signature(talker.build_talker_corpus).parameters
    sizes = (made["num_speakers"].default, made["clips_per_speaker"].default)
    assert sizes == _OWN_CORPUS["mini"]
    assert made["seed"].default == build_parser().parse_args(["train", "listen"]).seed


def test_a_report_names_the_head_motion_it_was_made_with(tmp_path, monkeypatch):
    folder = save_tiny_suite(tmp_path / "pad")
    monkeypatch.setattr(talker, "open_talker_corpus", lambda folder: OpenFaceCorpus())
    out = tmp_path / "out"
    arguments = ("--weights", folder, "--corpus", tmp_path, "--out", out, "--limit", 2)
    assert evaluate(*arguments, "--split", "validation") == 0
    assert set(json.loads((out / "report.json").read_text())["about"]) == {
        path.name for path in folder.iterdir()
    }
    assert main(["assets", "pack", str(folder), "--report", str(out / "report.json"),
                 "--assets", str(tmp_path / "assets")]) == 0  # fmt: skip
    told = json.loads((tmp_path / "assets" / "manifest.json").read_text())
    assert told["suites"]["listen"]["evaluation"]["num_clips"] == 2
