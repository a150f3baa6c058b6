"""What a command does before it writes: results that are there are not lost unasked."""

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
