"""Which method and clip stand behind each blinded file. Stays with the one who runs the study.

Knows nothing about scores.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagineid_core.errors import InputError

KEY = "key.json"
_FORMAT = {"format": "imagineid study key", "version": 1}


@dataclass(frozen=True, kw_only=True)
class StudyKey:
    """`methods` in the order they were given; `behind`: blinded file to (method, clip)."""

    study: str
    methods: tuple[str, ...]
    behind: Mapping[str, tuple[str, str]]

    @property
    def clips(self) -> tuple[str, ...]:
        return tuple(sorted({clip for _, clip in self.behind.values()}))


def save_key(folder: Path, key: StudyKey) -> None:
    behind = {file: {"method": method, "clip": clip} for file, (method, clip) in key.behind.items()}
    told = {**_FORMAT, "study": key.study, "methods": key.methods, "behind": behind}
    (folder / KEY).write_text(
        json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def load_key(folder: Path) -> StudyKey:
    path = folder / KEY
    if not path.is_file():
        raise InputError(
            f"{folder} holds no {KEY}, which says what was shown under which name. Give the "
            "folder that `imagineid study make` wrote, not its page."
        )
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if {name: told[name] for name in _FORMAT} != _FORMAT:
            raise KeyError(f"{told['format']}, version {told['version']}")
        return StudyKey(
            study=told["study"],
            methods=tuple(told["methods"]),
            behind={file: (one["method"], one["clip"]) for file, one in told["behind"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no key of a study ({error!r}). Put back the one that was made with it: "
            "without it nobody knows which method a score is for."
        ) from error
