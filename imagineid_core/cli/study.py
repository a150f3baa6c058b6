"""`imagineid study`: ask people. A page of blinded clips for raters, and the table of scores."""

import argparse
import json
from pathlib import Path
from typing import Any

from imagineid_core.cli.outputs import refuse_overwriting
from imagineid_core.cli.progress import stage_bars

_TABLE = "table.json"


def add_commands(commands: Any) -> None:
    study = commands.add_parser("study", help="user study: blinded clips, scores, their table")
    what = study.add_subparsers(required=True, metavar="WHAT")
    make = what.add_parser("make", help="a page that shows clips of several methods, blinded")
    make.add_argument(
        "sources",
        nargs="+",
        metavar="DIR",
        help="a folder of clips (.mp4, .webm) for each method, alike named in all; or one "
        'manifest: a .json file of {"METHOD": {"CLIP": "FILE", ...}, ...}',
    )
    make.add_argument("--out", required=True, metavar="DIR", help="folder for page and key")
    make.add_argument("--title", default="Talking faces", help="of the page (Talking faces)")
    make.set_defaults(run=run_make)
    table = what.add_parser("tabulate", help="means and intervals of the scores raters saved")
    table.add_argument("scores", nargs="+", metavar="FILE", help="scores_RATER.json, one a rater")
    table.add_argument("--study", required=True, metavar="DIR", help="what `study make` wrote")
    table.add_argument("--out", metavar="FILE", help=f"the table as JSON (DIR/{_TABLE})")
    table.add_argument("--overwrite", action="store_true", help="replace a table that is there")
    table.set_defaults(run=run_tabulate)


def run_make(options: argparse.Namespace) -> None:
    from imagineid_core.evaluation.study.key import KEY
    from imagineid_core.evaluation.study.make import PAGE, make_study
    from imagineid_core.evaluation.study.sources import find_methods

    methods, out = find_methods(options.sources), Path(options.out)
    with stage_bars() as bars:
        made = make_study(
            methods,
            out,
            title=options.title,
            on_progress=lambda done, total: bars.steps("clips", done, total),
        )
    print(
        f"Clips: {len(made.key.clips)}, each by {len(methods)} methods; {made.seconds:.0f} s for "
        "a rater to see\n"
        f"give raters  {out / PAGE}  (open index.html, or put the folder on any web server)\n"
        f"keep         {out / KEY}  (says which method is which)"
    )
    for note in made.notes:
        print(f"note: {note}. Raters may tell methods apart by that.")


def run_tabulate(options: argparse.Namespace) -> None:
    from imagineid_core.evaluation.study.key import load_key
    from imagineid_core.evaluation.study.scores import load_raters
    from imagineid_core.evaluation.study.tabulate import as_json, as_lines, tabulate

    key = load_key(Path(options.study))
    out = Path(options.out or Path(options.study, _TABLE))
    refuse_overwriting(out.parent, (out.name,), options.overwrite)
    table = tabulate(key, load_raters(options.scores, key))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        json.dumps(as_json(table), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print("\n".join(as_lines(table)))
    print(f"-> {out}")
