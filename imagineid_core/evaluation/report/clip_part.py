"""The part of a page that shows one clip: its sheet, its players, its numbers and its curves.

Knows a clip's report by its names, and nothing about sets.
"""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagineid_core.errors import InputError
from imagineid_core.evaluation.page import embedded_json, number, source_of, table
from imagineid_core.evaluation.report.charts import charts_of, direction
from imagineid_core.evaluation.report.films import Room, linked, players
from imagineid_core.evaluation.report.sheet import Sheet, contact_sheet
from imagineid_core.evaluation.report.svg import shorter
from imagineid_core.evaluation.video.clip_report import Comparison, open_pair
from imagineid_core.evaluation.video.registry import VIDEO_METRICS

_COLUMN = 150  # pixels of a sheet's column at most


@dataclass(frozen=True, kw_only=True)
class ShownClip:
    """`anchor`: its id on the page. `json`: the file of its report."""

    name: str
    anchor: str
    content: Mapping[str, Any]
    video: Path
    reference: Path | None
    json: Path


def clip_part(
    clip: ShownClip, page: Path, room: Room, *, is_alone: bool = False, is_folded: bool = False
) -> str:
    """Everything there is to see of it, without a heading.

    `is_alone`: nothing else on the page says what the metrics mean and what was skipped.
    """
    content = clip.content
    named = {"film": clip.video}
    if clip.reference is not None:
        named["reference"] = clip.reference
    about = content["video"]
    shown = players(
        room,
        page,
        named,
        what=clip.name,
        num_frames=about["frames"],
        fps=about["fps"],
        waits=is_folded,
    )
    numbers = _numbers(content["metrics"], with_meaning=is_alone)
    return (
        f'<p class="facts">{_facts(content)}</p>{_sheet(clip)}<div class="beside">'
        f'<div class="stays">{shown}</div><div>{numbers}{_skipped(content, is_open=is_alone)}'
        f'<div class="charts">{"".join(charts_of(content))}</div></div></div>'
        f"{_data(clip, page, room)}"
    )


def _numbers(metrics: Mapping[str, Any], *, with_meaning: bool) -> str:
    """Every metric with its direction, its unit and of how many frames it is the mean."""
    head = ["metric", "value", "unit", "frames", *(["meaning"] if with_meaning else [])]
    rows = []
    for name, one in metrics.items():
        row = [
            f"{name} {direction(one['better'])}",
            number(shorter(one["value"])),
            one["unit"],
            number("" if one["frames"] is None else str(one["frames"])),
        ]
        rows.append(row + ([VIDEO_METRICS[name].meaning] if with_meaning else []))
    return table(head, rows)


def _facts(content: Mapping[str, Any]) -> str:
    told = []
    for what, kind in (("film", "video"), ("reference", "reference")):
        about = content[kind]
        if about is None:
            told.append("no reference")
            continue
        frames = f"{about['frames']} frames"
        if about["frames_of_file"] != about["frames"]:
            frames += f" of {about['frames_of_file']}"
        size = f"{about['width']} × {about['height']}, {about['fps']:g} fps"
        told.append(
            f"{what} <code>{html.escape(about['file'])}</code>: {frames}, {size}{_faces(about)}"
        )
    read = content["video"]["read_by"]
    by = "; ".join(f"{slot.replace('_', ' ')} by {one}" for slot, one in read.items())
    return "; ".join(told) + (f". Read: {html.escape(by)}." if by else ".")


def _faces(about: Mapping[str, Any]) -> str:
    found, frames = about["faces_found"], about["frames"]
    if found is None:
        return ""
    if found == frames:
        return f", a face in {found} of {frames} frames"
    lost = about["first_frames_without_face"]
    more = " …" if frames - found > len(lost) else ""
    return (
        f', <span class="missed">a face in {found} of {frames} frames</span> '
        f"(none in {', '.join(map(str, lost))}{more})"
    )


def _skipped(content: Mapping[str, Any], *, is_open: bool) -> str:
    skipped = content["skipped"]
    if not skipped:
        return ""
    by_reason: dict[str, list[str]] = {}
    for name, reason in skipped.items():
        by_reason.setdefault(reason, []).append(name)
    rows = [[", ".join(names), reason] for reason, names in by_reason.items()]
    total = f"{len(skipped)} metric{'s' if len(skipped) > 1 else ''} skipped"
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{total}</summary>{table(['metric', 'why'], rows)}</details>"


def _sheet(clip: ShownClip) -> str:
    asked = Comparison(**clip.content["comparison"])
    try:
        pair = open_pair(
            str(clip.video), None if clip.reference is None else str(clip.reference), asked
        )
        sheet = contact_sheet(pair.clip, pair.reference, is_aligned=asked.is_aligned)
    except (InputError, OSError) as error:
        return f'<p class="note">No contact sheet: {html.escape(str(error))}</p>'
    return _drawn(sheet, clip.name)


def _drawn(sheet: Sheet, name: str) -> str:
    step = sheet.numbers[1] - sheet.numbers[0] if len(sheet.numbers) > 1 else 1
    every = "every frame" if step == 1 else f"frames 0, {step}, {2 * step} and so on"
    described = f"{name}, {every}, from left to right; from above: {', '.join(sheet.rows)}"
    heads = "".join(f"<span>{one}</span>" for one in sheet.numbers)
    sides = "".join(f"<span>{html.escape(one)}</span>" for one in sheet.rows)
    size = f'width="{sheet.width}" height="{sheet.height}"'
    most = f"max-width: {_COLUMN * len(sheet.numbers) + 80}px"
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="contact sheet of '
        f'{html.escape(name, quote=True)}"><div class="sheet" style="{most}">'
        f'<div class="numbers" style="grid-template-columns: repeat({len(sheet.numbers)}, 1fr)" '
        f'aria-hidden="true">{heads}</div>'
        f'<div class="rows" aria-hidden="true">{sides}</div>'
        f'<img {size} data-frames="{" ".join(map(str, sheet.numbers))}" '
        f"{source_of(sheet.jpeg, 'image/jpeg', described)}></div></div>"
    )


def _data(clip: ShownClip, page: Path, room: Room) -> str:
    """The clip's JSON in the page if there is room, and a link to it that needs no script."""
    size = len(json.dumps(clip.content))
    identifier, text = f"{clip.anchor}-json", ""
    if size <= room.json_bytes:
        room.json_bytes -= size
        text = embedded_json(clip.content, clip.json.name, identifier)
    link = download_link(page, clip.json, identifier if text else "", "JSON of this clip")
    return f"<p>{link}</p>{text}"


def download_link(page: Path, file: Path, identifier: str, told: str) -> str:
    """To the file beside the page; a script turns it to the data in the page with this id."""
    inside = f' data-json="{identifier}"' if identifier else ""
    named = html.escape(file.name, quote=True)
    return f'<a href="{linked(page, file)}" download="{named}"{inside}>{html.escape(told)}</a>'
