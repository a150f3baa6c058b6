"""Which clips a set has: `manifest.json`, or folders of files with equal names.

Knows nothing about what is measured.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.clip_report import ClipFiles

MANIFEST = "manifest.json"
_FILES = tuple(one.name for one in fields(ClipFiles) if one.name != "emotion")
_VIDEOS = (".mp4", ".webm", ".mkv", ".mov", ".avi")


@dataclass(frozen=True, kw_only=True)
class ListedClip:
    """`group`: clips of one voice by other seeds. `driven`: the one factor that moves, if one."""

    name: str
    files: ClipFiles
    group: str | None = None
    driven: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClipList:
    method: str
    clips: tuple[ListedClip, ...]


def list_clips(folder: Path) -> ClipList:
    """By the manifest if there is one, else `video/NAME.mp4` with `reference/NAME.mp4` and so on.

    Folders may be named after every field of `ClipFiles`; all but `video` may be missing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Give one that holds clips.")
    if (folder / MANIFEST).is_file():
        return _from_manifest(folder)
    return _from_folders(folder)


def _from_manifest(folder: Path) -> ClipList:
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        method, entries = content.get("method", folder.name), content["clips"]
        clips = tuple(_listed(folder, number, entry) for number, entry in enumerate(entries))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be read as a list of clips ({error}). It is "
            '{"clips": [{"name": "one", "video": "one.mp4", "reference": "true.mp4"}, ...]}.'
        ) from error
    return ClipList(method=str(method), clips=_distinct(clips, path))


def _listed(folder: Path, number: int, entry: Mapping[str, Any]) -> ListedClip:
    known = {"name", "group", "driven", "emotion", *_FILES}
    if unknown := sorted(set(entry) - known):
        raise InputError(
            f"clip {number} of {folder / MANIFEST} has {', '.join(unknown)}, which is not known. "
            f"Use {', '.join(sorted(known))}."
        )
    paths: dict[str, Any] = {
        key: str(folder / entry[key]) for key in _FILES if entry.get(key) is not None
    }
    if "video" not in paths:
        raise InputError(
            f"clip {number} of {folder / MANIFEST} names no video. Add "
            '"video": "FILE", relative to the folder.'
        )
    emotion = entry.get("emotion")
    return ListedClip(
        name=str(entry.get("name", Path(paths["video"]).stem)),
        files=ClipFiles(**paths, emotion=None if emotion is None else int(emotion)),
        group=None if entry.get("group") is None else str(entry["group"]),
        driven=None if entry.get("driven") is None else str(entry["driven"]),
    )


def _from_folders(folder: Path) -> ClipList:
    videos = [
        path
        for path in sorted((folder / "video").glob("*"))
        if path.suffix.lower() in _VIDEOS or path.is_dir()
    ]
    if not videos:
        raise InputError(
            f"{folder} has neither {MANIFEST} nor videos in {folder / 'video'}. Put the made clips "
            "there and the true ones, named alike, into 'reference'."
        )
    clips = []
    for video in videos:
        paths: dict[str, Any] = {"video": str(video)}
        for kind in _FILES[1:]:
            beside = sorted((folder / kind).glob(f"{_escaped(video.stem)}*"))
            same = [path for path in beside if path.stem == video.stem or path.name == video.stem]
            if same:
                paths[kind] = str(same[0])
        clips.append(ListedClip(name=video.stem, files=ClipFiles(**paths)))
    return ClipList(method=folder.resolve().name, clips=_distinct(tuple(clips), folder / "video"))


def _distinct(clips: tuple[ListedClip, ...], where: Path) -> tuple[ListedClip, ...]:
    if not clips:
        raise InputError(f"{where} lists no clips. Add at least one.")
    seen: set[str] = set()
    for one in clips:
        if one.name in seen or Path(one.name).name != one.name:
            raise InputError(
                f"{where} names a clip '{one.name}', which is there twice or is no file name. Give "
                "each clip a name of its own, without slashes."
            )
        seen.add(one.name)
    return clips


def _escaped(name: str) -> str:
    """For glob: brackets in names are letters."""
    return "".join(f"[{letter}]" if letter in "[*?" else letter for letter in name)
