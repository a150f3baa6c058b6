"""Numbers against their record: what got worse by more than its band, what better, what is lost.

Knows nothing about networks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagineid_core.errors import InputError
from imagineid_core.evaluation.quality.measure import Measured
from imagineid_core.evaluation.quality.metrics import QUALITY_METRICS
from imagineid_core.evaluation.quality.record import UPDATE, QualityRecord, RecordedNumber

WORSE, LOST, BETTER, HELD, NEW = "WORSE", "LOST", "better", "held", "new"
_FAILS = (WORSE, LOST)


class QualityError(InputError):
    """The suite is not as good as it was; all numbers were told all the same."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`value` is None where it is lost; `worse_by` is negative for the better; `band`: how much
    of it may be chance."""

    name: str
    value: float | None
    recorded: RecordedNumber | None
    worse_by: float
    said: str
    band: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`skipped`: parts that were not looked at, with reasons. `notes`: what to know beside."""

    verdicts: tuple[Verdict, ...]
    skipped: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def named(self, *said: str) -> list[Verdict]:
        return [one for one in self.verdicts if one.said in said]


def compare(
    measured: Measured, record: QualityRecord, about: Mapping[str, str] | None = None
) -> Comparison:
    """Voices of another espeak-ng than the record's are other voices: that part is skipped."""
    skipped, notes = dict(measured.skipped), []
    is_paired = measured.first == record.first
    if "talkers" not in skipped and measured.espeak != record.espeak:
        skipped["talkers"] = (
            f"espeak-ng {measured.espeak} speaks with other voices than {record.espeak} of the "
            "record"
        )
    verdicts = []
    for name, metric in QUALITY_METRICS.items():
        if metric.part in skipped:
            continue
        known = record.numbers.get(name)
        if name in measured.rounds:
            verdicts.append(_verdict(name, measured.rounds[name], known, is_paired))
        elif name in measured.failed and known is not None:
            verdicts.append(
                Verdict(
                    name=name, value=None, recorded=known, worse_by=math.inf, said=LOST,
                    reason=measured.failed[name],
                )
            )  # fmt: skip
    if about is not None and (other := _others(about, record.about)):
        notes.append(f"the record was measured on other files than these: {', '.join(other)}")
    if not is_paired:
        notes.append(
            f"rounds from {measured.first} on are others than the record's, from {record.first} "
            "on: only what is more than luck is told"
        )
    return Comparison(verdicts=tuple(verdicts), skipped=skipped, notes=tuple(notes))


def check_quality(comparison: Comparison) -> None:
    """An error that names all that got worse, by how much, and what to do."""
    worse = comparison.named(*_FAILS)
    if not worse:
        return
    raise QualityError(
        f"the suite is worse than recorded: {'; '.join(map(_told, worse))}. Find the change of "
        f"code or weights that did it and take it back, or, if it is meant, run '{UPDATE}' and "
        "say why in the commit."
    )


def as_lines(comparison: Comparison) -> list[str]:
    """A small table, then what was skipped, and what to do about numbers that got better."""
    lines = [f"{'':20}{'now':>10}{'recorded':>10}{'band':>9}"]
    for one in comparison.verdicts:
        now = "-" if one.value is None else f"{one.value:.4g}"
        was = "-" if one.recorded is None else f"{one.recorded.value:.4g}"
        band = "-" if one.band is None else f"{one.band:.2g}"
        better = QUALITY_METRICS[one.name].better
        lines.append(f"{one.name:20}{now:>10}{was:>10}{band:>9}  {better:7} {one.said}")
    lines += [f"skipped {part}: {reason}" for part, reason in comparison.skipped.items()]
    lines += [f"note: {note}" for note in comparison.notes]
    if changed := comparison.named(BETTER, NEW):
        names = ", ".join(one.name for one in changed)
        lines.append(f"{names}: better than recorded, or new. Keep it so with '{UPDATE}'.")
    return lines


def as_json(comparison: Comparison, measured: Measured) -> dict[str, Any]:
    return {
        "is_held": not comparison.named(*_FAILS),
        "numbers": {
            one.name: {
                "value": one.value,
                "rounds": list(measured.rounds.get(one.name, ())),
                "recorded": None if one.recorded is None else one.recorded.value,
                "band": one.band,
                "worse_by": one.worse_by if math.isfinite(one.worse_by) else None,
                "said": one.said,
                "reason": one.reason,
                "part": QUALITY_METRICS[one.name].part,
                "better": QUALITY_METRICS[one.name].better,
                "unit": QUALITY_METRICS[one.name].unit,
                "meaning": QUALITY_METRICS[one.name].meaning,
            }
            for one in comparison.verdicts
        },
        "skipped": dict(comparison.skipped),
        "notes": list(comparison.notes),
        "seconds": dict(measured.seconds),
        "espeak": measured.espeak,
    }


def _verdict(
    name: str, rounds: Sequence[float], known: RecordedNumber | None, is_paired: bool
) -> Verdict:
    value = sum(rounds) / len(rounds)
    if not math.isfinite(value):
        return Verdict(
            name=name, value=None, recorded=known, worse_by=math.inf, said=LOST,
            reason="it is not a number",
        )  # fmt: skip
    if known is None:
        return Verdict(name=name, value=value, recorded=None, worse_by=0.0, said=NEW)
    before, band = known.value, known.band
    if is_paired:
        pairs = list(zip(rounds, known.rounds, strict=False))
        value, before = (sum(each) / len(pairs) for each in zip(*pairs, strict=True))
        band = known.band_of([now - then for now, then in pairs])
    worse_by = _badness(name, value) - _badness(name, before)
    said = WORSE if worse_by > band else BETTER if -worse_by > band else HELD
    return Verdict(name=name, value=value, recorded=known, worse_by=worse_by, said=said, band=band)


def _badness(name: str, value: float) -> float:
    """Less is better."""
    better = QUALITY_METRICS[name].better
    if better.startswith("near"):
        return abs(value - float(better.removeprefix("near ")))
    return -value if better == "higher" else value


def _told(one: Verdict) -> str:
    metric = QUALITY_METRICS[one.name]
    if one.value is None or one.recorded is None:
        return f"{one.name} ({metric.meaning}) cannot be measured any more: {one.reason}"
    return (
        f"{one.name} ({metric.meaning}) is {one.value:.4g} instead of {one.recorded.value:.4g} "
        f"{metric.unit}, worse by {one.worse_by:.2g} where {one.band:.2g} may be luck"
    )


def _others(about: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*about, *known} if about.get(name) != known.get(name))
