"""manifest.json of the shipped weights: each file's size, hash, licence and how it was trained.

Knows nothing about networks or about where the files lie.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import WeightsError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class ShippedFile:
    """What vouches for one file; `training` is its provenance as the training wrote it."""

    size: int  # bytes
    sha256: str
    architecture: str
    licence: str
    training: Mapping[str, Any]  # command, preset, seed, corpus, steps, metrics ...


@dataclass(frozen=True, kw_only=True)
class ShippedSuite:
    """Files that belong together, and how they did on people they were not trained on."""

    files: Mapping[str, ShippedFile]
    evaluation: Mapping[str, Any] | None = None  # numbers of `imagineid evaluate`, if measured
    gates: Mapping[str, Any] = field(default_factory=dict)  # figures of `imagineid gate`, by gate


@dataclass(frozen=True, kw_only=True)
class Manifest:
    suites: Mapping[str, ShippedSuite] = field(default_factory=dict)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """What a file is stands beside how it was trained, one object a file."""
    document = {
        "format_version": FORMAT_VERSION,
        "suites": {
            name: {
                "files": {name: _told(file) for name, file in sorted(suite.files.items())},
                "evaluation": suite.evaluation,
                **({"gates": suite.gates} if suite.gates else {}),
            }
            for name, suite in sorted(manifest.suites.items())
        },
    }
    write_whole(folder / MANIFEST, (json.dumps(document, indent=1) + "\n").encode())


def read_manifest(folder: Path) -> Manifest:
    """An empty manifest where there is none; one that cannot be read is an error."""
    path = folder / MANIFEST
    if not path.is_file():
        return Manifest()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format_version"] != FORMAT_VERSION:
            raise WeightsError(
                f"{path} has format version {document['format_version']} but this code reads "
                f"{FORMAT_VERSION}. Install the package again, code and weights together."
            )
        suites = {
            name: ShippedSuite(
                files={name: _file_from(told) for name, told in suite["files"].items()},
                evaluation=suite["evaluation"],
                gates=suite.get("gates", {}),
            )
            for name, suite in document["suites"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(
            f"{path} is not readable as a manifest ({error!r}). It may be cut off: install the "
            "package again, or restore the file."
        ) from error
    return Manifest(suites=suites)


def _told(file: ShippedFile) -> dict[str, Any]:
    itself = {
        "size": file.size,
        "sha256": file.sha256,
        "architecture": file.architecture,
        "licence": file.licence,
    }
    return {**itself, **file.training, **itself}  # a training may call its pictures' size so


def _file_from(told: Mapping[str, Any]) -> ShippedFile:
    training = dict(told)
    return ShippedFile(
        size=training.pop("size"),
        sha256=training.pop("sha256"),
        architecture=training.pop("architecture"),
        licence=training.pop("licence"),
        training=training,
    )
