"""A page's films: in the page itself while there is room, linked beyond it, and said which.

Knows nothing about metrics or sheets.
"""

import base64
import html
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from imagineid_core.evaluation.study.blinding import COLOURS, PICTURES, SOUNDS

_KINDS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a page holds at most; everything else is linked."""

    clips: int = 24  # of a set, with sheet, players and curves
    film_bytes: int = 32_000_000
    json_bytes: int = 4_000_000
    listed_clips: int = 1000


@dataclass
class Room:
    """What is left for the films of a page, and what was left out so far."""

    film_bytes: int
    json_bytes: int
    linked: list[str] = field(default_factory=list)


def players(
    room: Room,
    page: Path,
    named: dict[str, Path],
    *,
    what: str,
    num_frames: int,
    fps: float,
    waits: bool,
) -> str:
    """Films side by side. `named`: 'film', 'reference'; both are in the page, or both linked.

    `waits`: not decoded before they are seen, for browsers play some dozens at a time.
    """
    playable = {kind: path for kind, path in named.items() if path.suffix.lower() in _KINDS}
    told = [_trouble(kind, path) for kind, path in named.items()]
    notes = [f'<p class="note">{html.escape(one)}</p>' for one in told if one is not None]
    playable = {kind: path for kind, path in playable.items() if path.is_file()}
    if not playable:
        return "".join(notes)
    size = sum(path.stat().st_size for path in playable.values())
    embeds = size <= room.film_bytes
    if embeds:
        room.film_bytes -= size
    else:
        room.linked.append(what)
        links = ", ".join(
            f'<a href="{linked(page, path)}">{html.escape(path.name)}</a>'
            for path in playable.values()
        )
        notes.append(f'<p class="note">Not in the page but beside it: {links}.</p>')
    films, preload = [], "none" if waits else "metadata"
    for kind, path in playable.items():
        ending = _KINDS[path.suffix.lower()]
        source = (
            f"data:{ending};base64,{base64.b64encode(path.read_bytes()).decode()}"
            if embeds
            else linked(page, path)
        )
        label = html.escape(f"{kind} of {what}", quote=True)
        films.append(
            f'<figure><video controls playsinline preload="{preload}" data-kind="{kind}" '
            f'aria-label="{label}" src="{source}"></video><figcaption>{kind}</figcaption></figure>'
        )
    facts = f'data-fps="{fps:g}" data-frames="{num_frames}"'
    return (
        f'<div class="players" {facts}>{"".join(films)}'
        f'<div class="controls" hidden></div></div>{"".join(notes)}'
    )


def linked(page: Path, path: Path) -> str:
    """An address relative to the page, so that both can be moved together."""
    try:
        way = Path(os.path.relpath(path, page.parent)).as_posix()
    except ValueError:  # another drive
        return html.escape(path.absolute().as_uri(), quote=True)
    return html.escape(quote(way), quote=True)


def _trouble(kind: str, path: Path) -> str | None:
    """Why a browser may not play it, in words."""
    import av
    from av.error import FFmpegError

    if path.is_dir():
        return f"The {kind} is a folder of pictures, which no browser plays."
    if not path.is_file():
        return f"The {kind} is not there any more, so it cannot be played."
    if path.suffix.lower() not in _KINDS:
        return f"The {kind}, {path.name}, is of a kind that browsers do not play."
    try:
        with av.open(str(path)) as container:
            video = container.streams.video[0].codec_context
            sounds = [stream.codec_context.name for stream in container.streams.audio]
            if video.name not in PICTURES or video.pix_fmt not in COLOURS:
                return f"The {kind} is {video.name} in {video.pix_fmt}: not every browser plays it."
            if not sounds:
                return f"The {kind} has no sound."
            if sounds[0] not in SOUNDS:
                return f"The sound of the {kind} is {sounds[0]}: not every browser plays it."
    except (FFmpegError, IndexError) as error:
        return f"The {kind} cannot be opened ({error})."
    return None
