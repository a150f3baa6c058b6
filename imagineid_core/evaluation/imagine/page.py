"""The report of imagining as a page: numbers against their goals, pictures, what it cost.

Knows the report's names, and nothing about how anything was measured.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from imagineid_core.evaluation.imagine.metrics import IMAGINE_METRICS
from imagineid_core.evaluation.page import number, page, paragraph, picture, section, table


def imagine_page(report: Mapping[str, Any], figures: Sequence[Mapping[str, Any]]) -> str:
    """`figures` have `file`, `title` and `caption`; their bytes go into the page."""
    sections = [
        paragraph(
            f"Held-out voices (split '{report['split']}'), seed {report['seed']}, "
            f"{report['num_steps']} steps a frame, eta {report['eta']:g}, guidance "
            f"{report['guidance']:g} in the first {report['guided_share']:.0%} of the steps of "
            f"first frames and none on others; first frames settle {report['settles']} times."
        ),
        *[paragraph(one) for one in report["notes"]],
        section("Numbers", _numbers(report)),
    ]
    sections += [
        section(one["title"], paragraph(one["caption"]), picture(one["file"], one["title"]))
        for one in figures
    ]
    sections.append(section("A coherent frame", _pairs(report["calls"], "calls")))
    sections.append(section("What was made", _pairs(report["made"], "number")))
    sections.append(section("What it took", _pairs(report["seconds"], "seconds")))
    about = {**report["about"], **{name: report[name] for name in ("corpora", "torch", "python")}}
    sections.append(section("Made from", table(["what", "which"], _rows(about))))
    return page("Imagining, measured on held-out voices", sections)


def _numbers(report: Mapping[str, Any]) -> str:
    rows = []
    for name, metric in IMAGINE_METRICS.items():
        value = report[name]
        met = metric.is_met(value)
        mark = "" if met is None else "met" if met else "missed"
        told = "not measured" if value is None else f"{value:.3f}"
        rows.append(
            [name, number(told, mark), number(metric.told_goal), metric.meaning, metric.unit]
        )
    return table(["name", "value", "goal", "meaning", "unit"], rows)


def _pairs(values: Mapping[str, Any], what: str) -> str:
    rows = [[name, number(f"{value:g}")] for name, value in values.items()]
    return table(["", what], rows)


def _rows(values: Mapping[str, Any]) -> list[list[str]]:
    return [[name, str(value)] for name, value in values.items()]
