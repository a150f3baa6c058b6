"""`imagineid`: the library from a shell. Each group of commands is one file.

Knows how to ask and how to tell; every answer comes from the packages below.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from imagineid_core import __version__
from imagineid_core.cli import (
    assets,
    bench,
    corpus,
    evaluate,
    face,
    gate,
    imagine,
    listen,
    sound,
    study,
    train,
)
from imagineid_core.errors import InputError, MissingPackageError, WeightsError

_USER_ERROR, _INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a user's mistake is one message on stderr and exit code 2."""
    parser = build_parser()
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    options.told_command = shlex.join([parser.prog, *given])  # for reports
    try:
        options.run(options)
        if sys.stdout is not None:  # closed by the shell: >&-
            sys.stdout.flush()
    except (InputError, WeightsError, MissingPackageError) as error:
        print(f"imagineid: {error}", file=sys.stderr)
        return _USER_ERROR
    except OSError as error:
        print(f"imagineid: {error}. Check the path, the rights and the disk.", file=sys.stderr)
        if isinstance(error, BrokenPipeError) and sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _USER_ERROR
    except KeyboardInterrupt:
        print("imagineid: interrupted; finished files are kept.", file=sys.stderr)
        return _INTERRUPTED
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagineid", description="Listen to a voice and imagine the person speaking."
    )
    parser.add_argument("--version", action="version", version=f"imagineid {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    sound.add_commands(commands)
    listen.add_commands(commands)
    imagine.add_commands(commands)
    face.add_commands(commands)
    corpus.add_commands(commands)
    train.add_commands(commands)
    evaluate.add_commands(commands)
    gate.add_commands(commands)
    study.add_commands(commands)
    assets.add_commands(commands)
    bench.add_commands(commands)
    return parser
