"""How the pack loads beside a real ComfyUI: fast, quiet, and by the names that our stub has."""

import inspect
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_LOAD = """
import asyncio, importlib.util, sys, time
sys.argv = ["main.py", "--cpu"]
sys.path.insert(0, {comfy!r})
import comfy.options
comfy.options.enable_args_parsing()
import nodes, comfy.sample, comfy_api.latest, latent_preview, numpy, safetensors.torch
before = set(sys.modules)
begun = time.process_time()
spec = importlib.util.spec_from_file_location(
    {pack!r}, {pack!r} + "/__init__.py", submodule_search_locations=[{pack!r}]
)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
extension = asyncio.run(module.comfy_entrypoint())
found = asyncio.run(extension.get_node_list())
print("SECONDS", time.process_time() - begun)
print("NODES", len(found))
print("LOADED", *sorted({{name.split(".")[0] for name in set(sys.modules) - before}}))
"""


@pytest.fixture(scope="module")
def told(comfy_path, comfy_python, tmp_path_factory):
    """What loading the pack prints, line by line; its folder has a space and an umlaut."""
    pack = tmp_path_factory.mktemp("packs") / "Imagine IDé"
    pack.symlink_to(ROOT, target_is_directory=True)
    code = _LOAD.format(comfy=str(comfy_path), pack=str(pack))
    done = subprocess.run(
        [comfy_python, "-W", "ignore", "-c", code],
        cwd=comfy_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def test_loading_the_pack_takes_less_than_half_a_second(told):
    """Of the processor: the wall clock also counts what else the machine does."""
    assert float(told["SECONDS"]) < 0.5


def test_loading_the_pack_loads_nothing_heavy_and_prints_nothing(told):
    loaded = set(told["LOADED"].split())
    assert not loaded & {"librosa", "diffusers", "matplotlib", "numba", "sklearn"}
    assert set(told) == {"SECONDS", "NODES", "LOADED"}
    assert int(told["NODES"]) >= 9


_COMPARE = """
import sys
sys.argv = ["main.py", "--cpu"]
sys.path[:0] = [{comfy!r}, {stub!r}]
import comfy.options
comfy.options.enable_args_parsing()
import importlib, inspect, types, pathlib
import nodes
import comfy_stub
def names(stub, real, path):
    for name, held in vars(stub).items():
        if name.startswith("__"):
            continue
        if not hasattr(real, name):
            yield f"{{path}}.{{name}} is not there"
            continue
        true = getattr(real, name)
        if isinstance(held, types.ModuleType) or isinstance(held, types.SimpleNamespace):
            yield from names(held, true, f"{{path}}.{{name}}")
        elif isinstance(held, type) and hasattr(held, "Input"):
            yield from lacking(held.Input, true.Input, f"{{path}}.{{name}}.Input")
            yield from lacking(held.Output, true.Output, f"{{path}}.{{name}}.Output")
            if true.io_type != held.io_type:
                yield f"{{path}}.{{name}} is {{true.io_type}}"
        elif callable(held):
            yield from lacking(held, true, f"{{path}}.{{name}}")
def lacking(stub, real, path):
    known = inspect.signature(real).parameters
    if any(one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) for one in known.values()):
        return
    for name in inspect.signature(stub).parameters:
        if name not in known:
            yield f"{{path}} takes no {{name}}"
wrong = []
for name, stub in comfy_stub.stub_modules(pathlib.Path("/none")).items():
    wrong += names(stub, importlib.import_module(name), name)
print("WRONG", *wrong, sep="\\n")
"""


def test_the_stub_of_the_other_tests_is_like_the_real_one(comfy_path, comfy_python):
    code = _COMPARE.format(comfy=str(comfy_path), stub=str(ROOT / "tests" / "nodes"))
    done = subprocess.run(
        [comfy_python, "-W", "ignore", "-c", inspect.cleandoc(code)],
        cwd=comfy_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["WRONG"], done.stdout
