import json

import pytest

from imagineid_core.cli import main
from imagineid_core.corpus import talker
from imagineid_core.listen.pad import save_pad
from tests.evaluation.heard import OpenFaceCorpus
from tests.tiny import tiny_pad


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
