"""ComfyUI-ImagineID for ComfyUI: listen to a voice, imagine the person, make them talk.

Knows nothing about what the nodes do; importing it loads none of them.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

WEB_DIRECTORY = "./web"

_CORE = "imagineid_core"


async def comfy_entrypoint() -> Any:
    """ComfyUI's V3 entry: the extension that lists our nodes."""
    from .nodes.extension import ImagineIDExtension

    return ImagineIDExtension()


def _make_core_importable() -> None:
    """The library beside this file; an installed one may be of another release than the nodes.

    Nothing else becomes importable.
    """
    if _CORE in sys.modules:
        return
    folder = Path(__file__).parent / _CORE
    spec = importlib.util.spec_from_file_location(
        _CORE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_CORE] = module
    spec.loader.exec_module(module)


_make_core_importable()
