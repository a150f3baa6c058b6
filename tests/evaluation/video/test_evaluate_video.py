"""`imagineid evaluate video`: what is measured, skipped and refused, from files to its report."""

import json
import re

import numpy as np
import pytest
import torch

from imagineid_core.cli import main
from imagineid_core.evaluation.video.registry import NEEDS, VIDEO_METRICS
from tests.evaluation.video.films import (
    FRAMES,
    HERE,
    frames,
    landmarks,
    save_landmarks,
    write_film,
)


def evaluate(*arguments) -> int:
    return main(["evaluate", "video", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("кадры é 1")
    write_film(folder / "true.mp4", frames())
    write_film(folder / "made.mp4", frames(noise=0.05))
    save_landmarks(folder / "true.npz", landmarks())
    save_landmarks(folder / "late.npz", landmarks(late=2))
    return folder


def report_of(out) -> dict:
    report = json.loads(out.read_text(encoding="utf-8"))
    assert set(report["metrics"]) | set(report["skipped"]) == set(VIDEO_METRICS)
    assert not set(report["metrics"]) & set(report["skipped"])
    return report


def value(report: dict, name: str) -> float:
    return report["metrics"][name]["value"]


EXTRACTORS = [
    word
    for slot, name in {
        "fid": "thumbnails",
        "identity": "thumbnails",
        "age": "thumbnails",
        "gender": "thumbnails",
        "emotion": "thumbnails",
        "emotion_classes": "classes",
        "head_pose": "thumbnails",
    }.items()
    for word in ("--extractor", f"{slot}={HERE}:{name}")
]


def test_a_film_against_itself_is_perfect(place, tmp_path, capsys):
    out = tmp_path / "report.json"
    arguments = ["--reference", place / "true.mp4", "--out", out, *EXTRACTORS]
    points = ["--landmarks", place / "true.npz", "--reference-landmarks", place / "true.npz"]
    assert evaluate(place / "true.mp4", *arguments, *points) == 0
    told = capsys.readouterr().out
    assert "psnr" in told
    assert "lse_c" in told
    assert "skipped" in told
    assert "video: a face in 30 of 30 frames" in told
    report = report_of(out)
    perfect = {
        "psnr": 100.0,
        "ssim": 1.0,
        "fid": 0.0,
        "lmd": 0.0,
        "lmd_mouth_between_eyes": 0.0,
        "age_cosine": 1.0,
        "emotion_cosine": 1.0,
        "eacc_accuracy": 1.0,
        "eacc_distance": 0.0,
    }
    for name, wanted in perfect.items():
        assert value(report, name) == pytest.approx(wanted, abs=1e-4), name
    assert report["metrics"]["lmd"]["frames"] == FRAMES
    assert "syncnet_v2.model" in report["skipped"]["lse_c"]
    assert "at least two seconds" in report["skipped"]["colour_drift"]
    assert report["video"]["read_by"]["identity"] == f"{HERE}:thumbnails"
    assert len(report["curves"]["flicker_mouth"]) == FRAMES - 2


def test_a_noisy_and_late_film_is_worse_in_every_way_it_should_be(place, tmp_path):
    points = ["--landmarks", place / "late.npz", "--reference-landmarks", place / "true.npz"]
    found = {}
    for name in ("true", "made"):
        out = tmp_path / f"{name}.json"
        arguments = ["--reference", place / "true.mp4", "--out", out, *EXTRACTORS, *points]
        assert evaluate(place / f"{name}.mp4", *arguments) == 0
        found[name] = report_of(out)
    for name in ("psnr", "ssim", "emotion_cosine"):
        assert value(found["made"], name) < value(found["true"], name), name
    for name in ("fid", "eacc_distance", "flicker_mouth", "flicker_background"):
        assert value(found["made"], name) > value(found["true"], name), name
    assert value(found["made"], "lmd") > 1.0  # two frames late
    assert value(found["made"], "lmd_mouth") > 0


def test_without_a_reference_what_needs_none_is_measured(place, tmp_path):
    out = tmp_path / "alone.json"
    assert evaluate(place / "made.mp4", "--landmarks", place / "true.npz", "--out", out) == 0
    report = report_of(out)
    assert report["reference"] is None
    assert {"cpbd", "flicker_mouth", "sharpness_mouth"} <= set(report["metrics"])
    assert "--reference" in report["skipped"]["psnr"]


def test_frames_without_a_face_are_counted_and_named(place, tmp_path, capsys):
    lost = landmarks()
    lost[[3, 7]] = np.nan
    save_landmarks(tmp_path / "lost.npz", lost)
    out = tmp_path / "report.json"
    arguments = ["--landmarks", tmp_path / "lost.npz", "--reference", place / "true.mp4"]
    points = ["--reference-landmarks", place / "true.npz", "--out", out]
    assert evaluate(place / "true.mp4", *arguments, *points) == 0
    assert "video: a face in 28 of 30 frames" in capsys.readouterr().out
    report = report_of(out)
    assert report["video"]["first_frames_without_face"] == [3, 7]
    assert report["metrics"]["lmd"]["frames"] == 28
    assert report["metrics"]["sharpness_mouth"]["frames"] == 28


def test_no_face_at_all_skips_by_name_and_measures_the_rest(place, tmp_path, capsys):
    dark = write_film(tmp_path / "dark", torch.full((6, 3, 96, 96), -1.0), with_sound=False)
    out = tmp_path / "report.json"
    arguments = ["--reference", dark, "--out", out]
    detector = ["--extractor", f"landmarks={HERE}:faces_of_bright_frames"]
    assert evaluate(dark, *arguments, *detector) == 0
    assert "video: a face in 0 of 6 frames" in capsys.readouterr().out
    report = report_of(out)
    assert "no frame has what it is measured on" in report["skipped"]["lmd"]
    assert "no frame has" in report["skipped"]["flicker_face"]
    assert value(report, "psnr") == 100.0


def test_missing_weights_skip_their_metrics_and_the_others_go_on(place, tmp_path):
    out = tmp_path / "report.json"
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"not weights")
    weights = ["--syncnet", tmp_path / "nowhere.model", "--inception", broken]
    arguments = ["--reference", place / "true.mp4", "--out", out]
    assert evaluate(place / "made.mp4", *arguments, *weights) == 0
    report = report_of(out)
    assert "nowhere.model is not there" in report["skipped"]["lse_c"]
    assert "broken.pth" in report["skipped"]["fid"]
    assert value(report, "psnr") > 20


@pytest.mark.parametrize(
    ("changed", "option", "told"),
    [
        ({"num_frames": 24}, "--trim", "has 30 frames but .* has 24. Add --trim"),
        ({"size": 64}, "--resize", "is 96 x 96 but .* is 64 x 64. Add --resize"),
    ],
)
def test_videos_that_differ_are_refused_or_matched_when_asked(
    place, tmp_path, capsys, changed, option, told
):
    other = write_film(tmp_path / "other", frames(**changed), with_sound=False)
    assert evaluate(place / "true.mp4", "--reference", other) == 2
    assert re.search(told, capsys.readouterr().err)
    out = tmp_path / "report.json"
    assert evaluate(place / "true.mp4", "--reference", other, option, "--out", out) == 0
    report = report_of(out)
    assert value(report, "psnr") > 15
    assert report["comparison"][option.removeprefix("--")] is True
    assert report["video"]["frames_of_file"] == 30


def test_videos_of_other_rates_are_refused_or_read_at_one(place, tmp_path, capsys):
    slow = write_film(tmp_path / "slow.mp4", frames()[::2], fps=12)
    assert evaluate(place / "true.mp4", "--reference", slow) == 2
    assert "25 frames a second but slow.mp4 has 12. Add --fps 25" in capsys.readouterr().err
    out = tmp_path / "report.json"
    arguments = ["--reference", slow, "--fps", "25", "--trim", "--out", out]
    assert evaluate(place / "true.mp4", *arguments) == 0
    assert report_of(out)["reference"]["fps"] == 25.0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.mp4"], "nowhere.mp4 is not there"),
        (["{true}", "--extractor", "identity"], "--extractor is 'identity'"),
        (["{true}", "--extractor", f"ears={HERE}:thumbnails"], "no extractor 'ears'"),
        (["{true}", "--extractor", f"age={HERE}:nothing"], "cannot be loaded from"),
        (["{true}", "--extractor", f"age={HERE}:not_callable"], "which cannot be called"),
        (["{true}", "--landmarks", "nowhere.npz"], "landmarks nowhere.npz are not there"),
        (["{true}", "--reference-landmarks", "a.npz"], "belongs to a reference but there is none"),
        (["{true}", "--seconds", "0"], "--seconds is 0 but must be positive"),
        (["{true}", "--fps", "900"], "fps is 900"),
    ],
)
def test_mistakes_are_one_message_each(place, capsys, arguments, told):
    assert evaluate(*(one.format(true=place / "true.mp4") for one in arguments)) == 2
    message = capsys.readouterr().err
    assert message.startswith("imagineid: ")
    assert told in message


def test_a_report_is_not_overwritten_unasked(place, tmp_path, capsys):
    out = tmp_path / "report.json"
    out.write_text("mine")
    assert evaluate(place / "true.mp4", "--out", out) == 2
    assert "is there already" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_a_cut_off_video_is_named(place, tmp_path, capsys):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes((place / "true.mp4").read_bytes()[:2000])
    assert evaluate(cut) == 2
    assert "cut.mp4 is not readable as a video" in capsys.readouterr().err


def test_every_need_of_the_registry_is_explained():
    for name, metric in VIDEO_METRICS.items():
        assert set(metric.needs) <= set(NEEDS), name
        assert metric.unit, name
        assert metric.better in {"higher", "lower", "near 0"}, name


def test_no_metric_is_a_label_of_a_person():
    """Age and gender are compared as vectors; the report has numbers of likeness only."""
    for name in ("age", "gender"):
        assert [one for one in VIDEO_METRICS if name in one] == [f"{name}_cosine"]
