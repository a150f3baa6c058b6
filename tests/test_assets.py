"""Shipped weights: packed with what vouches for them, checked before they are used."""

import hashlib
import json
import shutil

import pytest

from imagineid_core.assets import SHIPPED, check_suite, pack, pack_suite, read_manifest, suite
from imagineid_core.assets.manifest import MANIFEST
from imagineid_core.errors import InputError, WeightsError
from tests.tiny import TRAINING, save_tiny_suite

FILES = [f"{part}.safetensors" for part in suite.SUITES["listen"].parts]


@pytest.fixture
def trained(tmp_path):
    return save_tiny_suite(tmp_path / "trained é")


@pytest.fixture
def packed(tmp_path, trained):
    pack_suite("listen", trained, folder=tmp_path / "assets")
    return tmp_path / "assets"


def report_about(trained, path, names=FILES, **changes):
    about = {name: hashlib.sha256((trained / name).read_bytes()).hexdigest() for name in names}
    told = {"mouth_correlation": 0.91, "split": "test", "about": about | changes}
    path.write_text(json.dumps(told))
    return path


def test_what_is_shipped_is_whole():
    """Nothing may be listed that does not lie there, and nothing lie there unlisted."""
    manifest = read_manifest(SHIPPED)
    for name in manifest.suites:
        check_suite(name)
    listed = {(name, file) for name, one in manifest.suites.items() for file in one.files}
    lying = {(name, file) for name in suite.SUITES for file in suite.lying_in(SHIPPED / name)}
    assert lying == listed


def test_an_installed_package_brings_every_shipped_file(packed):
    tomllib = pytest.importorskip("tomllib", reason="the standard library reads TOML from 3.11 on")
    text = (SHIPPED.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    patterns = tomllib.loads(text)["tool"]["setuptools"]["package-data"]["imagineid_core.assets"]
    for folder in (SHIPPED, packed):
        kept = {path for pattern in patterns for path in folder.glob(pattern)}
        files = {path for path in folder.rglob("*") if path.is_file()}
        assert {path for path in files if path.suffix not in {".py", ".pyc"}} == kept


def test_a_packed_file_is_the_trained_file_and_says_how_it_was_made(trained, packed):
    folder = check_suite("listen", packed)
    assert folder == packed / "listen"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    told = json.loads((packed / MANIFEST).read_text())["suites"]["listen"]
    assert told["evaluation"] is None
    for name in FILES:
        content = (trained / name).read_bytes()
        assert (folder / name).read_bytes() == content
        assert told["files"][name] == {
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "architecture": name.removesuffix(".safetensors"),
            "licence": "Apache-2.0",
            **TRAINING,
        }


def test_a_manifest_is_read_as_it_was_written(trained, packed):
    assert read_manifest(packed).suites["listen"] == pack_suite("listen", trained, folder=packed)


def test_held_out_numbers_come_from_a_report_about_the_same_files(tmp_path, trained, packed):
    report = report_about(trained, tmp_path / "report.json")
    pack_suite("listen", trained, report=report, folder=packed)
    measured = read_manifest(packed).suites["listen"].evaluation
    assert measured == {"mouth_correlation": 0.91, "split": "test"}


@pytest.mark.parametrize(
    ("names", "changes", "told"),
    [
        (FILES, {"pad_content.safetensors": "0" * 64}, "other weights: pad_content.safetensors"),
        (FILES[:3], {"unet.safetensors": "0" * 64}, "other weights: unet.safetensors"),
        ([], {}, "it names none"),
    ],
)
def test_a_report_about_other_weights_is_refused(tmp_path, trained, names, changes, told):
    report = report_about(trained, tmp_path / "report.json", names, **changes)
    with pytest.raises(InputError, match=told):
        pack_suite("listen", trained, report=report, folder=tmp_path / "assets")
    assert not (tmp_path / "assets").exists()


def test_numbers_of_the_training_split_are_refused(tmp_path, trained):
    report = report_about(trained, tmp_path / "report.json")
    report.write_text(report.read_text().replace('"split": "test"', '"split": "train"'))
    with pytest.raises(InputError, match="measured on the split 'train'"):
        pack_suite("listen", trained, report=report, folder=tmp_path / "assets")


def test_a_report_that_is_none_is_named(tmp_path, trained):
    (tmp_path / "report.json").write_text('{"mouth')
    with pytest.raises(InputError, match="report.json is not readable as a report"):
        pack_suite("listen", trained, report=tmp_path / "report.json", folder=tmp_path / "assets")


def test_another_suite_stays_when_one_is_packed(trained, packed):
    document = json.loads((packed / MANIFEST).read_text())
    document["suites"]["imagine"] = {"files": {}, "evaluation": {"loss": 1.0}}
    (packed / MANIFEST).write_text(json.dumps(document))
    pack_suite("listen", trained, folder=packed)
    assert read_manifest(packed).suites["imagine"].evaluation == {"loss": 1.0}


def test_too_large_a_file_and_too_large_a_suite_are_refused(tmp_path, trained, monkeypatch):
    size = (trained / FILES[0]).stat().st_size
    monkeypatch.setattr(pack, "MOST_BYTES", size - 1)
    with pytest.raises(InputError, match="a shipped file may have at most"):
        pack_suite("listen", trained, folder=tmp_path / "assets")
    monkeypatch.undo()
    parts = suite.SuiteParts(parts=suite.SUITES["listen"].parts, most_bytes=size, training="")
    monkeypatch.setattr(suite, "SUITES", {"listen": parts})
    with pytest.raises(InputError, match="MB together but at most"):
        pack_suite("listen", trained, folder=tmp_path / "assets")
    assert not (tmp_path / "assets").exists()


def test_the_limits_are_those_promised():
    assert (pack.MOST_BYTES, suite.SUITES["listen"].most_bytes) == (16_000_000, 6_000_000)


def test_files_without_provenance_or_of_another_part_are_refused(tmp_path, trained):
    save_tiny_suite(trained, training={**TRAINING, "command": ""})
    with pytest.raises(WeightsError, match="does not say its command"):
        pack_suite("listen", trained, folder=tmp_path / "assets")
    shutil.copy(trained / "pad_content.safetensors", trained / "pad_identity.safetensors")
    with pytest.raises(WeightsError, match="holds 'pad_content' but the suite needs"):
        pack_suite("listen", trained, folder=tmp_path / "assets")
    (trained / "pad_identity.safetensors").unlink()
    with pytest.raises(WeightsError, match="pad_identity.safetensors is not there"):
        pack_suite("listen", trained, folder=tmp_path / "assets")


def test_without_a_manifest_the_command_that_makes_weights_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"no trained weights .*'imagineid train listen"):
        check_suite("listen", tmp_path)


def test_missing_and_damaged_files_are_named(packed):
    path = packed / "listen" / "pad_emotion.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"damaged: .*pad_emotion.safetensors does not have"):
        check_suite("listen", packed)
    path.write_bytes(content[:100])
    with pytest.raises(WeightsError, match=r"pad_emotion.safetensors has 100 bytes instead of"):
        check_suite("listen", packed)
    path.unlink()
    with pytest.raises(WeightsError, match=r"pad_emotion.safetensors is listed in manifest.json"):
        check_suite("listen", packed)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text[:200], "not readable as a manifest"),
        (lambda text: "[]", "not readable as a manifest"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 9'), "version 9"),
        (lambda text: text.replace('"sha256"', '"sha"'), "not readable as a manifest"),
        (lambda text: text.replace("head_motion.safe", "other.safe"), "does not list head_motion"),
    ],
)
def test_a_damaged_manifest_is_named(packed, change, told):
    path = packed / MANIFEST
    path.write_text(change(path.read_text()))
    with pytest.raises(WeightsError, match=told):
        check_suite("listen", packed)


def test_a_suite_that_nobody_knows_is_named(tmp_path):
    with pytest.raises(InputError, match="no suite 'sing'. Use one of: listen"):
        check_suite("sing", tmp_path)
