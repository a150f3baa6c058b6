"""The packages of the `train` extra, imported where they are used.

Knows their names and the line that installs them.
"""

from importlib import import_module
from types import ModuleType

from imagineid_core.errors import MissingPackageError


def training_package(name: str) -> ModuleType:
    """The imported module, or an error that says how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f"training needs the package '{name.split('.')[0]}', which cannot be imported "
            f"({error}). Install it with: pip install 'comfyui-imagineid[train]'"
        ) from error
