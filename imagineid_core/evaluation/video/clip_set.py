"""A set of clips measured clip by clip: in parallel, taken up where it stopped, none lost silently.

A clip's results lie in `clips/NAME.json` and, for metrics of the whole set, `clips/NAME.npz`; what
decides them is in its key, so changed files or options are measured again. A clip that cannot be
measured is named with its reason and tried again next time. Knows nothing about tables.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.clip import digest_of
from imagineid_core.evaluation.video.clip_manifest import ClipList, ListedClip
from imagineid_core.evaluation.video.clip_report import (
    VERSION,
    Comparison,
    as_json,
    paths_of,
    report_clip,
)
from imagineid_core.evaluation.video.extractors import (
    Extractors,
    ExtractorSources,
    load_extractors,
    weights_of,
)
from imagineid_core.evaluation.video.protocols import PROTOCOLS
from imagineid_core.evaluation.video.set_summary import MeasuredClip, summarise

SUMMARY = "set.json"
Progress = Callable[[int, int], None]  # clips done, clips in all


@dataclass(frozen=True, kw_only=True)
class _Task:
    clip: ListedClip
    folder: Path
    protocol: str
    comparison: Comparison
    sources: ExtractorSources
    networks: str  # digest of their weights; a plug-in's name stands for what it does


def measure_set(
    clips: ClipList,
    folder: Path,
    *,
    protocol: str,
    comparison: Comparison | None = None,
    sources: ExtractorSources | None = None,
    workers: int = 1,
    about: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure what is not measured yet, and write `set.json` into `folder`; its content.

    `about`: what a reader of the report wants to know of how it was made, such as the command.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"there is no protocol '{protocol}'. Use one of: {', '.join(PROTOCOLS)}.")
    if workers < 1:
        raise InputError(f"workers is {workers}. Use at least one.")
    networks = sources or ExtractorSources()
    extractors = load_extractors(networks)  # a mistake in them is told before the work
    weights = weights_of(networks)
    digest = hashlib.sha256(repr((networks.plugins, sorted(weights.items()))).encode()).hexdigest()
    asked = PROTOCOLS[protocol].applied_to(comparison or Comparison())
    tasks = [
        _Task(
            clip=one,
            folder=folder,
            protocol=protocol,
            comparison=asked,
            sources=networks,
            networks=digest,
        )
        for one in clips.clips
    ]
    failed: dict[str, str] = {}
    for done, (name, error) in enumerate(
        _worked(tasks, extractors, min(workers, len(tasks))), start=1
    ):
        if error is not None:
            failed[name] = error
        if on_progress is not None:
            on_progress(done, len(tasks))
    measured = [_read(folder, one) for one in clips.clips if one.name not in failed]
    content = {
        "method": clips.method,
        "protocol": protocol,
        "told": PROTOCOLS[protocol].told,
        "num_clips": len(clips.clips),
        "failed": {one.name: failed[one.name] for one in clips.clips if one.name in failed},
        **summarise(measured, PROTOCOLS[protocol].all_metrics),
        "comparison": asdict(asked),
        "clips": [_told(folder, one) for one in measured],
        "about": {**(about or {}), "weights": {**weights, **(about or {}).get("weights", {})}},
    }
    write_whole(folder / SUMMARY, as_json(content))
    return content


def _told(folder: Path, one: MeasuredClip) -> dict[str, Any]:
    """A line of the report; files are named from the folder of results, so both can be moved."""
    about = one.content["video"]
    return {
        "name": one.listed.name,
        "json": _place(folder, one.listed.name).relative_to(folder).as_posix(),
        "video": path_from(folder, Path(one.listed.files.video)),
        "reference": None
        if one.listed.files.reference is None
        else path_from(folder, Path(one.listed.files.reference)),
        "frames": about["frames"],
        "faces_found": about["faces_found"],
        "metrics": {name: value["value"] for name, value in one.content["metrics"].items()},
    }


def path_from(folder: Path, path: Path) -> str:
    """With slashes; whole where no way leads from one to the other, as between drives."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _worked(
    tasks: Sequence[_Task], extractors: Extractors, workers: int
) -> Iterator[tuple[str, str | None]]:
    if workers <= 1:
        yield from (_measure_clip(task, extractors) for task in tasks)
        return
    # Spawned, not forked: torch's threads do not survive a fork.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=torch.set_num_threads,
                               initargs=(1,))  # fmt: skip
    try:
        for future in as_completed([pool.submit(_measure_in_worker, task) for task in tasks]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _measure_in_worker(task: _Task) -> tuple[str, str | None]:
    return _measure_clip(task, _loaded_once(task.sources))


@lru_cache(maxsize=1)  # a worker has one set's networks and ends with it
def _loaded_once(sources: ExtractorSources) -> Extractors:
    return load_extractors(sources)


def _measure_clip(task: _Task, extractors: Extractors) -> tuple[str, str | None]:
    """The clip's name, and why it could not be measured."""
    name, path = task.clip.name, _place(task.folder, task.clip.name)
    try:
        key = _key(task)
        if _is_done(path, key):
            return name, None
        report = report_clip(
            task.clip.files,
            extractors,
            task.comparison,
            only=PROTOCOLS[task.protocol].all_metrics,
        )
    except Exception as error:  # one broken file or network must not take the others along
        told = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return name, told or type(error).__name__
    buffer = io.BytesIO()
    stored: dict[str, Any] = {f"made_{slot}": rows for slot, rows in report.rows.items()}
    stored |= {f"true_{slot}": rows for slot, rows in report.true_rows.items()}
    np.savez(buffer, **stored)
    write_whole(path.with_suffix(".npz"), buffer.getvalue())
    write_whole(path, as_json({"name": name, "key": key, **report.content}))
    return name, None


def _key(task: _Task) -> str:
    """Of all that decides a clip's numbers: files, options, networks, this code and its metrics."""
    digest = hashlib.sha256()
    metrics = PROTOCOLS[task.protocol].all_metrics
    said = (VERSION, task.protocol, metrics, asdict(task.comparison), task.clip.files.emotion)
    digest.update(json.dumps(said, sort_keys=True).encode())
    for path in paths_of(task.clip.files):
        if not path.exists():
            raise InputError(f"{path} is not there. Check the path in the list of clips.")
        digest.update(digest_of(path).encode())
    digest.update(task.networks.encode())
    return digest.hexdigest()


def _place(folder: Path, name: str) -> Path:
    return folder / "clips" / f"{name}.json"


def _is_done(path: Path, key: str) -> bool:
    if not (path.is_file() and path.with_suffix(".npz").is_file()):
        return False
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("key") == key
    except ValueError:
        return False


def _read(folder: Path, clip: ListedClip) -> MeasuredClip:
    path = _place(folder, clip.name)
    with np.load(path.with_suffix(".npz")) as stored:
        rows = {name: stored[name] for name in stored.files}
    return MeasuredClip(
        listed=clip, content=json.loads(path.read_text(encoding="utf-8")), rows=rows
    )
