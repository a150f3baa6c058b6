"""`imagineid evaluate quality`: is the shipped suite as good as recorded? Exit code 2 if not."""

import argparse
from pathlib import Path
from typing import Any

from imagineid_core.cli.outputs import refuse_overwriting
from imagineid_core.cli.progress import stage_bars
from imagineid_core.cli.seed import seed_number
from imagineid_core.errors import InputError

_OUT = "out/quality.json"


def add_quality(what: Any) -> None:
    quality = what.add_parser("quality", help="compare the shipped suite with its recorded numbers")
    quality.add_argument("--fast", action="store_true", help="without films: under a minute")
    quality.add_argument(
        "--update", action="store_true", help="record what is measured instead of comparing"
    )
    quality.add_argument(
        "--record", metavar="FILE", help="the record (quality.json beside the shipped weights)"
    )
    quality.add_argument(
        "--model", metavar="DIR", help="a diffusers folder with adapters (the shipped one)"
    )
    quality.add_argument("--weights", metavar="DIR", help="PAD weights (the shipped ones)")
    quality.add_argument(
        "--first-round",
        type=seed_number,
        default=0,
        metavar="N",
        help="other noise and seeds than the record's (0): how far luck alone goes",
    )
    quality.add_argument("--out", metavar="FILE", help=f"every number as JSON ({_OUT})")
    quality.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    quality.set_defaults(run=run_quality)


def run_quality(options: argparse.Namespace) -> None:
    import json

    from imagineid_core.checkpoint import write_whole
    from imagineid_core.evaluation.quality.compare import (
        as_json,
        as_lines,
        check_quality,
        compare,
    )
    from imagineid_core.evaluation.quality.held_out import HeldOut
    from imagineid_core.evaluation.quality.measure import measure_quality
    from imagineid_core.evaluation.quality.metrics import FAST, PARTS
    from imagineid_core.evaluation.quality.record import (
        QualityRecord,
        read_record,
        record_of,
        shipped_record,
        write_record,
    )
    from imagineid_core.evaluation.quality.suite import load_suite

    _refuse_before_work(options)
    out, place = Path(options.out or _OUT), Path(options.record or shipped_record())
    refuse_overwriting(out.parent, (out.name,), options.overwrite)
    is_new = options.update and not place.is_file()
    record = QualityRecord(numbers={}) if is_new else read_record(place)
    suite = load_suite(options.model, options.weights)
    with stage_bars() as bars:
        measured = measure_quality(
            suite,
            HeldOut(),
            parts=FAST if options.fast else tuple(PARTS),
            first=options.first_round,
            on_progress=bars.steps,
        )
    comparison = compare(measured, record, suite.about)
    document = as_json(comparison, measured)
    write_whole(out, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    print("\n".join(as_lines(comparison)))
    print(f"{sum(measured.seconds.values()):.0f} s -> {out}")
    if options.update:
        write_record(place, record_of(measured, suite.about))
        print(f"recorded -> {place}")
    else:
        check_quality(comparison)


def _refuse_before_work(options: argparse.Namespace) -> None:
    if options.update and options.fast:
        raise InputError(
            "--update is given with --fast, but a record needs every number. Leave out --fast."
        )
    if options.update and (options.model or options.weights) and not options.record:
        raise InputError(
            f"--update is given with {options.model or options.weights}, but the record beside the "
            "shipped weights is about those. Give a --record of your own, or leave the weights out."
        )
