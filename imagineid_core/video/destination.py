"""A file that appears under its name only when it is whole: no half file, no silent overwrite.

Knows nothing about what is written.
"""

import os
import secrets
from pathlib import Path

from imagineid_core.errors import InputError


class Destination:
    """`begin` gives a hidden name in the same folder; `keep` renames it, `discard` removes it."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self.path, self._overwrite = path, overwrite
        self._temporary: Path | None = None
        if path.is_dir():
            raise InputError(f"{path} is a folder, but a file belongs there. Choose another name.")
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists already. Choose another name, or overwrite it.")

    def begin(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        hidden = f".{self.path.stem}.{secrets.token_hex(4)}{self.path.suffix}"
        self._temporary = self.path.absolute().with_name(hidden)
        self._temporary.touch(exist_ok=False)
        return self._temporary

    def keep(self) -> None:
        assert self._temporary is not None, "begin comes first"
        if self.path.exists() and not self._overwrite:
            raise InputError(
                f"{self.path} appeared while it was being made, and is left as it is. "
                f"The new file is {self._temporary}; rename it."
            )
        os.replace(self._temporary, self.path)
        self._temporary = None

    def discard(self) -> None:
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._temporary = None
