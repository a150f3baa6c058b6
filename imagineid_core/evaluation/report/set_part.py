"""The part of a page that shows a set of clips: means, how clips spread about them, and the clips.

Knows `set.json` by its names, and nothing about the papers' tables.
"""

import html
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagineid_core.evaluation.page import number, section, table
from imagineid_core.evaluation.report.charts import direction
from imagineid_core.evaluation.report.clip_part import ShownClip, clip_part
from imagineid_core.evaluation.report.films import Limits, Room, linked
from imagineid_core.evaluation.report.svg import MOST_DOTS, Dot, dot_strip, shorter
from imagineid_core.evaluation.video.registry import VIDEO_METRICS

_OPEN = 3  # clips that need no click
_OF_THE_SET = "fid"


def set_part(
    content: Mapping[str, Any], folder: Path, page: Path, room: Room, limits: Limits, mark: str
) -> list[str]:
    """Sections of a set. `folder`: of its `set.json`; `mark`: begins every id, such as 's0'."""
    listed: Sequence[Mapping[str, Any]] = content.get("clips", ())
    chosen = chosen_clips(listed, content["metrics"], limits.clips)
    anchors = [
        f"{mark}c{place}" if place in chosen else f"{mark}r{place}" for place in range(len(listed))
    ]
    title = f"{content['method']}, protocol '{content['protocol']}'"
    intro = [f"<p>{html.escape(content['told'])}.</p>", _counts(content)]
    numbers = _numbers(content, listed, anchors)
    parts = [
        section(title, *intro, numbers, _spread_told(listed), anchor=mark),
        *_absent(content),
        *_extra(content),
    ]
    if listed:
        listing = _list(content, listed, anchors, folder, page, limits, mark)
        clips = _clips(listed, chosen, folder, page, room, mark)
        parts.append(section("Clips", listing, *clips, anchor=f"{mark}-clips"))
    return parts


def chosen_clips(
    listed: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any], most: int
) -> list[int]:
    """Places of the clips that are shown: the worst of each metric, then from the first on."""
    if len(listed) <= most:
        return list(range(len(listed)))
    worst = (_worst(listed, name, one["better"]) for name, one in metrics.items())
    first = [place for place in worst if place is not None]
    return sorted(list(dict.fromkeys([*first, *range(len(listed))]))[:most])


def _worst(listed: Sequence[Mapping[str, Any]], name: str, better: str) -> int | None:
    """The first of those that are equally bad."""
    found = {at: one["metrics"][name] for at, one in enumerate(listed) if name in one["metrics"]}
    if not found:
        return None
    if better == "higher":
        return min(found, key=lambda at: found[at])
    best = float(better.removeprefix("near ")) if better.startswith("near") else None
    return max(found, key=lambda at: found[at] if best is None else abs(found[at] - best))


def _counts(content: Mapping[str, Any]) -> str:
    failed, faces = content["failed"], content["faces"]
    count = content["num_clips"]
    told = [f"{count - len(failed)} of {count} clips measured"]
    if failed:
        told[0] += ', <span class="missed">' + f"{len(failed)} could not be</span>"
    if faces["frames"]:
        said = f"a face found in {faces['found']} of {faces['frames']} frames"
        lost = faces["clips_with_frames_lost"]
        if lost:
            names = html.escape(", ".join(lost[:5])) + (" …" if len(lost) > 5 else "")
            said += f', <span class="missed">not in all of {names}</span>'
        told.append(said)
    read: Mapping[str, Sequence[str]] = content["read_by"]
    if read:
        by = [f"{slot.replace('_', ' ')} by {' and '.join(each)}" for slot, each in read.items()]
        told.append(f"read: {html.escape('; '.join(by))}")
    return "".join(f"<p>{one[0].upper()}{one[1:]}.</p>" for one in told)


def _numbers(
    content: Mapping[str, Any], listed: Sequence[Mapping[str, Any]], anchors: Sequence[str]
) -> str:
    lines = []
    for name, one in content["metrics"].items():
        arrow = html.escape(direction(one["better"]))
        spread = one.get("spread_over_clips")
        about = "" if spread is None else f' <span class="unit">± {shorter(spread, 2)}</span>'
        lines.append(
            f'<tr><th scope="row">{name} {arrow}<p class="told">'
            f"{html.escape(VIDEO_METRICS[name].meaning)}</p></th>"
            f'<td class="number">{shorter(one["value"])}{about}</td>'
            f"<td>{html.escape(one['unit'])}</td>"
            f'<td class="number" data-head="clips">{one["clips"]}</td>'
            f"<td>{_strip(name, one, listed, anchors)}</td></tr>\n"
        )
    heads = ("metric", "mean ± deviation", "unit", "clips", "clip by clip")
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    return f'<table class="metrics"><thead><tr>{head}</tr></thead>\n{"".join(lines)}</table>'


def _strip(
    name: str,
    metric: Mapping[str, Any],
    listed: Sequence[Mapping[str, Any]],
    anchors: Sequence[str],
) -> str:
    dots = [
        Dot(name=one["name"], value=one["metrics"][name], href=f"#{anchor}")
        for one, anchor in zip(listed, anchors, strict=True)
        if name in one["metrics"]
    ]
    place = _worst(listed, name, metric["better"])
    if place is None:
        return ""
    worst = listed[place]
    strip = dot_strip(
        dots,
        described=f"{name} of {len(dots)} clips",
        mean=None if name == _OF_THE_SET else metric["value"],
    )
    return (
        f'{strip}<p class="told">worst: <a href="#{anchors[place]}">'
        f"{html.escape(worst['name'])}</a> {shorter(worst['metrics'][name])}</p>"
    )


def _spread_told(listed: Sequence[Mapping[str, Any]]) -> str:
    told = (
        "A dot is a clip and leads to it; the dashed line is the mean; ± is the standard deviation "
        "over clips. FID is taken over all frames of all clips, its dots are clips alone."
    )
    if not listed:
        told = "The set was measured by an earlier version, so its clips are not on this page."
    if len(listed) > MOST_DOTS:
        told += f" Of {len(listed)} clips {MOST_DOTS} are drawn, the extremes among them."
    return f'<p class="told">{told}</p>'


def _absent(content: Mapping[str, Any]) -> list[str]:
    """What has no number, by name: metrics, and clips that could not be measured."""
    parts = []
    by_reason: dict[tuple[str, int], list[str]] = {}
    for name, reasons in content["skipped"].items():
        for reason, count in reasons.items():
            by_reason.setdefault((reason, count), []).append(name)
    if by_reason:
        rows = [
            [", ".join(names), number(str(count)), reason]
            for (reason, count), names in by_reason.items()
        ]
        parts.append(section("Skipped metrics", table(["metric", "clips", "why"], rows)))
    if content["failed"]:
        rows = [[name, reason] for name, reason in content["failed"].items()]
        parts.append(section("Clips that could not be measured", table(["clip", "why"], rows)))
    return parts


def _extra(content: Mapping[str, Any]) -> list[str]:
    """Diversity and PD-FGC's factors, of sets that say which clips belong together."""
    parts = []
    if found := content.get("diversity"):
        rows = [
            ["between seeds ↑", number(shorter(found["between"]))],
            ["within a clip ↓", number(shorter(found["within"]))],
            ["ratio ↑", number("-" if found["ratio"] is None else shorter(found["ratio"]))],
        ]
        told = (
            f"Mean distance of {found['features']} features: between clips of one voice with other "
            f"seeds, and between frames of a clip; {found['groups']} voices."
        )
        said = f'<p class="told">{html.escape(told)}</p>'
        parts.append(
            section("Diversity beside coherence", said, table(["distance", "value"], rows))
        )
    if found := content.get("factors"):
        rows = [
            [feature, *(number("-" if value is None else shorter(value)) for value in values)]
            for feature, values in zip(found["features"], found["variance"], strict=True)
        ]
        said = (
            '<p class="told">How much a feature moves while one factor alone is driven; control is '
            "separate where the largest number of each row is its own factor's.</p>"
        )
        head = ["feature", *(f"{one} driven" for one in found["driven"])]
        parts.append(section("Factors driven one at a time (PD-FGC)", said, table(head, rows)))
    return parts


def _list(
    content: Mapping[str, Any],
    listed: Sequence[Mapping[str, Any]],
    anchors: Sequence[str],
    folder: Path,
    page: Path,
    limits: Limits,
    mark: str,
) -> str:
    names = list(content["metrics"])
    head = ["clip", "frames", "faces", *names, "files"]
    rows = []
    for place, one in enumerate(listed[: limits.listed_clips]):
        shown = anchors[place].startswith(f"{mark}c")
        name = html.escape(one["name"])
        first = f'<a href="#{anchors[place]}">{name}</a>' if shown else name
        faces = "" if one["faces_found"] is None else str(one["faces_found"])
        lost = one["faces_found"] not in (None, one["frames"])
        cells = [number(str(one["frames"])), number(faces, "missed" if lost else "")]
        for metric in names:
            value = one["metrics"].get(metric)
            cells.append(number("-" if value is None else shorter(value)))
        files = {"film": one["video"], "reference": one["reference"], "JSON": one["json"]}
        links = " ".join(
            f'<a href="{linked(page, placed(folder, file))}">{kind}</a>'
            for kind, file in files.items()
            if file is not None
        )
        anchor = "" if shown else f' id="{anchors[place]}"'
        body = "".join(cells)
        rows.append(f'<tr{anchor}><th scope="row">{first}</th>{body}<td>{links}</td></tr>\n')
    cells = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in head)
    left = len(listed) - len(rows)
    more = f'<p class="note">{left} more clips are in the JSON only.</p>' if left else ""
    return (
        f"<details><summary>All {len(listed)} clips in numbers</summary>"
        f'<div class="wide" tabindex="0" role="group" aria-label="all clips">'
        f'<table class="sortable"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{more}</details>"
    )


def _clips(
    listed: Sequence[Mapping[str, Any]],
    chosen: Sequence[int],
    folder: Path,
    page: Path,
    room: Room,
    mark: str,
) -> list[str]:
    parts = []
    for number_shown, place in enumerate(chosen):
        one = listed[place]
        path = placed(folder, one["json"])
        name, anchor = html.escape(one["name"]), f"{mark}c{place}"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            parts.append(f'<p class="note" id="{anchor}">{name}: {html.escape(str(error))}</p>')
            continue
        shown = ShownClip(
            name=one["name"],
            anchor=anchor,
            content=content,
            video=placed(folder, one["video"]),
            reference=None if one["reference"] is None else placed(folder, one["reference"]),
            json=path,
        )
        is_folded = number_shown >= _OPEN
        opened = "" if is_folded else " open"
        parts.append(
            f'<details class="clip" id="{anchor}"{opened}><summary>{name}</summary>'
            f"{clip_part(shown, page, room, is_folded=is_folded)}</details>"
        )
    left = len(listed) - len(chosen)
    more = ""
    if left:
        more = (
            f'<p class="note">{len(chosen)} of {len(listed)} clips are shown: the worst of each '
            f"metric, then the first ones. The other {left} are in the list above, with links to "
            "their films and JSON.</p>"
        )
    return [more, *parts]


def placed(folder: Path, file: str) -> Path:
    """A file named from the folder of results, without the way back and forth."""
    return Path(os.path.normpath(folder / file))
