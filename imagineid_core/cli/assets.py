"""`imagineid assets`: the weights that are shipped, checked or replaced by newly trained ones."""

import argparse
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> None:
    assets = commands.add_parser("assets", help="check the shipped weights, or pack new ones")
    what = assets.add_subparsers(required=True, metavar="WHAT")
    check = what.add_parser("check", help="compare every shipped file with the manifest")
    check.set_defaults(run=run_check)
    pack = what.add_parser("pack", help="ship what `imagineid train listen` wrote")
    pack.add_argument("trained", metavar="TRAINED_DIR", help="folder with the trained files")
    pack.add_argument(
        "--report",
        metavar="JSON",
        help="report.json of `imagineid evaluate listen` on these files, for the manifest",
    )
    pack.set_defaults(run=run_pack)
    for command in (check, pack):
        command.add_argument(
            "--assets", metavar="DIR", help="folder with manifest.json (the package's own)"
        )


def run_check(options: argparse.Namespace) -> None:
    from imagineid_core.assets import LISTEN, check_suite, read_manifest

    folder = _folder(options)
    suites = read_manifest(folder).suites
    for name in suites or [LISTEN]:
        check_suite(name, folder)
        for file, record in suites[name].files.items():
            print(f"{name}/{file}: {record.size} bytes, sha256 {record.sha256}, whole")
        measured = suites[name].evaluation is not None
        print(f"{name}: {_command(suites[name])}" + ("" if measured else "; not evaluated"))


def run_pack(options: argparse.Namespace) -> None:
    from imagineid_core.assets import LISTEN, pack_suite
    from imagineid_core.assets.manifest import MANIFEST
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.motion.head_pose import find_head_motion

    folder = _folder(options)
    load_pad(options.trained)  # what does not belong together is not shipped
    find_head_motion(options.trained)
    suite = pack_suite(LISTEN, options.trained, report=options.report, folder=folder)
    total = sum(record.size for record in suite.files.values())
    print(
        f"{len(suite.files)} files, {total / 1e6:.2f} MB -> {folder / LISTEN}, {folder / MANIFEST}"
    )
    print(_command(suite))


def _folder(options: argparse.Namespace) -> Path:
    from imagineid_core.assets import suite

    return Path(options.assets) if options.assets else suite.SHIPPED


def _command(suite: Any) -> str:
    """What makes the suite again; of one training unless somebody mixed two."""
    return "; ".join(sorted({record.training["command"] for record in suite.files.values()}))
