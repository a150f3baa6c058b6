"""Errors a user can cause, each in three parts: what is wrong, which input, what to do.

Knows nothing about what is checked; every message is written where the check stands.
"""


class InputError(ValueError):
    """An input that cannot be used as it is. Nothing was changed and nothing was written."""


class WeightsError(ValueError):
    """A checkpoint that is missing, of another part, of another size, or incomplete."""


class MissingPackageError(ImportError):
    """An optional package is needed for this. The message names the line that installs it."""
