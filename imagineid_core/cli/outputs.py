"""What a command does before it writes: results that are there are not lost unasked."""

from collections.abc import Sequence
from pathlib import Path

from imagineid_core.errors import InputError


def refuse_overwriting(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    there = [name for name in names if (folder / name).exists()]
    if there and not overwrite:
        raise InputError(
            f"{folder} holds {', '.join(there)} already. Choose another folder or add --overwrite."
        )
