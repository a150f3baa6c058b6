"""A people corpus read from its folder: persons by name, split by person.

Knows nothing about how they are drawn.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor

from imagineid_core.corpus.people.build import KIND, MOVING, PERSONAL, PICTURES
from imagineid_core.corpus.people.pictures import PersonPictures
from imagineid_core.corpus.portrait import PortraitAttributes
from imagineid_core.corpus.shard_folder import (
    FolderManifest,
    check_shard,
    read_about,
    read_manifest,
    shard_path,
)
from imagineid_core.corpus.talker.sentences import SPLITS
from imagineid_core.corpus.talker.talker import split_of_speaker
from imagineid_core.errors import InputError
from imagineid_core.values import FaceCoefficients


def open_people_corpus(folder: str | PathLike[str]) -> "PeopleCorpus":
    """Every shard must be listed and there; each is hashed when it is first read."""
    folder = Path(folder)
    manifest = read_manifest(folder, KIND)
    if not manifest.is_complete:
        raise InputError(
            f"{folder} is half made: {len(manifest.shards)} of {len(manifest.wanted)} shards. "
            "Run the same build again to finish it; what is there is kept."
        )
    return PeopleCorpus(folder, manifest)


class PeopleCorpus:
    """Person k belongs to the split that talker k belongs to."""

    def __init__(self, folder: Path, manifest: FolderManifest) -> None:
        self.folder, self.manifest = folder, manifest
        self._shard_of = {
            name: shard for shard, record in manifest.shards.items() for name in record.items
        }
        self._whole: set[str] = set()
        self._about = lru_cache(maxsize=8)(read_about)

    @property
    def corpus_hash(self) -> str:
        return self.manifest.corpus_hash

    @property
    def num_frames(self) -> int:
        return int(self.manifest.recipe["num_frames"])

    @property
    def size(self) -> int:
        return int(self.manifest.recipe["size"])

    def names(self, split: str) -> Sequence[str]:
        """Persons of 'train', 'validation' or 'test', in order."""
        if split not in SPLITS:
            raise InputError(f"split is '{split}'. Use one of: {', '.join(SPLITS)}.")
        return tuple(n for n in sorted(self._shard_of) if split_of_speaker(int(n[1:])) == split)

    def load(self, name: str) -> PersonPictures:
        """Everything about a person."""
        needed = (*PICTURES, "landmarks", *PERSONAL, *MOVING)
        tensors, facts = self.tensors(name, needed), self.facts(name)
        num_frames = len(tensors["portrait"])
        personal = {key: tensors[key].expand(num_frames, -1) for key in PERSONAL}
        return PersonPictures(
            name=name,
            caption=facts["caption"],
            attributes=_attributes_from(facts["attributes"]),
            styles=tuple(facts["styles"]),
            follows=tuple(facts["follows"]),
            **{key: tensors[key] for key in PICTURES},
            landmarks=tensors["landmarks"].float(),
            coefficients=FaceCoefficients(**personal, **{key: tensors[key] for key in MOVING}),
        )

    def tensors(self, name: str, keys: Sequence[str]) -> dict[str, Tensor]:
        """Some of a person's tensors as they are stored; nothing else is read."""
        from safetensors import safe_open

        path = self._whole_shard(self._shard(name))
        with safe_open(str(path), framework="pt", device="cpu") as file:
            return {key: file.get_tensor(f"{name}.{key}") for key in keys}

    def facts(self, name: str) -> Mapping[str, Any]:
        """`caption`, `attributes`, `styles` and `follows`, as JSON has them."""
        return self._about(self._whole_shard(self._shard(name)))[name]

    def attributes(self, name: str) -> PortraitAttributes:
        return _attributes_from(self.facts(name)["attributes"])

    def _shard(self, name: str) -> str:
        if name not in self._shard_of:
            raise InputError(
                f"person '{name}' is not in {self.folder}. Take a name from names(split)."
            )
        return self._shard_of[name]

    def _whole_shard(self, shard: str) -> Path:
        path = shard_path(self.folder, shard)
        if shard not in self._whole:
            check_shard(path, self.manifest.shards[shard])
            self._whole.add(shard)
        return path


def _attributes_from(values: Mapping[str, Any]) -> PortraitAttributes:
    """JSON turns tuples into lists."""
    restored: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return PortraitAttributes(**restored)
