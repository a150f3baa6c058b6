"""The files raters saved, checked against the study they are of.

Knows nothing about means.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagineid_core.errors import InputError
from imagineid_core.evaluation.study.key import StudyKey
from imagineid_core.evaluation.study.page import SCORES
from imagineid_core.evaluation.study.questions import HIGHEST, LOWEST, QUESTIONS

_NAMES = tuple(question.name for question in QUESTIONS)


@dataclass(frozen=True, kw_only=True)
class RaterScores:
    """One person's answers by blinded file and question; what is not there was not answered."""

    rater: str
    saved: str
    answers: Mapping[str, Mapping[str, int]]
    unplayable: tuple[str, ...]

    @property
    def num_answers(self) -> int:
        return sum(map(len, self.answers.values()))


def load_raters(paths: Sequence[str | Path], key: StudyKey) -> list[RaterScores]:
    """One file a rater; all of them without any answer are an error."""
    raters: list[RaterScores] = []
    file_of: dict[str, Path] = {}
    for path in map(Path, paths):
        one = _load(path, key)
        if one.rater in file_of:
            other = next(rater for rater in raters if rater.rater == one.rater)
            later = path if one.saved > other.saved else file_of[one.rater]
            raise InputError(
                f"{file_of[one.rater]} and {path} are both of rater {one.rater}. Give one of them: "
                f"{later.name} was saved later."
            )
        file_of[one.rater] = path
        raters.append(one)
    if not any(rater.num_answers for rater in raters):
        raise InputError(
            f"{', '.join(map(str, file_of.values()))} holds no answer, so there is nothing to "
            "tabulate. Ask raters to answer at least one clip before they save."
        )
    return raters


def _load(path: Path, key: StudyKey) -> RaterScores:
    told = _read(path)
    if told.get("study") != key.study:
        raise InputError(
            f"{path} is of study {told.get('study')}, but the key is of {key.study}. Give --study "
            "the folder whose page this rater saw."
        )
    if not isinstance(told.get("rater"), str) or not isinstance(told.get("clips"), list):
        raise _damaged(path, "it names no rater or no clips")
    answers: dict[str, Mapping[str, int]] = {}
    unplayable: list[str] = []
    for one in told["clips"]:
        if not isinstance(one, dict) or str(one.get("clip")) not in key.behind:
            named = one.get("clip") if isinstance(one, dict) else one
            raise _damaged(path, f"clip {named} is not in the study")
        clip = str(one["clip"])
        if clip in answers or clip in unplayable:
            raise _damaged(path, f"clip {clip} is in it twice")
        if one.get("unplayable") is True:
            unplayable.append(clip)
        else:
            answers[clip] = _checked(path, clip, one.get("scores"))
    return RaterScores(
        rater=told["rater"],
        saved=str(told.get("saved", "")),
        answers=answers,
        unplayable=tuple(unplayable),
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there. Give the files that raters saved.") from error
    except ValueError as error:
        raise InputError(
            f"{path} is not readable as JSON ({error}). Ask the rater to save and send it again."
        ) from error
    if not isinstance(told, dict) or {name: told.get(name) for name in SCORES} != SCORES:
        raise InputError(
            f"{path} holds no scores of a study. Give the files that the page saves: "
            "scores_RATER.json."
        )
    return told


def _checked(path: Path, clip: str, scores: Any) -> Mapping[str, int]:
    if not isinstance(scores, dict):
        raise _damaged(path, f"clip {clip} has no scores")
    for name, score in scores.items():
        if name not in _NAMES:
            raise _damaged(path, f"clip {clip} answers {name!r}, not one of {', '.join(_NAMES)}")
        if type(score) is not int or not LOWEST <= score <= HIGHEST:
            raise _damaged(
                path,
                f"{name} of clip {clip} is {score!r}, not a whole number from {LOWEST} to "
                f"{HIGHEST}",
            )
    return scores


def _damaged(path: Path, what: str) -> InputError:
    return InputError(
        f"{path} was changed after it was saved: {what}. Use the file as the page saved it, or "
        "leave this rater out."
    )
