"""The folder of a study: `page/` for raters, with blinded clips, and the key, which they never see.

Knows nothing about scores.
"""

import os
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from imagineid_core.errors import InputError
from imagineid_core.evaluation.study.blinding import ClipFile, copy_blinded, inspect_clip
from imagineid_core.evaluation.study.key import StudyKey, save_key
from imagineid_core.evaluation.study.page import rating_page
from imagineid_core.evaluation.study.sources import Methods

PAGE, CLIPS = "page", "clips"
_NOTICED_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class MadeStudy:
    """`notes`: what besides quality may tell a rater the methods apart."""

    key: StudyKey
    seconds: float
    notes: tuple[str, ...]


def make_study(
    methods: Methods,
    folder: Path,
    *,
    title: str = "Talking faces",
    on_progress: Callable[[int, int], None] | None = None,
) -> MadeStudy:
    """All or nothing: the folder appears when it is complete, and is never made anew.

    Blinded names are drawn from the system's randomness: a seed would let anyone draw them again.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} is there already. Choose another folder: scores collected with a study are "
            "worth nothing without its key."
        )
    seen = {
        (method, clip): inspect_clip(file)
        for method, clips in methods.items()
        for clip, file in clips.items()
    }
    blinded = {
        f"{secrets.token_hex(8)}{one.ending}": method_and_clip
        for method_and_clip, one in seen.items()
    }
    # In the order of their drawn names, so that no time of writing tells a method.
    key = StudyKey(
        study=secrets.token_hex(8),
        methods=tuple(methods),
        behind={file: blinded[file] for file in sorted(blinded)},
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}_") as place:
        made = Path(place, "study")
        (made / PAGE / CLIPS).mkdir(parents=True)
        for done, (file, (method, clip)) in enumerate(key.behind.items()):
            if on_progress is not None:
                on_progress(done, len(key.behind))
            copy_blinded(methods[method][clip], made / PAGE / CLIPS / file)
        seconds = sum(one.seconds for one in seen.values())
        page = rating_page(key.study, title, _shown_together(key), seconds)
        (made / PAGE / "index.html").write_text(page, encoding="utf-8")
        save_key(made, key)
        if folder.exists():
            folder.rmdir()
        os.replace(made, folder)
    if on_progress is not None:
        on_progress(len(key.behind), len(key.behind))
    return MadeStudy(key=key, seconds=seconds, notes=tuple(_notes(seen)))


def _shown_together(key: StudyKey) -> list[list[str]]:
    """The methods' versions of a clip, a list for each clip; no order says anything."""
    versions = [
        sorted(file for file, (_, clip) in key.behind.items() if clip == one) for one in key.clips
    ]
    random.SystemRandom().shuffle(versions)
    return versions


def _notes(seen: Mapping[tuple[str, str], ClipFile]) -> list[str]:
    told = []
    for name, of in (
        ("sizes", lambda one: f"{one.width} x {one.height}"),
        ("frame rates", lambda one: f"{float(one.fps):g}"),
        ("kinds of file", lambda one: one.ending),
    ):
        by_method: dict[str, set[str]] = {}
        for (method, _), one in seen.items():
            by_method.setdefault(method, set()).add(of(one))
        if len(set(map(frozenset, by_method.values()))) > 1:
            each = "; ".join(f"{method} {', '.join(sorted(v))}" for method, v in by_method.items())
            told.append(f"{name} differ between methods ({each})")
    lengths: dict[str, list[float]] = {}
    for (_, clip), one in seen.items():
        lengths.setdefault(clip, []).append(one.seconds)
    uneven = [clip for clip, v in sorted(lengths.items()) if max(v) - min(v) > _NOTICED_SECONDS]
    if uneven:
        told.append(f"lengths differ by more than {_NOTICED_SECONDS} s in {', '.join(uneven)}")
    return told
