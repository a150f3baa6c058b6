"""quality.json: what each number of the shipped suite was in each round, and how far it may fall.

Rounds look at the same people and voices and differ in what means nothing: noise and seeds. Round k
always draws the same, so the same weights and code give the same numbers, on another processor but
for rounding, and a change is judged round by round:

    worse = mean of d_k,  d_k = this round's number against the same round's of the record
    band  = the lesser of   t(99.5 %, n - 1) s(d) / sqrt(n),  no less than a tenth of s
                      and   t(99.9 %, n - 1) s sqrt(2 / n)

with s(d) and s the standard deviations over the n rounds of the differences and of the record. The
first is what a change that does nothing on the whole may come to by chance; the second, wide, is
how far the mean of other rounds falls by luck, and stands alone where rounds are others than the
record's. Knows nothing about how numbers are measured.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagineid_core.assets import suite
from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError
from imagineid_core.evaluation.quality.measure import Measured
from imagineid_core.evaluation.quality.metrics import QUALITY_METRICS

FORMAT_VERSION = 2
FILE = "quality.json"
LUCK, PAIRED = 0.999, 0.995  # one-sided; there are some thirty numbers
ROUNDING = 0.1  # of the spread over rounds: a smaller change is none
FEWEST = 4  # rounds that are judged one by one
UPDATE = "imagineid evaluate quality --update"
HOW = (
    "value: mean of the rounds, which differ in noise and seeds alone; spread: their standard "
    "deviation. band: how far the mean of other rounds may fall by luck, t(99.9 %, one sided, "
    "rounds - 1) * spread * sqrt(2 / rounds). The same rounds measured again are compared one by "
    "one, which sees far less: t(99.5 %) * standard deviation of the differences / sqrt(rounds), "
    f"but at least a tenth of the spread. Written by '{UPDATE}'."
)


@dataclass(frozen=True, kw_only=True)
class RecordedNumber:
    """In the metric's unit; `value` and `spread` over the `rounds`, and the `band` of luck."""

    value: float
    band: float
    spread: float
    rounds: tuple[float, ...]

    def band_of(self, differences: Sequence[float]) -> float:
        """What the mean of these differences to the first rounds may come to by chance."""
        count = len(differences)
        if count < FEWEST:
            return self.band
        chance = _t(PAIRED, count) * float(np.std(differences, ddof=1)) / math.sqrt(count)
        return min(self.band, max(chance, ROUNDING * self.spread))


@dataclass(frozen=True, kw_only=True)
class QualityRecord:
    """`about`: SHA-256 of the files measured. `espeak`: whose voices were heard, if any. `first`:
    the number of the first round."""

    numbers: Mapping[str, RecordedNumber]
    first: int = 0
    about: Mapping[str, str] = field(default_factory=dict)
    espeak: str | None = None


def shipped_record() -> Path:
    return suite.SHIPPED / FILE


def recorded_number(rounds: Sequence[float]) -> RecordedNumber:
    count = len(rounds)
    if count < 2:
        raise InputError(
            f"{count} round says nothing about the spread of a number. Measure at least 2."
        )
    spread = float(np.std(rounds, ddof=1))
    return RecordedNumber(
        value=float(np.mean(rounds)),
        band=_t(LUCK, count) * spread * math.sqrt(2 / count),
        spread=spread,
        rounds=tuple(rounds),
    )


def _t(coverage: float, count: int) -> float:
    from scipy.stats import t

    return float(t.ppf(coverage, count - 1))


def record_of(measured: Measured, about: Mapping[str, str]) -> QualityRecord:
    """Every number must be there: a record with holes would let a loss pass."""
    missing = [name for name in QUALITY_METRICS if name not in measured.rounds]
    if missing:
        reasons = {
            measured.skipped.get(QUALITY_METRICS[name].part) or measured.failed.get(name)
            for name in missing
        }
        told = (
            "; ".join(sorted(reason for reason in reasons if reason)) or "they were not asked for"
        )
        raise InputError(
            f"a record needs every number, but {', '.join(missing)} could not be measured: {told}. "
            "Measure all parts on a machine that has what they need."
        )
    return QualityRecord(
        numbers={name: recorded_number(measured.rounds[name]) for name in QUALITY_METRICS},
        first=measured.first,
        about=about,
        espeak=measured.espeak,
    )


def write_record(path: Path, record: QualityRecord) -> None:
    document = {
        "format_version": FORMAT_VERSION,
        "how": HOW,
        "espeak": record.espeak,
        "first_round": record.first,
        "about": dict(sorted(record.about.items())),
        "numbers": {
            name: {
                "value": _rounded(number.value),
                "spread": _rounded(number.spread, 3),
                "band": _rounded(number.band, 3),
                "rounds": [_rounded(one) for one in number.rounds],
                "better": QUALITY_METRICS[name].better,
                "unit": QUALITY_METRICS[name].unit,
                "meaning": QUALITY_METRICS[name].meaning,
            }
            for name, number in record.numbers.items()
        },
    }
    write_whole(path, (json.dumps(document, indent=1) + "\n").encode())


def read_record(path: Path) -> QualityRecord:
    if not path.is_file():
        raise InputError(
            f"there is no {path}, so there is nothing to compare with. Make it with '{UPDATE}'."
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format_version"] != FORMAT_VERSION:
            raise ValueError(f"its format version is {document['format_version']}")
        return QualityRecord(
            numbers={name: _number(told) for name, told in document["numbers"].items()},
            first=int(document["first_round"]),
            about={str(name): str(digest) for name, digest in document["about"].items()},
            espeak=document["espeak"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not readable as a record of quality ({error!r}). Restore it, or make it "
            f"anew with '{UPDATE}'."
        ) from error


def _number(told: Mapping[str, Any]) -> RecordedNumber:
    """All follows from the rounds; what stands beside them is for those who read."""
    number = recorded_number([float(one) for one in told["rounds"]])
    if not (math.isfinite(number.value) and 0 <= number.band < math.inf):
        raise ValueError(f"value {number.value} with band {number.band}")
    return number


def _rounded(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}g}")
