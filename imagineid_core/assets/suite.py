"""Which trained files are shipped, checked byte by byte before use.

A suite is a folder beside this file, with one line in the manifest for each of its files. Knows
nothing about networks or about how the files get here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagineid_core.assets.manifest import MANIFEST, ShippedFile, read_manifest
from imagineid_core.assets.model_folder import INDEX, KINDS, WEIGHTS
from imagineid_core.errors import InputError, WeightsError

SHIPPED = Path(__file__).parent
MEGABYTE = 1_000_000
_BLOCK = 2**20  # bytes
LISTEN, IMAGINE, READ = "listen", "imagine", "read"


@dataclass(frozen=True, kw_only=True)
class SuiteParts:
    """What a suite holds, what it may weigh together, and where others come from."""

    parts: tuple[str, ...] = ()  # architectures it cannot do without, one file each
    optional: tuple[str, ...] = ()  # others, shipped as they become good enough
    has_model: bool = False  # a diffusers folder, beside which the parts lie
    is_half_precision: bool = False
    most_bytes: int
    training: str  # the command that makes them
    option: str = "--weights"  # which gives others

    @property
    def needed(self) -> frozenset[str]:
        """Files without which there is no suite."""
        model = {INDEX} if self.has_model else set()
        return frozenset({file_name(part) for part in self.parts} | model)


SUITES: Mapping[str, SuiteParts] = {
    LISTEN: SuiteParts(
        parts=("pad_identity", "pad_content", "pad_emotion", "head_motion"),
        most_bytes=6 * MEGABYTE,
        training="imagineid train listen --preset mini",
    ),
    IMAGINE: SuiteParts(
        optional=("textual_inversion", "spatial_condition", "mask_blending", "matting"),
        has_model=True,
        is_half_precision=True,
        most_bytes=40 * MEGABYTE,
        training="imagineid train imagine --preset mini",
        option="--model",
    ),
    READ: SuiteParts(
        parts=("face_reader",),
        is_half_precision=True,
        most_bytes=MEGABYTE,
        training="imagineid train reader --preset mini",
        option="--extractor landmarks=MODULE:OBJECT",
    ),
}


def check_suite(name: str, folder: Path | None = None) -> Path:
    """The folder with a suite's files, after every byte of them was compared with the manifest.

    `folder` is where manifest.json lies (default: the package's own).
    """
    known, folder = suite_parts(name), folder or SHIPPED
    suite = read_manifest(folder).suites.get(name)
    if suite is None:
        raise WeightsError(
            f"no trained weights for '{name}' are shipped with this copy: "
            f"{folder / MANIFEST} lists none. Give yours with {known.option}; "
            f"'{known.training}' makes them. See README, Weights."
        )
    remedy = f"Install the package again, or give your own with {known.option}."
    if missing := sorted(known.needed - set(suite.files)):
        raise WeightsError(
            f"{folder / MANIFEST} does not list {', '.join(missing)} of '{name}'. {remedy}"
        )
    for file, record in suite.files.items():
        _check_file(folder / name / file, record, remedy)
    if unknown := sorted(lying_in(folder / name) - set(suite.files)):
        raise WeightsError(
            f"{folder / name} holds {', '.join(unknown)}, which {MANIFEST} does not list. "
            f"Remove what is not part of it. {remedy}"
        )
    return folder / name


def lying_in(folder: Path) -> set[str]:
    """Names of what would be loaded from a suite's folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if is_loaded(path)}


def is_loaded(path: Path) -> bool:
    return path.suffix in KINDS and path.is_file() and not path.name.startswith(".")


def file_name(part: str) -> str:
    return f"{part}.safetensors"


def suite_parts(name: str) -> SuiteParts:
    if name not in SUITES:
        raise InputError(f"there is no suite '{name}'. Use one of: {', '.join(SUITES)}.")
    return SUITES[name]


def weight_hashes(place: Path) -> dict[str, str]:
    """SHA-256 of a file of weights, or of every one in a folder, by name within it."""
    if place.is_file():
        return {place.name: sha256_of(place)}
    names = sorted(name for name in lying_in(place) if name.endswith(WEIGHTS))
    return {name: sha256_of(place / name) for name in names}


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _check_file(path: Path, record: ShippedFile, remedy: str) -> None:
    if not path.is_file():
        raise WeightsError(
            f"shipped weights are incomplete: {path} is listed in {MANIFEST} but not there. "
            f"{remedy}"
        )
    size = path.stat().st_size
    if size != record.size:
        raise WeightsError(
            f"shipped weights are damaged: {path} has {size} bytes instead of {record.size}. "
            f"{remedy}"
        )
    if sha256_of(path) != record.sha256:
        raise WeightsError(
            f"shipped weights are damaged: {path} does not have the SHA-256 that {MANIFEST} lists. "
            f"{remedy}"
        )
