"""`imagineid bench`: measurements of this code on this machine."""

import argparse
import json
from typing import Any

from imagineid_core.cli.progress import stage_bars


def add_commands(commands: Any) -> None:
    bench = commands.add_parser("bench", help="measure this code on this machine")
    what = bench.add_subparsers(required=True, metavar="WHAT")
    pad = what.add_parser("pad", help="speed and memory of listening, paper size")
    pad.add_argument("--threads", type=int, help="CPU threads (all cores)")
    pad.set_defaults(run=run_pad)
    render = what.add_parser("render", help="speed of the rasteriser, one thread")
    render.set_defaults(run=run_render)
    count = what.add_parser("count", help="calls and operations of a coherent frame")
    count.add_argument("--steps", type=int, default=50, help="denoising steps (50, the paper's)")
    count.set_defaults(run=run_count)
    for parser in (pad, render, count):
        parser.add_argument("--json", action="store_true", help="one JSON object on one line")


def run_pad(options: argparse.Namespace) -> None:
    from imagineid_core.bench.pad import bench_pad

    with stage_bars() as bars:
        result = bench_pad(options.threads, on_progress=bars.steps)
    _tell(result, options.json)


def run_render(options: argparse.Namespace) -> None:
    from imagineid_core.bench.render import bench_render

    _tell(bench_render(), options.json)


def run_count(options: argparse.Namespace) -> None:
    from imagineid_core.bench.count import bench_count

    _tell(bench_count(options.steps), options.json)


def _tell(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")
