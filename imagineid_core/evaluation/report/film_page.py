"""Whole pages: of one film, of a set of clips, and of the papers' tables with the sets behind them.

Each page is one file that opens without a network; its JSON lies beside it and, while there is
room, in it. Knows how parts are put together, and nothing about what is in them.
"""

import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from imagineid_core.checkpoint import write_whole
from imagineid_core.evaluation.page import (
    embedded_json,
    number,
    page,
    paragraph,
    section,
    table,
)
from imagineid_core.evaluation.report.clip_part import (
    ShownClip,
    clip_part,
    download_link,
)
from imagineid_core.evaluation.report.films import Limits, Room
from imagineid_core.evaluation.report.origin import origin_tables
from imagineid_core.evaluation.report.set_part import set_part
from imagineid_core.evaluation.video.paper_tables import (
    MARK,
    FilledTable,
    cells_of,
    tables_without_ours,
)

_DATA = "report-json"
_ARROWS = "↑ higher is better, ↓ lower is better; units stand beside every number."


def write_video_page(
    path: Path,
    content: Mapping[str, Any],
    video: Path,
    reference: Path | None,
    data: Path,
    limits: Limits | None = None,
) -> None:
    """Of one film. `data`: the JSON file that holds `content`."""
    room = _room(limits)
    clip = ShownClip(
        name=video.name, anchor="clip", content=content, video=video, reference=reference, json=data
    )
    sections = [
        paragraph(_ARROWS),
        clip_part(clip, path, room, is_alone=True),
        _made(content["about"], room),
    ]
    _write(path, f"{video.name}, measured", sections)


def write_set_page(
    path: Path, content: Mapping[str, Any], data: Path, limits: Limits | None = None
) -> None:
    """Of a set. `data`: its `set.json`, from whose folder its clips are named."""
    limits = limits or Limits()
    room = _room(limits)
    link = _data(content, path, data, room)
    parts = set_part(content, data.parent, path, room, limits, "s0")
    made = _made(content.get("about", {}), room)
    _write(path, f"{content['method']}: a set of clips", [paragraph(_ARROWS), link, *parts, made])


def write_tables_page(
    path: Path,
    tables: Sequence[FilledTable],
    sets: Sequence[tuple[Mapping[str, Any], Path]],
    content: Mapping[str, Any],
    data: Path,
    limits: Limits | None = None,
) -> None:
    """`sets`: contents of `set.json` and the folder of each; `data`: the file of `content`."""
    limits = limits or Limits()
    room = _room(limits)
    link = _data(content, path, data, room)
    intro = (
        f"Rows with {MARK} are measured here; all others are as printed in the papers, on other "
        f"data and often by other networks. {_ARROWS}"
    )
    ways = {f"t{place}": one.paper.title for place, one in enumerate(tables)}
    for place, (one, _) in enumerate(sets):
        ways |= {f"s{place}": one["method"], f"s{place}-clips": f"clips of {one['method']}"}
    sections = [paragraph(intro), _nav({**ways, "made": "how this was made"}), link]
    sections += [_table(one, f"t{place}") for place, one in enumerate(tables)]
    if absent := tables_without_ours([one for one, _ in sets]):
        sections.append(
            section("Tables without a row of ours", table(["table", "why"], list(absent.items())))
        )
    for place, (one, folder) in enumerate(sets):
        sections += set_part(one, folder, path, room, limits, f"s{place}")
    own = {f"{one['method']}, as measured": one.get("about", {}) for one, _ in sets}
    made = _made(content["about"], room, own)
    _write(path, "Talking faces beside the papers' tables", [*sections, made])


def _nav(ways: Mapping[str, str]) -> str:
    links = (f'<a href="#{anchor}">{html.escape(told)}</a>' for anchor, told in ways.items())
    return f'<nav aria-label="on this page">{"".join(links)}</nav>'


def _table(one: FilledTable, anchor: str) -> str:
    heads = "".join(
        f'<th scope="col">{html.escape(column.head)}</th>' for column in one.paper.columns
    )
    rows = []
    for place, name in enumerate(one.names):
        kind = ' class="ours"' if one.is_ours[place] else ""
        cells = "".join(number(cell) for cell in cells_of(one, place))
        rows.append(f'<tr{kind}><th scope="row">{html.escape(name)}</th>{cells}</tr>\n')
    drawn = (
        f'<div class="wide" tabindex="0" role="group" aria-label="{html.escape(one.paper.title)}">'
        f'<table class="paper"><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    notes = (f'<p class="told">{html.escape(note)}</p>' for note in one.notes)
    return section(one.paper.title, drawn, *notes, anchor=anchor)


def _room(limits: Limits | None) -> Room:
    limits = limits or Limits()
    return Room(film_bytes=limits.film_bytes, json_bytes=limits.json_bytes)


def _made(
    about: Mapping[str, Any], room: Room, parts: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    left = ""
    if room.linked:
        names = html.escape(", ".join(room.linked[:10])) + (" …" if len(room.linked) > 10 else "")
        count = len(room.linked)
        left = (
            f'<p class="note">The films of {count} clip{"s" if count > 1 else ""} did not fit into '
            f"the page and are linked: {names}. Keep them where they are beside it.</p>"
        )
    return section("How this was made", left, origin_tables(about, parts or {}), anchor="made")


def _data(content: Mapping[str, Any], path: Path, data: Path, room: Room) -> str:
    size = len(json.dumps(content))
    inside = size <= room.json_bytes
    if inside:
        room.json_bytes -= size
    link = download_link(
        path, data, _DATA if inside else "", f"JSON behind this page ({data.name})"
    )
    return f"<p>{link}</p>{embedded_json(content, data.name, _DATA) if inside else ''}"


def _write(path: Path, title: str, sections: Sequence[str]) -> None:
    whole = page(title, sections, style=_part("report.css"), script=_part("report.js"))
    write_whole(path, whole.encode())


def _part(name: str) -> str:
    return files("imagineid_core.evaluation.report").joinpath(name).read_text(encoding="utf-8")
