import json
import math
import re

import pytest
from PIL import Image

from imagineid_core.errors import MissingPackageError
from imagineid_core.evaluation.listen.heads import frames_to_show
from imagineid_core.evaluation.listen.report import PAGE, REPORT, evaluate_listen
from imagineid_core.evaluation.metrics import METRICS
from imagineid_core.evaluation.page import page, paragraph, table
from tests.evaluation.heard import OpenFaceCorpus
from tests.sounds import tone, write_sound
from tests.tiny import tiny_pad


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("отчёт é")
    voice = write_sound(folder / "voice <1>.wav", tone(1.0, 16_000), 16_000)
    told = []
    report = evaluate_listen(
        tiny_pad(),
        OpenFaceCorpus(),
        folder / "out",
        seed=3,
        split="validation",
        speeches=[voice],
        about={"pad_identity.safetensors": "abc"},
        on_progress=lambda *step: told.append(step),
    )
    return folder / "out", report, told


def test_the_report_holds_every_number_and_what_it_was_made_from(made):
    folder, report, _ = made
    assert json.loads((folder / REPORT).read_text()) == report
    for name in METRICS:
        assert report[name] is None or math.isfinite(report[name]), name
    assert (report["num_clips"], report["num_speakers"], report["num_styles"]) == (12, 2, 2)
    assert (report["seed"], report["split"]) == (3, "validation")
    assert re.fullmatch("[0-9a-f]{64}", report["clips_sha256"])
    assert report["about"] == {"pad_identity.safetensors": "abc"}
    assert set(report["factors"]) == {"emotion", "speaker", "phoneme"}
    (other,) = report["speech_of_others"]
    assert other["file"] == "voice <1>.wav"
    assert -1 <= other["envelope_correlation"] <= 1


def test_every_figure_is_a_picture_with_something_in_it(made):
    folder, _, _ = made
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert names == {
        *("lips", "stages_0", "stages_1", "retrieval", "style_map", "confusions", "factors"),
        "speech_0",
    }
    for path in (folder / "figures").iterdir():
        with Image.open(path) as image:
            colours = image.convert("RGB").resize((96, 96)).getcolors(10_000)
            assert colours is not None
            assert len(colours) > 20, path.name


def test_the_page_holds_its_pictures_and_needs_no_network(made):
    folder, _, _ = made
    text = (folder / PAGE).read_text(encoding="utf-8")
    assert text.count('src="data:image/png;base64,') == 8
    assert "http" not in re.sub(r'"data:image/png;base64,[^"]*"', "", text)  # chance writes it
    assert "voice &lt;1&gt;.wav" in text
    assert "voice <1>.wav" not in text
    for name in METRICS:
        assert name in text


def test_progress_is_told(made):
    _, _, told = made
    assert {stage for stage, _, _ in told} == {"listen", "measure", "draw"}
    assert all(done <= total for _, done, total in told)


def test_a_corpus_without_truths_gets_the_figures_it_can_have(tmp_path):
    truths = ("text", "style", "phonemes", "shape", "lip_expression", "expression", "motion")
    corpus = OpenFaceCorpus(without=truths)
    report = evaluate_listen(tiny_pad(), corpus, tmp_path, split="validation", limit=2)
    assert report["mouth_correlation"] is None
    assert "not measured" in (tmp_path / PAGE).read_text(encoding="utf-8")
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert names == {"lips", "stages_0", "retrieval", "factors"}


def test_without_matplotlib_nothing_is_heard_in_vain(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match="pip install matplotlib"):
        evaluate_listen(tiny_pad(), OpenFaceCorpus(), tmp_path / "out", split="validation")
    assert not (tmp_path / "out").exists()


def test_frames_show_wide_and_narrow_mouths_by_turns():
    import numpy as np

    gaps = np.array([0.0, 3.0, 1.0, 2.0, 0.5, 4.0])
    assert frames_to_show(gaps, 2) == [1, 4]
    assert frames_to_show(gaps[:1], 6) == [0]


def test_words_are_told_as_they_are():
    text = page("a & b", [paragraph("<i>"), table(["x"], [["<script>"]])])
    assert "<script>" not in text
    assert "a &amp; b" in text
    assert "&lt;i&gt;" in text
