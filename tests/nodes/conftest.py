"""The pack as ComfyUI would load it, over a stub of ComfyUI: `pack("listening")` is a module."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # comfy_stub
NAME = "imagineid_pack_under_test"
MODULES = ("sound", "listening", "head_motion", "face_basis", "mesh_render", "track_preview")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ComfyUI's folder."""
    home = tmp_path_factory.mktemp("comfy")
    for name in ("input", "models/imagineid"):
        (home / name).mkdir(parents=True)
    return home


@pytest.fixture(scope="module")
def pack(home: Path) -> Iterator[Callable[[str], ModuleType]]:
    from comfy_stub import stub_modules

    with pytest.MonkeyPatch.context() as patch:
        for name, module in stub_modules(home).items():
            patch.setitem(sys.modules, name, module)
        spec = importlib.util.spec_from_file_location(
            NAME, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = module
        spec.loader.exec_module(module)
        importlib.import_module(f"{NAME}.nodes.model_files").register_folder()
        yield lambda name: importlib.import_module(f"{NAME}.nodes.{name}")
    for name in [name for name in sys.modules if name.split(".")[0] == NAME]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def node(pack: Callable[[str], ModuleType]) -> Callable[[str], Any]:
    """A class of those nodes that need nothing of ComfyUI beyond the stub, by its name."""
    classes = {one.__name__: one for name in MODULES for one in pack(name).NODES}
    return classes.__getitem__
