"""Which core the pack takes: nodes and library of one release belong together."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LOAD = """
import importlib.util, sys
sys.path.insert(0, {installed!r})
spec = importlib.util.spec_from_file_location(
    "pack", {pack!r} + "/__init__.py", submodule_search_locations=[{pack!r}]
)
module = importlib.util.module_from_spec(spec)
sys.modules["pack"] = module
spec.loader.exec_module(module)
import imagineid_core.errors
print(imagineid_core.errors.__file__)
print(*(name for name in ("tests", "nodes", "web") if importlib.util.find_spec(name)))
"""


def test_the_core_beside_the_pack_wins_over_an_installed_one(tmp_path):
    other = tmp_path / "imagineid_core"
    other.mkdir()
    for name in ("__init__", "errors"):
        (other / f"{name}.py").write_text("", encoding="utf-8")
    code = _LOAD.format(installed=str(tmp_path), pack=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    taken, *others = done.stdout.splitlines()
    assert Path(taken).parents[1] == ROOT
    assert others == [""], "the pack's other folders stay its own"
