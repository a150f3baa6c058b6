"""The shipped face reader at work: what is seen in a film, beside what its mesh asked for."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from imagineid_core.assets import READ, check_suite, read_manifest
from imagineid_core.assets.suite import SHIPPED, sha256_of
from imagineid_core.cli import main
from imagineid_core.evaluation.video.clip import open_clip
from imagineid_core.evaluation.video.clip_report import ClipFiles, report_clip
from imagineid_core.evaluation.video.extractors import (
    Extractors,
    ExtractorSources,
    load_extractors,
    weights_of,
)
from imagineid_core.evaluation.video.face_places import film_mesh
from imagineid_core.evaluation.video.mini_reader import about_mini, mini_reader
from imagineid_core.evaluation.video.observe import observe
from imagineid_core.face.load import load_face
from imagineid_core.performance import save_performance
from imagineid_core.video.open_writer import open_writer
from tests.evaluation.true_films import OPENINGS, speaking, true_film

MINI = ExtractorSources(plugins=(("landmarks", "mini"),))
SHUT = (0.0,) * len(OPENINGS)


def written(path, frames):
    with open_writer(path, fps=Fraction(25)) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A true film with its performance, and one whose mouth stays shut all the while."""
    folder = tmp_path_factory.mktemp("films")
    written(folder / "true.mp4", true_film(speaking(), 11))
    written(folder / "mute.mp4", true_film(speaking(SHUT), 11))
    save_performance(folder / "asked", speaking(), source="test")
    return folder


@pytest.fixture(scope="module")
def extractors():
    return load_extractors(MINI)


def report(place, film, extractors):
    """The film as one that was made from the true one's performance."""
    files = ClipFiles(
        video=str(place / film),
        reference=str(place / "true.mp4"),
        performance=str(place / "asked"),
        reference_performance=str(place / "asked"),
    )
    return report_clip(files, extractors).content


def values(content):
    return {name: one["value"] for name, one in content["metrics"].items()}


def test_a_film_that_does_not_do_what_it_was_asked_for_is_found_out(place, extractors):
    """Its mesh says that all is well; the reader sees that the mouth stays shut."""
    told, seen = (values(report(place, "mute.mp4", one)) for one in (Extractors(), extractors))
    assert told["lmd_mouth"] == 0
    assert seen["reader_error_mouth"] < 1.5
    assert seen["lmd_mouth"] > 2 * seen["reader_error_mouth"]
    assert seen["lmd_mouth_to_mesh"] > 2 * seen["reader_error_mouth"]


def test_the_true_film_is_as_far_from_its_mesh_as_the_reader_is_wrong(place, extractors):
    content = report(place, "true.mp4", extractors)
    found = values(content)
    assert found["lmd"] == found["lmd_mouth"] == 0
    assert found["lmd_to_mesh"] == found["reader_error"] > 0
    assert found["lmd_mouth_to_mesh"] == found["reader_error_mouth"]
    assert found["reader_error_mouth_between_eyes"] < 0.06
    assert content["video"]["faces_found"] == len(OPENINGS)
    assert "open face alone" in content["video"]["read_by"]["landmarks"]
    assert "own error" in content["video"]["read_by"]["landmarks"]


def test_without_a_reader_there_is_no_error_of_a_reader(place):
    content = report(place, "true.mp4", Extractors())
    assert "what was asked for" in content["video"]["read_by"]["landmarks"]
    for name in ("reader_error_mouth", "lmd_mouth_to_mesh"):
        assert "beside its own mesh" in content["skipped"][name]


def test_regions_are_where_the_face_is_seen_and_not_where_it_was_asked_for(place, extractors):
    """In a film that is shifted, flicker and sharpness follow the picture."""
    shifted = written(place / "shifted.mp4", true_film(speaking(), 11).roll(16, dims=-1))
    still = observe(open_clip(place / "true.mp4"), extractors)
    for path, seen_at in ((place / "true.mp4", 0), (shifted, 16)):
        clip = open_clip(path)
        mesh = film_mesh(speaking(), load_face(), clip)
        moved = observe(clip, extractors, mesh=mesh)
        off = moved.rows["landmarks"] - still.rows["landmarks"]
        assert np.abs(off.mean(axis=(0, 1)) - (seen_at, 0)).max() < 1.5
        sharpness = moved.curves["sharpness_face"] / still.curves["sharpness_face"]
        assert np.abs(sharpness - 1).max() < 0.35


def test_pictures_without_a_face_are_refused():
    film = true_film(speaking(), 3)[:2]
    strips = film.unflatten(2, (8, 16))[:, :, [3, 6, 1, 4, 7, 0, 5, 2]].flatten(2, 3)
    grey = torch.zeros_like(film)
    read = mini_reader()
    assert read(film).isfinite().all()
    for nobody in (film.flip(-2), strips, grey):
        assert read(nobody).isnan().all()


def test_a_larger_picture_has_larger_landmarks():
    read, small = mini_reader(), true_film(speaking(), 3)[:1]
    large = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(read(large), 2 * read(small), atol=2.0, rtol=0)


def test_what_is_shipped_is_small_and_tells_its_worth():
    (file,) = read_manifest(SHIPPED).suites[READ].files.values()
    assert file.size < 1_000_000
    assert file.training["command"] == "imagineid train reader --preset mini --seed 0"
    measured = file.training["test"]
    assert measured["as_drawn"]["found"] > 0.99
    assert measured["as_drawn"]["mouth_r"] > 0.9
    refused = dict(measured["refused"])
    assert refused.pop("in_strips") > 0.7  # a kind it never learned
    assert min(refused.values()) > 0.97
    assert f"{measured['as_drawn']['mouth_pixels']:.2f}" in about_mini()


def test_its_weights_are_named_in_reports():
    file = check_suite(READ) / "face_reader.safetensors"
    assert weights_of(MINI) == {"landmarks: face_reader.safetensors": sha256_of(file)}


def test_only_landmarks_have_a_mini_reader(place, capsys):
    for given in ("identity=mini", "landmarks=maxi"):
        assert main(["evaluate", "video", str(place / "true.mp4"), "--extractor", given]) == 2
        assert f"--extractor is '{given}'" in capsys.readouterr().err


def test_a_video_is_read_by_its_short_name(place, capsys):
    arguments = ["evaluate", "video", str(place / "true.mp4"), "--extractor", "landmarks=mini"]
    assert main(arguments) == 0
    assert f"a face in {len(OPENINGS)} of {len(OPENINGS)} frames" in capsys.readouterr().out
