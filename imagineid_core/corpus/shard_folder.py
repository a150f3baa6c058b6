"""A corpus as a folder of shards with one manifest: made in parallel, resumable, every byte hashed.

A shard is one safetensors file that depends on the recipe and its own name only, so neither their
number nor that of workers changes it. Knows nothing about what a shard holds.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
SHARDS = "shards"
_AGAIN = "Run the same build again: it keeps what is whole and makes the rest"

Progress = Callable[[int, int], None]
MakeShard = Callable[[Path, str], "ShardRecord"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ShardRecord:
    """What the manifest knows of a finished shard."""

    sha256: str
    num_bytes: int
    items: tuple[str, ...]


def hash_of_corpus(recipe: Mapping[str, Any], shards: Mapping[str, ShardRecord]) -> str:
    lines = [json.dumps(recipe, sort_keys=True)]
    lines += [f"{name} {shard.sha256}" for name, shard in sorted(shards.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class FolderManifest:
    """What a corpus folder holds; `recipe` is all that decides what its items are."""

    kind: str
    recipe: dict[str, Any]
    wanted: dict[str, tuple[str, ...]]  # items by shard
    shards: dict[str, ShardRecord]

    @property
    def is_complete(self) -> bool:
        return set(self.wanted) <= set(self.shards)

    @property
    def corpus_hash(self) -> str:
        """Of the recipe and every shard: names a corpus in the record of what was trained on it."""
        return hash_of_corpus(self.recipe, self.shards)

    @property
    def num_bytes(self) -> int:
        return sum(shard.num_bytes for shard in self.shards.values())


def build_folder(
    folder: Path,
    make: MakeShard,
    *,
    kind: str,
    recipe: Mapping[str, Any],
    wanted: Mapping[str, tuple[str, ...]],
    workers: int = 1,
    on_progress: Progress | None = None,
) -> FolderManifest:
    """Make the shards of `wanted` that are not whole yet; `on_progress` counts items.

    `make(folder, shard)` writes one shard with `write_shard`; it travels to worker processes, so it
    must be a plain function or a `partial` of one. A folder of another recipe is refused.
    """
    if workers < 1:
        raise InputError(f"workers is {workers}. Give at least one.")
    manifest = _started(folder, kind, dict(recipe), dict(wanted))
    missing = [name for name in wanted if name not in manifest.shards]
    total = sum(len(items) for items in wanted.values())
    done = total - sum(len(wanted[name]) for name in missing)
    _report(on_progress, done, total)
    for name, record in _made(make, folder, missing, min(workers, len(missing))):
        manifest = replace(manifest, shards={**manifest.shards, name: record})
        write_manifest(folder, manifest)
        done += len(wanted[name])
        _report(on_progress, done, total)
    return manifest


def write_shard(
    folder: Path,
    name: str,
    tensors: Mapping[str, Tensor],
    *,
    items: Sequence[str],
    about: Mapping[str, Any],
) -> ShardRecord:
    """Write a shard whole or not at all; the same tensors give the same bytes."""
    from safetensors.torch import save

    metadata = {"format_version": str(FORMAT_VERSION), "about": json.dumps(about, sort_keys=True)}
    content = sorted_header(save(dict(tensors), metadata=metadata))
    write_whole(shard_path(folder, name), content)
    return ShardRecord(
        sha256=hashlib.sha256(content).hexdigest(), num_bytes=len(content), items=tuple(items)
    )


def read_about(path: Path) -> dict[str, Any]:
    """What a shard says of itself."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt", device="cpu") as file:
        return json.loads(file.metadata()["about"])


def shard_path(folder: Path, name: str) -> Path:
    return folder / SHARDS / f"{name}.safetensors"


def check_shard(path: Path, record: ShardRecord) -> None:
    """Every byte; a shard that was cut or changed is an error that names it."""
    if not path.is_file():
        raise InputError(f"{path} is listed in {MANIFEST} but not there. {_AGAIN}.")
    size = path.stat().st_size
    if size != record.num_bytes:
        raise InputError(
            f"{path} has {size} bytes instead of {record.num_bytes}: it was cut or replaced. "
            f"{_AGAIN}."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != record.sha256:
        raise InputError(f"{path} does not have the hash that {MANIFEST} lists. {_AGAIN}.")


def write_manifest(folder: Path, manifest: FolderManifest) -> None:
    document = {
        "format_version": FORMAT_VERSION,
        "corpus": manifest.kind,
        "hash": manifest.corpus_hash,
        "recipe": manifest.recipe,
        "wanted": manifest.wanted,
        "shards": {name: asdict(record) for name, record in sorted(manifest.shards.items())},
    }
    write_whole(folder / MANIFEST, (json.dumps(document) + "\n").encode())


def read_manifest(folder: Path, kind: str) -> FolderManifest:
    path = folder / MANIFEST
    if not path.is_file():
        what = "is not there" if not folder.is_dir() else f"has no {MANIFEST}"
        raise InputError(
            f"{folder} is no {kind} corpus: it {what}. Make one there with "
            f"'imagineid corpus {kind} --out FOLDER', or give another folder."
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format_version"] != FORMAT_VERSION or document["corpus"] != kind:
            raise InputError(
                f"{path} has format version {document['format_version']} of a "
                f"'{document['corpus']}' corpus but this code reads {FORMAT_VERSION} of '{kind}'. "
                "Make the corpus again, or give another folder."
            )
        return FolderManifest(
            kind=kind,
            recipe=document["recipe"],
            wanted={name: tuple(items) for name, items in document["wanted"].items()},
            shards={
                name: ShardRecord(
                    sha256=record["sha256"],
                    num_bytes=record["num_bytes"],
                    items=tuple(record["items"]),
                )
                for name, record in document["shards"].items()
            },
        )
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not readable as a manifest ({error!r}). It may be cut off: delete it and "
            "run the same build again."
        ) from error


def _made(
    make: MakeShard, folder: Path, names: Sequence[str], workers: int
) -> Iterator[tuple[str, ShardRecord]]:
    if workers <= 1:
        for name in names:
            yield name, make(folder, name)
        return
    # Spawned, not forked: torch's threads do not survive a fork.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=torch.set_num_threads,
                               initargs=(1,))  # fmt: skip
    try:
        tasks = {pool.submit(make, folder, name): name for name in names}
        for future in as_completed(tasks):
            yield tasks[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _started(
    folder: Path, kind: str, recipe: dict[str, Any], wanted: dict[str, tuple[str, ...]]
) -> FolderManifest:
    """What is there and whole; a folder of another recipe is refused, nothing is deleted."""
    if not (folder / MANIFEST).exists():
        if folder.exists() and any(path.name != SHARDS for path in folder.iterdir()):
            raise InputError(
                f"{folder} has files but no {MANIFEST}, so it is no {kind} corpus. "
                "Give an empty folder, or a new one."
            )
        manifest = FolderManifest(kind=kind, recipe=recipe, wanted=wanted, shards={})
        write_manifest(folder, manifest)
        return manifest
    manifest = read_manifest(folder, kind)
    if manifest.recipe != recipe:
        other = [
            f"{name} {manifest.recipe.get(name)!r} instead of {value!r}"
            for name, value in recipe.items()
            if manifest.recipe.get(name) != value
        ]
        raise InputError(
            f"{folder} holds a corpus with {', '.join(other)}. Go on with the values it was begun "
            "with, or give another folder."
        )
    # A folder may grow, never shrink: shards of an earlier, larger build stay.
    wanted = {name: max(manifest.wanted.get(name, ()), items) for name, items in wanted.items()}
    wanted = {**manifest.wanted, **wanted}
    whole = {
        name: record
        for name, record in manifest.shards.items()
        if record.items == wanted.get(name) and _is_whole(folder, name, record)
    }
    return replace(manifest, wanted=wanted, shards=whole)


def _is_whole(folder: Path, name: str, record: ShardRecord) -> bool:
    try:
        check_shard(shard_path(folder, name), record)
    except InputError as error:
        _log.warning("making shard %s again: %s", name, error)
        return False
    return True


def _report(on_progress: Progress | None, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(done, total)


def sorted_header(content: bytes) -> bytes:
    """safetensors writes its metadata in an order that changes between runs: sort the header."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]
