"""A talker corpus read from its folder: clips by name, split by speaker and by sentence.

Knows nothing about how clips are made.
"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from imagineid_core.corpus.clip import Clip
from imagineid_core.corpus.shard_folder import check_shard, read_about, shard_path
from imagineid_core.corpus.talker.sentences import SPLITS
from imagineid_core.corpus.talker.shards import Manifest, read_clip, read_manifest
from imagineid_core.corpus.talker.talker import speaker_name, speakers_of, split_of_speaker
from imagineid_core.corpus.talker.voices import Speaker
from imagineid_core.errors import InputError


def open_talker_corpus(folder: str | PathLike[str]) -> "TalkerCorpus":
    """Every shard must be listed and there; each is hashed when it is first read.

    A partial corpus opens if its splits are whole; asking it for another split is an error.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    wanted = [speaker_name(k) for k in speakers_of(manifest.splits, manifest.num_speakers)]
    made = [name for name in wanted if name in manifest.shards]
    if len(made) < len(wanted):
        raise InputError(
            f"{folder} is half made: {len(made)} of {len(wanted)} speakers. "
            "Run the same build again to finish it; what is there is kept."
        )
    for name, record in manifest.shards.items():
        path = shard_path(folder, name)
        if not path.is_file() or path.stat().st_size != record.num_bytes:
            check_shard(path, record)
    return TalkerCorpus(folder, manifest)


class TalkerCorpus:
    """A `Corpus` whose clips know every truth."""

    def __init__(self, folder: Path, manifest: Manifest):
        self.folder, self.manifest = folder, manifest
        self._shard_of = {
            clip: shard for shard, record in manifest.shards.items() for clip in record.items
        }
        self._checked: set[str] = set()

    @property
    def corpus_hash(self) -> str:
        return self.manifest.corpus_hash

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that are here; all of them unless the corpus is partial."""
        return self.manifest.splits

    def names(self, split: str) -> Sequence[str]:
        """Clip names, speaker by speaker."""
        if split not in SPLITS:
            raise InputError(f"split is '{split}'. Use one of: {', '.join(SPLITS)}.")
        if split not in self.manifest.splits:
            raise InputError(
                f"{self.folder} is a partial corpus of the split {' and '.join(self.splits)}, so "
                f"it has no '{split}'. Run the same build without --split to make the rest; what "
                "is there is kept."
            )
        return tuple(
            clip
            for shard, record in sorted(self.manifest.shards.items())
            if split_of_speaker(int(shard[1:])) == split
            for clip in record.items
        )

    def load(self, name: str) -> Clip:
        return read_clip(self._whole_shard(self._shard(name)), name)

    def speaker(self, name: str) -> Speaker:
        """The voice of a speaker, as it was synthesised."""
        if name not in self.manifest.shards:
            raise InputError(
                f"speaker '{name}' is not in {self.folder}. "
                f"It has {min(self.manifest.shards)} to {max(self.manifest.shards)}."
            )
        return Speaker(**read_about(self._whole_shard(name))["speaker"])

    def _shard(self, name: str) -> str:
        if name not in self._shard_of:
            raise InputError(
                f"clip '{name}' is not in {self.folder}. Take a name from names(split)."
            )
        return self._shard_of[name]

    def _whole_shard(self, shard: str) -> Path:
        path = shard_path(self.folder, shard)
        if shard not in self._checked:
            check_shard(path, self.manifest.shards[shard])
            self._checked.add(shard)
        return path
