"""Where a command writes, settled before it works: results that are there are not lost unasked."""

from collections.abc import Sequence
from pathlib import Path

from imagineid_core.errors import InputError


def refuse_overwriting(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    refuse_files(folder)
    there = [name for name in names if (folder / name).exists()]
    if there and not overwrite:
        raise InputError(
            f"{folder} holds {', '.join(there)} already. Choose another folder or add --overwrite."
        )


def refuse_files(folder: Path) -> None:
    """Before the work, not after it: results cannot lie in a file."""
    first = next((place for place in (folder, *folder.parents) if place.exists()), None)
    if first is not None and not first.is_dir():
        raise InputError(f"{first} is a file, so nothing can lie in it. Give another folder.")


def folder_for_each(files: Sequence[str], folder: Path) -> dict[str, Path]:
    """A folder in `folder` for the results of each file, under the file's name."""
    folders: dict[str, Path] = {}
    for file in files:
        place = folder / Path(file).stem
        other = next((one for one, taken in folders.items() if taken == place), None)
        if other is not None:
            raise InputError(
                f"the results of {other} and {file} would both lie in {place}. Rename one of them, "
                "or give them one at a time with --out."
            )
        folders[file] = place
    return folders
