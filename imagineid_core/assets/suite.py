"""Which trained files are shipped, checked byte by byte before use, and how they get here.

A suite is a folder beside this file, with one line in the manifest for each of its files. Knows
nothing about networks: what a file holds is what its metadata says.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from imagineid_core.assets.manifest import (
    MANIFEST,
    Manifest,
    ShippedFile,
    ShippedSuite,
    read_manifest,
    write_manifest,
)
from imagineid_core.checkpoint import read_tensors, write_whole
from imagineid_core.errors import InputError, WeightsError

SHIPPED = Path(__file__).parent
LICENCE = "Apache-2.0"
MEGABYTE = 1_000_000
MOST_BYTES = 16 * MEGABYTE  # one file
LISTEN = "listen"
_NEEDED = ("command", "preset", "seed", "corpus", "steps", "metrics")  # of a file's provenance


@dataclass(frozen=True, kw_only=True)
class SuiteParts:
    """The architectures of a suite, one file each, and what they may weigh together."""

    parts: tuple[str, ...]
    most_bytes: int
    training: str  # the command that makes them


SUITES: Mapping[str, SuiteParts] = {
    LISTEN: SuiteParts(
        parts=("pad_identity", "pad_content", "pad_emotion", "head_motion"),
        most_bytes=6 * MEGABYTE,
        training="imagineid train listen --preset mini",
    ),
}


def check_suite(name: str, folder: Path | None = None) -> Path:
    """The folder with a suite's files, after every byte of them was compared with the manifest.

    `folder` is where manifest.json lies (default: the package's own).
    """
    known, folder = _known(name), folder or SHIPPED
    suite = read_manifest(folder).suites.get(name)
    if suite is None:
        raise WeightsError(
            f"no trained weights for '{name}' are shipped with this copy: "
            f"{folder / MANIFEST} lists none. Give yours with --weights; "
            f"'{known.training}' makes them. See README, Weights."
        )
    if missing := sorted({file_name(part) for part in known.parts} - set(suite.files)):
        raise WeightsError(
            f"{folder / MANIFEST} does not list {', '.join(missing)} of '{name}'. Install the "
            "package again, or give your own with --weights."
        )
    for file, record in suite.files.items():
        _check_file(folder / name / file, record)
    return folder / name


def pack_suite(
    name: str,
    trained: str | PathLike[str],
    *,
    report: str | PathLike[str] | None = None,
    folder: Path | None = None,
) -> ShippedSuite:
    """Copy a training's files into the package and write what vouches for them.

    `report` is the report.json of an evaluation of these very files. Other suites are left as they
    are; of this one, nothing is replaced before everything was checked.
    """
    known, trained, folder = _known(name), Path(trained), folder or SHIPPED
    contents, files = {}, {}
    for part in known.parts:
        path = trained / file_name(part)
        files[path.name] = _described(path, part)
        contents[path.name] = path.read_bytes()
    total = sum(file.size for file in files.values())
    if total > known.most_bytes:
        raise InputError(
            f"the files of '{name}' in {trained} have {total / MEGABYTE:.1f} MB together but at "
            f"most {known.most_bytes / MEGABYTE:g} MB are shipped. Train a smaller preset, or save "
            "half precision."
        )
    suite = ShippedSuite(
        files=files, evaluation=None if report is None else _evaluation(Path(report), files)
    )
    others = read_manifest(folder).suites
    for file, content in contents.items():
        write_whole(folder / name / file, content)
    write_manifest(folder, Manifest(suites={**others, name: suite}))
    return suite


def file_name(part: str) -> str:
    return f"{part}.safetensors"


def _known(name: str) -> SuiteParts:
    if name not in SUITES:
        raise InputError(f"there is no suite '{name}'. Use one of: {', '.join(SUITES)}.")
    return SUITES[name]


def _check_file(path: Path, record: ShippedFile) -> None:
    if not path.is_file():
        raise WeightsError(
            f"shipped weights are incomplete: {path} is listed in {MANIFEST} but not there. "
            "Install the package again, or give your own with --weights."
        )
    size = path.stat().st_size
    if size != record.size:
        raise WeightsError(
            f"shipped weights are damaged: {path} has {size} bytes instead of {record.size}. "
            "Install the package again, or give your own with --weights."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != record.sha256:
        raise WeightsError(
            f"shipped weights are damaged: {path} does not have the SHA-256 that {MANIFEST} lists. "
            "Install the package again, or give your own with --weights."
        )


def _described(path: Path, part: str) -> ShippedFile:
    """What the manifest will say of a trained file; one that cannot be vouched for is refused."""
    metadata, _ = read_tensors(path)
    if metadata.get("architecture") != part:
        raise WeightsError(
            f"{path} holds '{metadata.get('architecture', 'unknown')}' but the suite needs "
            f"'{part}' there. Give the folder that the training wrote."
        )
    training = json.loads(metadata.get("provenance", "{}"))
    if unknown := [field for field in _NEEDED if training.get(field) in (None, "")]:
        raise WeightsError(
            f"{path} does not say its {', '.join(unknown)}, so nobody could make it again. "
            "Give files written by 'imagineid train'."
        )
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InputError(
            f"{path} has {size / MEGABYTE:.1f} MB but a shipped file may have at most "
            f"{MOST_BYTES / MEGABYTE:g} MB. Train a smaller preset, or save half precision."
        )
    return ShippedFile(
        size=size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        architecture=part,
        licence=LICENCE,
        training=training,
    )


def _evaluation(path: Path, files: Mapping[str, ShippedFile]) -> dict[str, Any]:
    """A report's numbers, if it says that it is about these files."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        about = dict(report.pop("about"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not readable as a report ({error!r}). Give the report.json that "
            "'imagineid evaluate' wrote."
        ) from error
    known = {name: files[name].sha256 for name in about if name in files}
    if not known or known != about:
        other = sorted(name for name in about if about[name] != known.get(name))
        raise InputError(
            f"{path} is about other weights: {', '.join(other) or 'it names none'}. Evaluate these "
            "files with --weights and give that report."
        )
    if report.get("split") == "train":
        raise InputError(
            f"{path} was measured on the split 'train', on which these files were trained. "
            "Evaluate on 'test'."
        )
    return report
