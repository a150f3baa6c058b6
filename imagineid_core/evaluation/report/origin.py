"""How a report was made: the command, versions, seeds and the weights' hashes.

Knows nothing about what was measured.
"""

import html
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from imagineid_core import __version__
from imagineid_core.evaluation.page import table

_PACKAGES = ("numpy", "scipy", "av", "Pillow", "diffusers", "transformers")


def made_by(command: str, **settings: Any) -> dict[str, Any]:
    """`settings`: seeds, steps, hashes of weights and whatever else decides the result."""
    return {
        "command": command,
        **settings,
        "versions": {"imagineid": __version__, "torch": torch.__version__, **_installed()},
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def origin_tables(about: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> str:
    """`parts`: what each set says of itself; what it has in common with the page is left out."""
    tables = [_facts(about)]
    for name, one in parts.items():
        own = {key: value for key, value in one.items() if about.get(key) != value}
        tables.append(f"<h3>{html.escape(name)}</h3>{_facts(own)}")
    return "".join(tables)


def _facts(about: Mapping[str, Any]) -> str:
    hashes = about.get("weights", {})
    rows = []
    for name, value in about.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {one}" for key, one in value.items())
        if name != "weights" and value is not None:
            rows.append([name, str(value)])
    drawn = table(["what", "which"], rows) if rows else ""
    if hashes:
        cells = [
            [name, f'<td class="hash">{html.escape(one)}</td>'] for name, one in hashes.items()
        ]
        drawn += table(["weights", "SHA-256"], cells)
    return drawn


def _installed() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
