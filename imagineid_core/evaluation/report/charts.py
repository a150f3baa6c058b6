"""Which curves of a clip are drawn, and what each of them says: definition, direction, unit.

Knows the names of a clip's report, and nothing about how anything is measured.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagineid_core.evaluation.report.svg import Line, line_chart, shorter
from imagineid_core.evaluation.video.lip_sync import SHIFTS
from imagineid_core.evaluation.video.registry import VIDEO_METRICS

_ARROWS = {"higher": "↑", "lower": "↓"}
_LATER = ("flicker", "warp_error")  # their first value belongs to the second frame


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`curves`: name in the report and in the legend. `told`: a definition, else the metric's."""

    title: str
    curves: tuple[tuple[str, str], ...]
    better: str = ""
    unit: str = ""
    told: str = ""


def _of(name: str, title: str) -> Chart:
    one = VIDEO_METRICS[name]
    return Chart(
        title=title, curves=((name, ""),), better=one.better, unit=one.unit, told=one.meaning
    )


_REGIONS = ("mouth", "face", "background")
CHARTS: tuple[Chart, ...] = (
    _of("psnr", "PSNR"),
    _of("ssim", "SSIM"),
    Chart(
        title="Landmarks to the reference",
        curves=(("lmd_mouth", "mouth"), ("lmd", "all 68")),
        better="lower",
        unit="pixels",
        told="mean distance to the reference frame's; the mouth alone is the paper's LMD",
    ),
    Chart(
        title="Opening of the mouth",
        curves=(("mouth_opening", "film"), ("true_mouth_opening", "reference")),
        better="like the reference",
        unit="share of the distance between the eyes",
        told="between the inner edges of the lips",
    ),
    Chart(
        title="Identity drift",
        curves=(("identity", ""),),
        better="lower",
        unit="0 ... 2",
        told="1 - cosine of identity features to the first frame with a face",
    ),
    Chart(
        title="Colour drift",
        curves=(("colour", ""),),
        better="lower",
        unit="levels of 255",
        told="distance of the frame's mean colour to the first frame's",
    ),
    Chart(
        title="Sharpness drift",
        curves=(("sharpness", ""),),
        better="near 1",
        unit="ratio",
        told="variance of the Laplacian over the first frame's",
    ),
    Chart(
        title="Flicker",
        curves=tuple((f"flicker_{region}", region) for region in _REGIONS),
        better="lower",
        unit="levels of 255",
        told="mean |I(t + 1) - 2 I(t) + I(t - 1)|; a still or blurred film has none, so read it "
        "beside the sharpness",
    ),
    Chart(
        title="Sharpness",
        curves=tuple((f"sharpness_{region}", region) for region in _REGIONS),
        better="higher",
        unit="squared levels of 255",
        told="variance of the Laplacian",
    ),
    _of("warp_error", "Warp error"),
    _of("cpbd", "CPBD"),
    _of("csim", "CSIM"),
    Chart(
        title="Cosines of Table 1",
        curves=tuple((f"{name}_cosine", name) for name in ("shape", "age", "gender", "emotion")),
        better="higher",
        unit="cosine, -1 ... 1",
        told="of features to the reference frame's, never a label",
    ),
    _of("eacc_distance", "EACC as a distance"),
    _of("expression_mse", "Expression error"),
    _of("pose_mse", "Pose error"),
)


def direction(better: str) -> str:
    """An arrow, or in words where there is none."""
    return _ARROWS.get(better, better)


def charts_of(content: Mapping[str, Any]) -> Iterator[str]:
    """Every chart that the clip has curves for; a frame in which nothing was found is a gap."""
    curves = content["curves"]
    empty = _stretches([value == 0 for value in curves.get("has_face", ())])
    for chart in CHARTS:
        lines = [
            Line(name=told, values=curves[name], first=int(name.startswith(_LATER)))
            for name, told in chart.curves
            if any(value is not None for value in curves.get(name, ()))
        ]
        if lines:
            yield _figure(chart, lines, "frame", empty)
    if "lse_c" in curves:
        yield _confidences(curves["lse_c"])


def _figure(
    chart: Chart, lines: Sequence[Line], across: str, empty: Sequence[tuple[int, int]] = ()
) -> str:
    arrow = _ARROWS.get(chart.better, "")
    unit = chart.unit if arrow else f"{chart.unit}, best {chart.better}"
    means, counts, said = [], [], []
    for number, line in enumerate(lines):
        found = [value for value in line.values if value is not None]
        mean = sum(found) / len(found)
        key = f'<span class="key k{number}">{html.escape(line.name)}</span> ' if line.name else ""
        of = f" of {len(line.values)}" if len(found) < len(line.values) else ""
        counts.append(f"{len(found)}{of} frames")
        means.append(f"{key}<b>{shorter(mean)}</b>")
        said.append(
            f"{line.name or 'it'} from {shorter(min(found))} to {shorter(max(found))}, mean "
            f"{shorter(mean)}"
        )
    alone = [value for value in lines[0].values if value is not None] if len(lines) == 1 else []
    svg = line_chart(
        lines,
        described=f"{chart.title} over frames: {'; '.join(said)}",
        across=across,
        level=sum(alone) / len(alone) if alone else None,
        empty=empty,
    )
    lost = "; shaded: no face" if empty else ""
    of_frames = counts[0] if len(set(counts)) == 1 else " and ".join(counts)
    return (
        f"<figure><figcaption><strong>{html.escape(chart.title)} {arrow}</strong> "
        f'<span class="unit">{html.escape(unit)}</span><br>mean {", ".join(means)} '
        f"over {of_frames}{lost}"
        f"</figcaption>{svg}"
        f'<p class="told">{html.escape(_sentence(chart.told))}</p></figure>'
    )


def _confidences(values: Sequence[float]) -> str:
    """Of SyncNet, turned so that offsets rise from left to right."""
    turned = list(reversed(values))
    best = max(range(len(turned)), key=lambda place: turned[place])
    line = Line(name="", values=turned, first=-SHIFTS)
    told = f"LSE-C {shorter(turned[best])} at offset {best - SHIFTS}"
    svg = line_chart(
        [line],
        described=f"SyncNet's confidence over offsets: {told}",
        across="offset",
        follows=False,
    )
    meaning = (
        "Median minus mean distance of lips and voice, shifted against each other. In time, a "
        "peak stands at 0; negative where the sound comes late"
    )
    return (
        "<figure><figcaption><strong>Lip-sync confidence ↑</strong> "
        f'<span class="unit">distance in SyncNet\'s space</span><br>{told}</figcaption>{svg}'
        f'<p class="told">{meaning}.</p></figure>'
    )


def _sentence(told: str) -> str:
    return f"{told[0].upper()}{told[1:]}."


def _stretches(is_empty: Sequence[bool]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number, empty in enumerate(is_empty):
        if empty and found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        elif empty:
            found.append((number, number))
    return found
