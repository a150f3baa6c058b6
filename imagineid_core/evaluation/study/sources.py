"""Which file is which method's version of which clip: from folders, or from a manifest.

Knows nothing about what is in a file.
"""

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from imagineid_core.errors import InputError

ENDINGS = (".mp4", ".webm")
Methods = Mapping[str, Mapping[str, Path]]  # method, clip, file

_MANIFEST = '{"METHOD": {"CLIP": "FILE", ...}, ...}'


def find_methods(sources: Sequence[str | PathLike[str]]) -> Methods:
    """Folders of clips, one a method, or one manifest; every method has every clip."""
    paths = [Path(source) for source in sources]
    if len(paths) == 1 and paths[0].suffix == ".json":
        methods = _from_manifest(paths[0])
    else:
        methods = _from_folders(paths)
    if len(methods) < 2:
        raise InputError(
            f"{' '.join(map(str, paths))} is one method but a study compares several. Give a "
            f"folder for each, or one manifest: a .json file of {_MANIFEST}."
        )
    _refuse_gaps(methods)
    return methods


def _from_folders(folders: Sequence[Path]) -> Methods:
    methods: dict[str, Mapping[str, Path]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(
                f"{folder} is not a folder. Give a folder of clips for each method, or one "
                f"manifest: a .json file of {_MANIFEST}."
            )
        name = folder.resolve().name
        if name in methods:
            raise InputError(
                f"two folders are called {name}, and a method is called as its folder. Rename "
                "one, or give a manifest with names of your own."
            )
        methods[name] = _clips_in(folder)
    return methods


def _clips_in(folder: Path) -> Mapping[str, Path]:
    clips: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in ENDINGS:
            continue
        if file.stem in clips:
            raise InputError(
                f"{folder} holds {clips[file.stem].name} and {file.name}, which are one clip "
                "twice. Keep one of them."
            )
        clips[file.stem] = file
    if not clips:
        raise InputError(
            f"{folder} holds no clip ({' or '.join(ENDINGS)}). Give a folder with the films of "
            "one method, each named as the clip it is of."
        )
    return clips


def _from_manifest(path: Path) -> Methods:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{path} is not readable as JSON ({error}). Write {_MANIFEST} into it."
        ) from error
    if not _is_manifest(told):
        raise InputError(
            f"{path} is JSON but no manifest. Write {_MANIFEST} into it; files are looked for "
            "beside it."
        )
    methods = {
        method: {clip: path.parent / file for clip, file in clips.items()}
        for method, clips in told.items()
    }
    for method, clips in methods.items():
        for clip, file in clips.items():
            if not file.is_file():
                raise InputError(
                    f"{file} is not there: clip {clip} of {method} in {path.name}. Correct the "
                    "path, which is taken from the manifest's own folder."
                )
            if file.suffix.lower() not in ENDINGS:
                raise InputError(
                    f"{file} does not end in {' or '.join(ENDINGS)}: clip {clip} of {method} in "
                    f"{path.name}. Encode it as one of these."
                )
    return methods


def _is_manifest(told: object) -> bool:
    return isinstance(told, dict) and all(
        isinstance(clips, dict) and clips and all(isinstance(file, str) for file in clips.values())
        for clips in told.values()
    )


def _refuse_gaps(methods: Methods) -> None:
    every = sorted({clip for clips in methods.values() for clip in clips})
    for clip in every:
        without = [method for method, clips in methods.items() if clip not in clips]
        if without:
            having = next(method for method, clips in methods.items() if clip in clips)
            raise InputError(
                f"clip {clip} is missing from {', '.join(without)} but {having} has it. Add it, "
                "or take it out of the others: every method is judged on the same clips."
            )
