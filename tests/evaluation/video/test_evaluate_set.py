"""`imagineid evaluate set` and `evaluate tables`: many clips, broken ones among them."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from imagineid_core.cli import main
from imagineid_core.evaluation.video import clip_set
from imagineid_core.evaluation.video.clip_manifest import list_clips
from imagineid_core.evaluation.video.frechet import frechet_distance
from imagineid_core.evaluation.video.paper_tables import TABLES
from imagineid_core.evaluation.video.protocols import PROTOCOLS
from imagineid_core.evaluation.video.registry import VIDEO_METRICS
from tests.evaluation.video.films import HERE, frames, landmarks, save_landmarks, write_film

COUNT = 12  # frames


def evaluate(*arguments) -> int:
    return main(["evaluate", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two good clips and a cut one, in folders with equal names."""
    place = tmp_path_factory.mktemp("набор é")
    for folder in ("reference", "landmarks", "reference_landmarks"):
        (place / folder).mkdir()
    for name, noise in (("anna", 0.02), ("béla [1]", 0.2)):
        write_film(place / "video" / f"{name}", frames(COUNT, noise=noise))
        write_film(place / "reference" / f"{name}.mp4", frames(COUNT))
        save_landmarks(place / "landmarks" / f"{name}.npz", landmarks(COUNT, late=1))
        save_landmarks(place / "reference_landmarks" / f"{name}.npz", landmarks(COUNT))
    (place / "video" / "cut.mp4").write_bytes(
        (place / "reference" / "anna.mp4").read_bytes()[:1500]
    )
    return place


EXTRACTORS = [
    word
    for slot, name in (("fid", "thumbnails"), ("age", "thumbnails"), ("emotion_classes", "classes"))
    for word in ("--extractor", f"{slot}={HERE}:{name}")
]


@pytest.fixture(scope="module")
def measured(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "set"
    arguments = ["--protocol", "mead", "--out", out, "--workers", 1, *EXTRACTORS]
    assert evaluate("set", made, *arguments) == 0
    return out


def test_a_broken_clip_is_named_and_the_others_are_measured(measured):
    content = json.loads((measured / "set.json").read_text(encoding="utf-8"))
    assert content["num_clips"] == 3
    assert list(content["failed"]) == ["cut"]
    assert "cut.mp4 is not readable as a video" in content["failed"]["cut"]
    assert content["metrics"]["psnr"]["clips"] == 2
    assert content["metrics"]["lmd_mouth"]["value"] > 0
    assert set(content["metrics"]) | set(content["skipped"]) == set(PROTOCOLS["mead"].all_metrics)
    assert list(content["skipped"]["lse_c"].values()) == [2]
    assert content["faces"] == {"frames": 24, "found": 24, "clips_with_frames_lost": []}
    one, other = (
        json.loads((measured / "clips" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("anna", "béla [1]")
    )
    psnr = [each["metrics"]["psnr"]["value"] for each in (one, other)]
    assert psnr[0] > psnr[1]
    assert content["metrics"]["psnr"]["value"] == pytest.approx(np.mean(psnr))


def test_fid_of_a_set_is_taken_over_all_its_frames(measured):
    rows: dict[str, list[np.ndarray]] = {"made_fid": [], "true_fid": []}
    for name in ("anna", "béla [1]"):
        with np.load(measured / "clips" / f"{name}.npz") as stored:
            for slot, parts in rows.items():
                parts.append(stored[slot])
    whole = frechet_distance(*(np.concatenate(parts) for parts in rows.values()))
    content = json.loads((measured / "set.json").read_text(encoding="utf-8"))
    assert content["metrics"]["fid"]["value"] == pytest.approx(whole)


def test_a_set_goes_on_with_what_is_missing_or_changed_only(made, tmp_path, monkeypatch):
    place, out = tmp_path / "set", tmp_path / "out"
    shutil.copytree(made, place)
    (place / "video" / "cut.mp4").unlink()
    asked: list[str] = []
    real = clip_set.report_clip

    def counted(files, *arguments, **options):
        asked.append(files.video.rsplit("/", 1)[-1])
        return real(files, *arguments, **options)

    monkeypatch.setattr(clip_set, "report_clip", counted)
    arguments = ["set", place, "--protocol", "self", "--out", out, "--workers", 1]
    assert evaluate(*arguments) == 0
    assert asked == ["anna", "béla [1]"]
    assert evaluate(*arguments) == 0
    assert len(asked) == 2  # nothing again
    save_landmarks(place / "landmarks" / "anna.npz", landmarks(COUNT, late=2))
    (out / "clips" / "béla [1].json").write_text("{ cut off", encoding="utf-8")
    assert evaluate(*arguments) == 0
    assert asked[2:] == ["anna", "béla [1]"]  # a changed file, and a result that was cut off
    assert evaluate(*arguments, "--seconds", "0.2") == 0
    assert len(asked) == 6  # other options
    fewer = replace(PROTOCOLS["self"], metrics=PROTOCOLS["self"].metrics[:-1])
    monkeypatch.setitem(clip_set.PROTOCOLS, "self", fewer)
    assert evaluate(*arguments) == 0
    assert len(asked) == 8  # other metrics, as in another version


@pytest.mark.slow
def test_two_processes_measure_the_same(made, measured, tmp_path):
    out = tmp_path / "parallel"
    arguments = ["--protocol", "mead", "--out", out, "--workers", 2, *EXTRACTORS]
    assert evaluate("set", made, *arguments) == 0
    found, wanted = (json.loads((one / "set.json").read_text("utf-8")) for one in (out, measured))
    assert found.pop("about")["command"] != wanted.pop("about")["command"]
    assert found == wanted


def test_a_manifest_says_what_belongs_together(made, tmp_path):
    content = {
        "method": "mine",
        "clips": [
            {"name": "a", "video": "video/anna", "group": "voice", "driven": "pose"},
            {"name": "b", "video": "video/béla [1]", "group": "voice", "emotion": 1},
        ],
    }
    place = tmp_path / "set"
    shutil.copytree(made, place)
    (place / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    listed = list_clips(place)
    assert listed.method == "mine"
    assert listed.clips[1].files.emotion == 1
    extractors = [
        word
        for slot in ("identity", "head_pose")
        for word in ("--extractor", f"{slot}={HERE}:thumbnails")
    ]
    out = tmp_path / "out"
    arguments = ["--protocol", "cross", "--out", out, "--workers", 1, *extractors]
    assert evaluate("set", place, *arguments) == 0
    summary = json.loads((out / "set.json").read_text(encoding="utf-8"))
    assert summary["diversity"]["features"] == "identity"
    assert summary["diversity"]["groups"] == 1
    assert summary["diversity"]["ratio"] > 0
    assert summary["factors"]["driven"] == ["pose"]
    assert summary["metrics"]["head_diversity"]["clips"] == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "cannot be read as a list of clips"),
        ('{"clips": []}', "lists no clips"),
        ('{"clips": [{"name": "a"}]}', "clip 0 .* names no video"),
        ('{"clips": [{"video": "a.mp4", "colour": 3}]}', "has colour, which is not known"),
        ('{"clips": [{"video": "a.mp4"}, {"video": "b/a.mp4"}]}', "'a', which is there twice"),
        ('{"clips": [{"video": "a.mp4", "name": "../a"}]}', "is no file name"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path, content, told, capsys):
    (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    assert evaluate("set", tmp_path, "--protocol", "mead") == 2
    assert re.search(told, capsys.readouterr().err)


def test_an_empty_folder_is_refused(tmp_path, capsys):
    assert evaluate("set", tmp_path, "--protocol", "mead") == 2
    assert "neither manifest.json nor videos" in capsys.readouterr().err
    assert evaluate("set", tmp_path / "nowhere", "--protocol", "mead") == 2


def test_tables_have_the_paper_s_rows_and_ours_with_a_mark(measured, tmp_path, capsys):
    out = tmp_path / "tables"
    assert evaluate("tables", measured, "--out", out) == 0
    told = capsys.readouterr().out
    assert "Table 1 of ImagineID" in told
    assert "Table 2 of ImagineID" in told
    assert "29.66" in told  # Ours-E's PSNR
    content = json.loads((out / "tables.json").read_text(encoding="utf-8"))
    second = next(one for one in content["tables"] if "Table 2" in one["title"])
    ours = [row for row in second["rows"] if row["is_ours"]]
    assert [row["name"].endswith("†") for row in second["rows"]] == [False] * 6 + [True]
    columns = second["columns"]
    summary = json.loads((measured / "set.json").read_text(encoding="utf-8"))
    for head, metric in (("PSNR ↑", "psnr"), ("LMD ↓", "lmd_mouth"), ("EACC ↓", "eacc_distance")):
        found = ours[0]["cells"][columns.index(head)]
        assert found == summary["metrics"][metric]["value"], head
    assert ours[0]["cells"][columns.index("Sync ↑")] is None
    note = second["notes"][1]
    assert "not the paper's data but 2 clips" in note
    assert f"FID by {HERE}:thumbnails" in note
    assert "No Sync: needs syncnet_v2.model" in note
    assert "Could not be measured: cut" in note
    page = (out / "tables.html").read_text(encoding="utf-8")
    assert "Ours-E" in page
    assert "http" not in page.replace("http-equiv", "")
    assert evaluate("tables", measured, "--out", out) == 2
    assert "holds tables.html, tables.json already" in capsys.readouterr().err


def test_a_folder_without_results_is_refused(tmp_path, capsys):
    assert evaluate("tables", tmp_path, "--out", tmp_path / "out") == 2
    assert "Give the folder that 'imagineid evaluate set' wrote" in capsys.readouterr().err


def test_tables_of_nothing_are_refused(tmp_path, capsys):
    assert evaluate("tables", "--out", tmp_path / "out") == 2
    assert "there is nothing to put into tables" in capsys.readouterr().err
    assert evaluate("tables", "--suite", "mini", "--clips", 0, "--out", tmp_path / "out") == 2
    assert "--clips is 0" in capsys.readouterr().err


def test_tables_and_protocols_name_metrics_that_exist():
    for one in TABLES:
        assert {column.metric for column in one.columns} <= set(VIDEO_METRICS)
        of_paper = sum(column.is_papers for column in one.columns)
        assert all(len(values) == of_paper for values in one.rows.values())
        for column in one.columns:
            arrow = {"higher": "↑", "lower": "↓"}[VIDEO_METRICS[column.metric].better]
            assert column.head.endswith(f" {arrow}")
    for protocol in PROTOCOLS.values():
        assert set(protocol.metrics) <= set(VIDEO_METRICS)
        if not protocol.is_aligned:
            assert not {"psnr", "ssim", "lmd"} & set(protocol.all_metrics)


def test_the_commands_know_every_protocol():
    from imagineid_core.cli.evaluate_set import PROTOCOLS as NAMED

    assert set(NAMED) == set(PROTOCOLS)
