"""Scores of all raters as means with intervals, a row for each method and question.

Versions of a clip are seen by the same raters, so what lies between two methods is taken within
rater and clip: its interval is narrower than two means suggest. Knows nothing about files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from imagineid_core.evaluation.study.interval import INTERVAL, MeanScore, mean_score
from imagineid_core.evaluation.study.key import StudyKey
from imagineid_core.evaluation.study.questions import HIGHEST, LOWEST, QUESTIONS
from imagineid_core.evaluation.study.scores import RaterScores

Scores = Mapping[tuple[str, str], int]  # by rater and clip


@dataclass(frozen=True, kw_only=True)
class StudyTable:
    """`means` and `differences` by (method, question); None where nobody answered.

    A difference is the method's score minus the first method's, of one rater for one clip.
    """

    key: StudyKey
    num_raters: int
    num_partial: int  # raters who left answers open, among them num_empty without any
    num_empty: int
    num_answers: int
    num_asked: int
    num_unplayable: int  # times that a rater said so
    means: Mapping[tuple[str, str], MeanScore | None]
    differences: Mapping[tuple[str, str], MeanScore | None]


def tabulate(key: StudyKey, raters: Sequence[RaterScores]) -> StudyTable:
    means: dict[tuple[str, str], MeanScore | None] = {}
    differences: dict[tuple[str, str], MeanScore | None] = {}
    for question in (one.name for one in QUESTIONS):
        scores = {method: _scores(key, raters, method, question) for method in key.methods}
        first, *others = key.methods
        for method in key.methods:
            means[method, question] = mean_score(scores[method], LOWEST, HIGHEST)
        for method in others:
            both = scores[method].keys() & scores[first].keys()
            apart = {one: scores[method][one] - scores[first][one] for one in sorted(both)}
            differences[method, question] = mean_score(apart, LOWEST - HIGHEST, HIGHEST - LOWEST)
    asked_each = len(key.behind) * len(QUESTIONS)
    return StudyTable(
        key=key,
        num_raters=len(raters),
        num_partial=sum(rater.num_answers < asked_each for rater in raters),
        num_empty=sum(rater.num_answers == 0 for rater in raters),
        num_answers=sum(rater.num_answers for rater in raters),
        num_asked=len(raters) * asked_each,
        num_unplayable=sum(len(rater.unplayable) for rater in raters),
        means=means,
        differences=differences,
    )


def as_json(table: StudyTable) -> dict[str, Any]:
    first = table.key.methods[0]
    return {
        "study": table.key.study,
        "questions": {one.name: one.asked for one in QUESTIONS},
        "scale": [LOWEST, HIGHEST],
        "interval": INTERVAL,
        "methods": table.key.methods,
        "num_clips": len(table.key.clips),
        "num_raters": table.num_raters,
        "num_partial_raters": table.num_partial,
        "num_empty_raters": table.num_empty,
        "num_answers": table.num_answers,
        "num_asked": table.num_asked,
        "num_unplayable": table.num_unplayable,
        "means": [
            {"method": method, "question": question, **_told(mean)}
            for (method, question), mean in table.means.items()
        ],
        "differences": [
            {"method": method, "minus": first, "question": question, **_told(mean)}
            for (method, question), mean in table.differences.items()
        ],
    }


def as_lines(table: StudyTable) -> list[str]:
    first, *others = table.key.methods
    head = (
        f"Raters: {table.num_raters}. Clips: {len(table.key.clips)}, each by "
        f"{len(table.key.methods)} methods. Answers: {table.num_answers} of {table.num_asked}."
    )
    lines = [head]
    if table.num_partial:
        lines.append(
            f"Raters who left answers open: {table.num_partial}, of them {table.num_empty} gave "
            f"none. Clips marked as not playing: {table.num_unplayable}. Means are over what was "
            "answered."
        )
    lines += ["", *_aligned("mean (95 % interval), n", table.key.methods, table.means)]
    lines += ["", *_aligned(f"minus {first}, same rater and clip", others, table.differences)]
    reasons = {
        one.without_interval
        for one in (*table.means.values(), *table.differences.values())
        if one is not None and one.without_interval
    }
    lines += ["", f"Interval: {INTERVAL}."]
    lines += [f"No interval where {reason}." for reason in sorted(reasons)]
    return lines


def _scores(
    key: StudyKey, raters: Sequence[RaterScores], method: str, question: str
) -> dict[tuple[str, str], int]:
    return {
        (rater.rater, key.behind[file][1]): answers[question]
        for rater in raters
        for file, answers in rater.answers.items()
        if key.behind[file][0] == method and question in answers
    }


def _told(mean: MeanScore | None) -> dict[str, Any]:
    return {"mean": None, "num_scores": 0} if mean is None else asdict(mean)


def _aligned(
    title: str, methods: Sequence[str], cells: Mapping[tuple[str, str], MeanScore | None]
) -> list[str]:
    names = [question.name for question in QUESTIONS]
    rows = [[title, *names]]
    rows += [[method, *(_cell(cells[method, name]) for name in names)] for method in methods]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(mean: MeanScore | None) -> str:
    if mean is None:
        return "no answer"
    interval = "no interval" if mean.low is None else f"{mean.low:.2f} to {mean.high:.2f}"
    return f"{mean.mean:.2f} ({interval}), n {mean.num_scores}"
