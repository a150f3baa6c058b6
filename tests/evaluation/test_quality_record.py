"""Bands, verdicts and messages of the regression gate, on numbers made up."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from imagineid_core.assets import SHIPPED
from imagineid_core.cli import main
from imagineid_core.errors import InputError
from imagineid_core.evaluation.quality.compare import (
    BETTER,
    HELD,
    LOST,
    NEW,
    WORSE,
    QualityError,
    as_json,
    as_lines,
    check_quality,
    compare,
)
from imagineid_core.evaluation.quality.measure import Measured
from imagineid_core.evaluation.quality.metrics import FAST, FILMS, PARTS, QUALITY_METRICS
from imagineid_core.evaluation.quality.record import (
    FILE,
    QualityRecord,
    RecordedNumber,
    read_record,
    record_of,
    recorded_number,
    write_record,
)

ESPEAK = "1.51"
ROUNDS = {name: [1.0, 1.1, 0.9] for name in QUALITY_METRICS}


def recorded(value=1.0, band=0.1):
    number = RecordedNumber(value=value, band=band, spread=band / 2, rounds=(value, value))
    return QualityRecord(numbers=dict.fromkeys(QUALITY_METRICS, number), espeak=ESPEAK)


def said(record, **values):
    measured = Measured(rounds={name: [v, v] for name, v in values.items()}, espeak=ESPEAK)
    return {one.name: one.said for one in compare(measured, record).verdicts}


def test_the_band_of_luck_is_the_t_limit_of_the_difference_of_two_means():
    """s = 1, t(99.9 %, 2) = 22.327, sqrt(2 / 3)."""
    number = recorded_number([1.0, 2.0, 3.0])
    assert (number.value, number.spread, number.rounds) == (2.0, 1.0, (1.0, 2.0, 3.0))
    assert number.band == pytest.approx(22.327 * math.sqrt(2 / 3), rel=1e-4)
    assert recorded_number([4.0, 4.0]).band == 0
    with pytest.raises(InputError, match="1 round says nothing"):
        recorded_number([1.0])


def test_rounds_that_are_the_records_own_are_judged_by_their_differences():
    """Rounds apart by far more than the change; t(99.5 %, 5) = 4.0321, no less than s / 10."""
    rounds = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    number = recorded_number(rounds)
    assert number.band > 5
    shifts = [0.3, 0.2, 0.3, 0.2, 0.3, 0.2]
    chance = 4.0321 * float(np.std(shifts, ddof=1)) / math.sqrt(6)
    assert number.band_of([10 * one for one in shifts]) == pytest.approx(10 * chance, rel=1e-4)
    assert number.band_of(shifts) == pytest.approx(0.1 * number.spread)
    assert number.band_of(shifts[:3]) == number.band  # too few to say
    assert number.band_of([-9.0, 9.0] * 3) == number.band  # never wider than luck's

    record = QualityRecord(numbers={"drift": number}, espeak=ESPEAK)
    worse = [one + shift for one, shift in zip(rounds, shifts, strict=True)]
    for now, first, told in ((worse, 0, WORSE), (rounds, 0, HELD), (worse, 50, HELD)):
        measured = Measured(rounds={"drift": now}, espeak=ESPEAK, first=first)
        assert [one.said for one in compare(measured, record).verdicts] == [told]
    better = Measured(rounds={"drift": [a - b for a, b in zip(rounds, shifts, strict=True)]})
    assert [one.said for one in compare(better, record).verdicts] == [BETTER]


def test_other_rounds_than_the_records_are_told():
    comparison = compare(Measured(rounds={"drift": [1.0]}, espeak=ESPEAK, first=7), recorded())
    assert "rounds from 7 on are others than the record's" in comparison.notes[-1]


@pytest.mark.parametrize("seed", range(5))
def test_a_change_that_does_nothing_but_shuffle_noise_passes(seed):
    """Thirty numbers of twelve rounds, all of them drawn anew."""
    draw = np.random.default_rng(seed)
    names = list(QUALITY_METRICS)
    rounds = {name: draw.normal(5, 1, 12).tolist() for name in names}
    record = record_of(Measured(rounds=rounds, espeak=ESPEAK, first=0), {})
    again = {name: draw.normal(5, 1, 12).tolist() for name in names}
    other = compare(Measured(rounds=again, espeak=ESPEAK, first=100), record)
    assert not other.named(WORSE)
    same = compare(Measured(rounds=rounds, espeak=ESPEAK, first=0), record)
    assert {one.said for one in same.verdicts} == {HELD}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("vae_psnr", 0.89, WORSE),
        ("vae_psnr", 0.91, HELD),
        ("vae_psnr", 1.09, HELD),
        ("vae_psnr", 1.11, BETTER),
        ("drift", 1.11, WORSE),
        ("drift", 0.89, BETTER),
        ("head_motion", 0.85, WORSE),  # recorded as 1, which is where it should be
        ("head_motion", 1.15, WORSE),
        ("vae_psnr", math.nan, LOST),
    ],
)
def test_only_what_is_worse_by_more_than_its_band_fails(name, value, told):
    assert said(recorded(), **{name: value}) == {name: told}


def test_what_should_be_near_one_gets_better_from_either_side():
    assert said(recorded(value=0.6), head_motion=0.8) == {"head_motion": BETTER}
    assert said(recorded(value=1.4), head_motion=1.2) == {"head_motion": BETTER}


def test_the_message_names_what_got_worse_by_how_much_and_what_to_do():
    measured = Measured(rounds={"drift": [1.3]}, failed={"matte_error": "NaN"}, espeak=ESPEAK)
    with pytest.raises(QualityError) as raised:
        check_quality(compare(measured, recorded()))
    told = str(raised.value)
    assert "drift" in told
    assert "1.3 instead of 1" in told
    assert "worse by 0.3 where 0.1 may be luck" in told
    assert "matte_error" in told
    assert "cannot be measured any more: NaN" in told
    assert "imagineid evaluate quality --update" in told


def test_better_and_new_numbers_are_told_and_fail_nothing():
    record = recorded()
    record = replace(record, numbers={k: v for k, v in record.numbers.items() if k != "drift"})
    measured = Measured(rounds={"vae_psnr": [1.5], "drift": [1.0]}, espeak=ESPEAK)
    comparison = compare(measured, record)
    assert [one.said for one in comparison.verdicts] == [BETTER, NEW]
    check_quality(comparison)
    assert "vae_psnr, drift: better than recorded, or new" in as_lines(comparison)[-1]
    json.dumps(as_json(comparison, measured), allow_nan=False)


def test_voices_of_another_espeak_are_not_compared():
    measured = Measured(rounds={"lip_correlation": [0.0]}, espeak="1.52")
    comparison = compare(measured, recorded())
    assert comparison.verdicts == ()
    assert "1.52" in comparison.skipped["talkers"]


def test_other_files_than_the_records_are_named():
    record = replace(recorded(), about={"imagine/a.safetensors": "1", "listen/b.safetensors": "2"})
    about = {"imagine/a.safetensors": "1", "listen/b.safetensors": "3"}
    (note,) = compare(Measured(), record, about).notes
    assert note.endswith("listen/b.safetensors")


def test_a_record_comes_back_as_it_was_written(tmp_path):
    record = record_of(Measured(rounds=ROUNDS, espeak=ESPEAK), {"imagine/x": "abc"})
    write_record(tmp_path / FILE, record)
    assert read_record(tmp_path / FILE) == record
    document = json.loads((tmp_path / FILE).read_text())
    assert document["numbers"]["drift"]["rounds"] == [1.0, 1.1, 0.9]


def test_a_record_with_holes_is_refused():
    rounds = {name: values for name, values in ROUNDS.items() if name != "lip_correlation"}
    measured = Measured(rounds=rounds, skipped={"talkers": "needs espeak-ng"})
    with pytest.raises(InputError, match="lip_correlation .*needs espeak-ng"):
        record_of(measured, {})


@pytest.mark.parametrize("text", ["", "[]", '{"format_version": 1}', '{"format_version": 2}'])
def test_a_record_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match="not readable as a record"):
        read_record(tmp_path / FILE)


def test_every_metric_has_a_part_and_a_direction():
    assert {metric.part for metric in QUALITY_METRICS.values()} == set(PARTS)
    assert {metric.better for metric in QUALITY_METRICS.values()} <= {"higher", "lower", "near 1"}
    assert set(PARTS) == {*FAST, FILMS}


def test_the_shipped_record_has_every_number():
    assert set(read_record(SHIPPED / FILE).numbers) == set(QUALITY_METRICS)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--fast", "--update"], "a record needs every number"),
        (["--update", "--model", "m"], "Give a --record of your own"),
        (["--record", "nowhere.json"], "nothing to compare with"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_work(options, told, tmp_path, capsys):
    out = str(tmp_path / "q.json")
    assert main(["evaluate", "quality", "--out", out, *options]) == 2
    assert told in capsys.readouterr().err
