"""quality.json: what each number of the shipped suite was, and how far it may fall by luck.

A number is the mean of n rounds on the same people and voices, which differ in what means nothing:
noise and seeds. Its band is the one-sided 99 % limit for the difference of
two such means, t(99 %, n - 1) s sqrt(2 / n), with s the standard deviation over the rounds. The
same weights and code on another processor differ by rounding alone, which is far less. Knows
nothing about how numbers are measured.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagineid_core.assets import suite
from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError
from imagineid_core.evaluation.quality.measure import Measured
from imagineid_core.evaluation.quality.metrics import QUALITY_METRICS

FORMAT_VERSION = 1
FILE = "quality.json"
COVERAGE = 0.99
UPDATE = "imagineid evaluate quality --update"
HOW = (
    "value: mean of the rounds, which differ in noise and seeds. band: t(99 %, one "
    "sided, rounds - 1) * spread * sqrt(2 / rounds), spread being the standard deviation over the "
    "rounds; by more than that the mean of other rounds falls short once in a hundred times. "
    f"Written by '{UPDATE}'."
)


@dataclass(frozen=True, kw_only=True)
class RecordedNumber:
    """In the metric's unit; `spread` over the rounds, of which `band` follows."""

    value: float
    band: float
    spread: float
    rounds: int


@dataclass(frozen=True, kw_only=True)
class QualityRecord:
    """`about`: SHA-256 of the files measured. `espeak`: whose voices were heard, if any."""

    numbers: Mapping[str, RecordedNumber]
    about: Mapping[str, str] = field(default_factory=dict)
    espeak: str | None = None


def shipped_record() -> Path:
    return suite.SHIPPED / FILE


def recorded_number(rounds: Sequence[float]) -> RecordedNumber:
    from scipy.stats import t

    count = len(rounds)
    if count < 2:
        raise InputError(
            f"{count} round says nothing about the spread of a number. Measure at least 2."
        )
    spread = float(np.std(rounds, ddof=1))
    band = float(t.ppf(COVERAGE, count - 1)) * spread * math.sqrt(2 / count)
    return RecordedNumber(
        value=float(f"{np.mean(rounds):.6g}"),
        band=_rounded_up(band),
        spread=float(f"{spread:.3g}"),
        rounds=count,
    )


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
        about=about,
        espeak=measured.espeak,
    )


def write_record(path: Path, record: QualityRecord) -> None:
    document = {
        "format_version": FORMAT_VERSION,
        "how": HOW,
        "espeak": record.espeak,
        "about": dict(sorted(record.about.items())),
        "numbers": {
            name: {
                **asdict(number),
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
            about={str(name): str(digest) for name, digest in document["about"].items()},
            espeak=document["espeak"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not readable as a record of quality ({error!r}). Restore it, or make it "
            f"anew with '{UPDATE}'."
        ) from error


def _number(told: Mapping[str, Any]) -> RecordedNumber:
    number = RecordedNumber(
        value=float(told["value"]),
        band=float(told["band"]),
        spread=float(told["spread"]),
        rounds=int(told["rounds"]),
    )
    if not (math.isfinite(number.value) and 0 <= number.band < math.inf):
        raise ValueError(f"value {number.value} with band {number.band}")
    return number


def _rounded_up(value: float) -> float:
    """To two digits."""
    if value <= 0:
        return 0.0
    digit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / digit) * digit:.2g}")
