"""Make a corpus of synthetic talkers on disk: in parallel, resumable, clip by clip the same.

One speaker is one shard; a shard depends on the seed, its speaker and the number of clips only, so
neither the number of speakers nor that of workers changes it. Knows nothing about reading it back.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from imagineid_core.corpus.shard_folder import MANIFEST, ShardRecord, check_shard, shard_path
from imagineid_core.corpus.talker.espeak import installed_data_folder, installed_version
from imagineid_core.corpus.talker.sentences import SPLITS
from imagineid_core.corpus.talker.shards import (
    Manifest,
    read_manifest,
    write_manifest,
    write_shard,
)
from imagineid_core.corpus.talker.talker import (
    make_clip,
    plan_clip,
    speaker_name,
    speakers_of,
    split_of_speaker,
)
from imagineid_core.corpus.talker.voices import draw_speaker, write_voices
from imagineid_core.errors import InputError

RECIPE_VERSION = 1  # of all that decides what a clip is; raise it when clips change
_MOST_CLIPS = 1000  # names have three digits
_MOST_SPEAKERS = 10_000

Progress = Callable[[int, int], None]
_log = logging.getLogger(__name__)


def build_talker_corpus(
    folder: str | PathLike[str],
    *,
    num_speakers: int = 300,
    clips_per_speaker: int = 20,
    seed: int = 0,
    split: str | None = None,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> Manifest:
    """Make what `folder` does not hold yet; `on_progress` gets speakers done and speakers in all.

    With a `split` only its speakers are made, the same as in the whole corpus, and the manifest
    says so; a call without it makes the rest. A folder may grow by more speakers; its seed and
    clips per speaker are fixed. Shards that were cut or changed are made again, with a warning.
    """
    folder = Path(folder)
    _check(num_speakers, clips_per_speaker, seed, split, workers)
    splits = tuple(SPLITS) if split is None else (split,)
    recipe = {
        "version": RECIPE_VERSION,
        "espeak": installed_version(),
        "seed": seed,
        "clips_per_speaker": clips_per_speaker,
    }
    manifest = _started(folder, recipe, num_speakers, splits)
    wanted = speakers_of(splits, num_speakers)
    missing = [k for k in wanted if speaker_name(k) not in manifest.shards]
    done = len(wanted) - len(missing)
    _report(on_progress, done, len(wanted))
    with tempfile.TemporaryDirectory(prefix="voices-") as private:
        voices = [(speaker_name(k), draw_speaker(seed, k)) for k in missing]
        data = write_voices(Path(private), voices, installed_data_folder())
        tasks = [(folder, data, seed, speaker, clips_per_speaker) for speaker in missing]
        for name, record in _made(tasks, min(workers, len(tasks))):
            manifest = replace(manifest, shards={**manifest.shards, name: record})
            write_manifest(folder, manifest)
            done += 1
            _report(on_progress, done, len(wanted))
    return manifest


_Task = tuple[Path, Path, int, int, int]


def _made(tasks: Sequence[_Task], workers: int) -> Iterator[tuple[str, ShardRecord]]:
    if workers <= 1:
        yield from map(_make_shard, tasks)
        return
    # Spawned, not forked: torch's threads do not survive a fork.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=torch.set_num_threads,
                               initargs=(1,))  # fmt: skip
    try:
        for future in as_completed([pool.submit(_make_shard, task) for task in tasks]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _make_shard(task: _Task) -> tuple[str, ShardRecord]:
    folder, data, seed, speaker, num_clips = task
    clips = [make_clip(plan_clip(seed, speaker, number), data) for number in range(num_clips)]
    about = {
        "speaker": asdict(draw_speaker(seed, speaker)),
        "split": split_of_speaker(speaker),
    }
    name = speaker_name(speaker)
    return name, write_shard(folder, name, clips, about)


def _started(
    folder: Path, recipe: dict[str, Any], num_speakers: int, splits: tuple[str, ...]
) -> Manifest:
    """What is there and whole; a folder of another recipe is refused, nothing is deleted."""
    if not (folder / MANIFEST).exists():
        if folder.exists() and any(path.name != "shards" for path in folder.iterdir()):
            raise InputError(
                f"{folder} has files but no {MANIFEST}, so it is no talker corpus. "
                "Give an empty folder, or a new one."
            )
        manifest = Manifest(recipe=recipe, num_speakers=num_speakers, shards={}, splits=splits)
        write_manifest(folder, manifest)
        return manifest
    manifest = read_manifest(folder)
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
    whole = {}
    for name, record in manifest.shards.items():
        try:
            check_shard(shard_path(folder, name), record)
        except InputError as error:
            _log.warning("making shard %s again: %s", name, error)
        else:
            whole[name] = record
    known = replace(
        manifest,
        num_speakers=max(num_speakers, manifest.num_speakers),
        shards=whole,
        splits=tuple(one for one in SPLITS if one in {*manifest.splits, *splits}),
    )
    if known != manifest:
        write_manifest(folder, known)
    return known


def _report(on_progress: Progress | None, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(done, total)


def _check(
    num_speakers: int, clips_per_speaker: int, seed: int, split: str | None, workers: int
) -> None:
    if split is not None and split not in SPLITS:
        raise InputError(f"split is '{split}'. Use one of: {', '.join(SPLITS)}.")
    if not 3 <= num_speakers <= _MOST_SPEAKERS:
        raise InputError(
            f"num_speakers is {num_speakers} but must lie in 3 ... {_MOST_SPEAKERS}: training, "
            "validation and test need a speaker each. 300 is a full corpus."
        )
    if not 1 <= clips_per_speaker <= _MOST_CLIPS:
        raise InputError(
            f"clips_per_speaker is {clips_per_speaker} but must lie in 1 ... {_MOST_CLIPS}. "
            "Twenty are a full corpus."
        )
    if seed < 0 or workers < 1:
        raise InputError(
            f"seed is {seed} and workers {workers}. Give a seed from 0 up and at least one worker."
        )
