"""Trained files into the package, with what vouches for them; what nobody can vouch for is refused.

Knows nothing about networks: what a file holds is what its metadata, or its model's index, says.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from imagineid_core.assets import suite
from imagineid_core.assets.manifest import (
    Manifest,
    ShippedFile,
    ShippedSuite,
    read_manifest,
    write_manifest,
)
from imagineid_core.assets.model_folder import INDEX, WEIGHTS, ModelFolder
from imagineid_core.assets.suite import MEGABYTE, SuiteParts, file_name, lying_in, suite_parts
from imagineid_core.checkpoint import read_tensors, write_whole
from imagineid_core.errors import InputError, WeightsError

LICENCE = "Apache-2.0"
MOST_BYTES = 16 * MEGABYTE  # one file
_NEEDED = ("command", "preset", "seed", "corpus", "steps", "metrics")  # of a part's provenance
_CORPORA = ("corpus", "talkers")  # either says what it was trained on


def pack_suite(
    name: str,
    *trained: str | PathLike[str],
    report: str | PathLike[str] | None = None,
    gates: Sequence[str | PathLike[str]] = (),
    ships_missed: bool = False,
    also: Mapping[str, bytes] | None = None,
    folder: Path | None = None,
) -> ShippedSuite:
    """Copy trainings' files into the package and write what vouches for them.

    The parts may lie in several folders. `report` is the report.json of an evaluation of these very
    files, `gates` what `imagineid gate` wrote beyond what a model's training measured itself; a
    missed one is refused unless `ships_missed`, and then the manifest says so. `also` replaces or
    adds settings of the model. Other suites are left as they are; of this one, nothing is replaced
    before everything was checked.
    """
    known, folder = suite_parts(name), folder or suite.SHIPPED
    folders = [Path(place) for place in trained]
    files: dict[str, ShippedFile] = {}
    contents: dict[str, bytes] = {}
    measured: dict[str, Any] = {}
    if known.has_model:
        model = ModelFolder(_only(INDEX, folders) or folders[0])
        measured.update(model.gates)
        settings = {**{name: path.read_bytes() for name, path in model.files()}, **(also or {})}
        for file, content in sorted(settings.items()):
            contents[file] = content
            files[file] = _file(
                content, model.architecture(file), model.training(file), model.folder / file
            )
    for part, path in _parts(known, folders):
        training = _provenance(path, part)
        contents[path.name] = path.read_bytes()
        files[path.name] = _file(contents[path.name], part, training, path)
    if known.is_half_precision:
        _check_precision(contents)
    total = sum(file.size for file in files.values())
    if total > known.most_bytes:
        raise InputError(
            f"the files of '{name}' in {', '.join(map(str, folders))} have "
            f"{total / MEGABYTE:.1f} MB together but at most {known.most_bytes / MEGABYTE:g} MB "
            "are shipped. Train a smaller preset, or save half precision."
        )
    measured.update(_gate(Path(path)) for path in gates)
    missed = sorted(gate for gate, told in measured.items() if not told["is_passed"])
    if missed and not ships_missed:
        raise InputError(
            f"the gate {', '.join(missed)} was missed, so these files are not good enough to ship. "
            "Train that part longer, or ship it all the same with --despite-gates."
        )
    packed = ShippedSuite(
        files=files,
        evaluation=None if report is None else _evaluation(Path(report), files),
        gates=measured,
    )
    others = read_manifest(folder).suites
    for file, content in contents.items():
        write_whole(folder / name / file, content)
    write_manifest(folder, Manifest(suites={**others, name: packed}))
    for stale in lying_in(folder / name) - set(files):
        (folder / name / stale).unlink()  # another cut of the same weights would be loaded too
    return packed


def _parts(known: SuiteParts, folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """The checkpoint of each part; one that is needed and nowhere is found missing on reading."""
    for part in known.parts:
        yield part, (_only(file_name(part), folders) or folders[0]) / file_name(part)
    for part in known.optional:
        if (place := _only(file_name(part), folders)) is not None:
            yield part, place / file_name(part)


def _only(file: str, folders: Sequence[Path]) -> Path | None:
    """The folder that holds a file; two would leave it to chance which is shipped."""
    holding = [place for place in folders if (place / file).is_file()]
    if len(holding) > 1:
        raise InputError(
            f"{file} lies in {' and in '.join(map(str, holding))}. Leave one of the folders out, "
            "or remove the file that is not meant."
        )
    return holding[0] if holding else None


def _file(
    content: bytes, architecture: str, training: Mapping[str, Any], path: Path
) -> ShippedFile:
    if len(content) > MOST_BYTES:
        raise InputError(
            f"{path} has {len(content) / MEGABYTE:.1f} MB but a shipped file may have at most "
            f"{MOST_BYTES / MEGABYTE:g} MB. Train a smaller preset, or save half precision."
        )
    return ShippedFile(
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        architecture=architecture,
        licence=LICENCE,
        training=training,
    )


def _provenance(path: Path, part: str) -> Mapping[str, Any]:
    """What a checkpoint says of its training; one that cannot be vouched for is refused."""
    metadata, _ = read_tensors(path)
    if metadata.get("architecture") != part:
        raise WeightsError(
            f"{path} holds '{metadata.get('architecture', 'unknown')}' but the suite needs "
            f"'{part}' there. Give the folder that the training wrote."
        )
    training = json.loads(metadata.get("provenance", "{}"))
    told = {"corpus": next((training[one] for one in _CORPORA if training.get(one)), None)}
    if unknown := [one for one in _NEEDED if {**training, **told}.get(one) in (None, "")]:
        raise WeightsError(
            f"{path} does not say its {', '.join(unknown)}, so nobody could make it again. "
            "Give files written by 'imagineid train'."
        )
    return training


def _check_precision(contents: Mapping[str, bytes]) -> None:
    from safetensors import deserialize

    for name, content in contents.items():
        if not name.endswith(WEIGHTS):
            continue
        wide = [key for key, told in deserialize(content) if told["dtype"] in ("F32", "F64")]
        if wide:
            raise InputError(
                f"{name} holds {len(wide)} tensors of more than half precision, {wide[0]} for one, "
                "but the suite is shipped in half. Save it again with half precision."
            )


def _gate(path: Path) -> tuple[str, dict[str, Any]]:
    """The name and the document of a gate."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document["is_passed"], bool):
            raise TypeError(f"is_passed is {document['is_passed']!r}")
        return str(document["gate"]), document
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not readable as a gate's figures ({error!r}). Give the JSON that "
            "'imagineid gate' wrote."
        ) from error


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
