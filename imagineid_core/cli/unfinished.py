"""What lies beside a film that was cut short, so that the same command goes on with it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.errors import InputError

if TYPE_CHECKING:
    from imagineid_core.imagine.resume import ImaginedFrame

# They may differ when a film goes on: they reach no frame.
_FREE = ("run", "told_command", "out", "report", "sheet", "overwrite", "go_on", "device")


def unfinished_file(out: Path) -> Path:
    return out.with_name(f"{out.name}.unfinished.safetensors")


def keep_unfinished(options: argparse.Namespace, out: Path, last: "ImaginedFrame") -> bool:
    """Write what it takes to go on behind `last`, if the film was kept up to there."""
    from imagineid_core.imagine.resume import save_frame
    from imagineid_core.video.reader import count_frames

    if count_frames(out) < last.index + 1:  # a full disk took it
        return False
    save_frame(unfinished_file(out), last, asked=_asked(options))
    return True


def load_unfinished(options: argparse.Namespace, out: Path) -> "ImaginedFrame":
    """The last frame of the film at `out`, begun with the same options."""
    from imagineid_core.imagine.resume import load_asked, load_frame

    path = unfinished_file(out)
    if not path.is_file():
        raise InputError(
            f"there is nothing to go on with: {path} is not there. It lies beside a film that was "
            "cut short; without it, leave --go-on out and begin anew."
        )
    began, asked = load_asked(path), _asked(options)
    for name, value in asked.items():
        if name in began and began[name] != value:
            raise InputError(
                f"--{name.replace('_', '-')} is {value!r} but {out.name} was begun with "
                f"{began[name]!r}. Use the same, or begin a new film without --go-on."
            )
    return load_frame(path)


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if name not in _FREE}
