"""The report of listening as a page: numbers against their goals, then the pictures.

Knows the report's names, and nothing about how anything was measured.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from imagineid_core.evaluation.metrics import METRICS
from imagineid_core.evaluation.page import number, page, paragraph, picture, section, table


def listen_page(report: Mapping[str, Any], figures: Sequence[Mapping[str, Any]]) -> str:
    """`figures` have `file`, `title` and `caption`; their bytes go into the page."""
    sections = [
        paragraph(
            f"{report['num_clips']} clips of {report['num_speakers']} speakers, "
            f"{report['num_sentences']} sentences, split '{report['split']}', "
            f"seed {report['seed']}."
        ),
        section("Numbers", _numbers(report)),
    ]
    if report["speech_of_others"]:
        sections.append(section("Speech of others", _others(report["speech_of_others"])))
    for figure in figures:
        sections.append(
            section(
                figure["title"],
                paragraph(figure["caption"]),
                picture(figure["file"], figure["title"]),
            )
        )
    sections.append(section("Made from", _made_from(report)))
    return page("Listening, measured on held-out voices", sections)


def _numbers(report: Mapping[str, Any]) -> str:
    rows = []
    for name, metric in METRICS.items():
        value = report[name]
        met = metric.is_met(value)
        mark = "" if met is None else "met" if met else "missed"
        goal = number(metric.told_goal)
        rows.append([name, number(_told(value), mark), goal, metric.meaning, metric.unit])
    return table(["name", "value", "goal", "meaning", "unit"], rows)


def _others(told: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            one["file"],
            number(f"{one['seconds']:.1f}"),
            number(_told(one["envelope_correlation"])),
            number(_told(one["silence_openness"])),
            number(f"{one['mean_opening_mm']:.1f}"),
        ]
        for one in told
    ]
    head = ["file", "seconds", "envelope correlation", "opening in silence", "mean opening (mm)"]
    return table(head, rows)


def _made_from(report: Mapping[str, Any]) -> str:
    names = ("clips_sha256", "corpus_hash", "torch", "python")
    rows = [[name, str(report[name])] for name in names]
    return table(["what", "which"], rows + [[key, str(v)] for key, v in report["about"].items()])


def _told(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
