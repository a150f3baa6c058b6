"""The `--seed` of a command: a number that every random generator below takes."""

import argparse

_LARGEST = 2**63 - 1


def seed_number(text: str) -> int:
    """For argparse, which puts the option's name before the message."""
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed <= _LARGEST:
        raise argparse.ArgumentTypeError(
            f"{text} is no seed. Give a whole number from 0 to {_LARGEST}."
        )
    return seed
