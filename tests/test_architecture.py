"""The rules of docs/decisions.md that a machine can check, read from the syntax tree."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "imagineid_core"
RANKS = {
    "values": 0,
    "errors": 0,
    "checkpoint": 0,
    "residual_block": 0,
    **dict.fromkeys(
        ["audio", "listen", "motion", "face", "render", "imagine", "video", "assets"], 1
    ),
    **dict.fromkeys(["pipeline", "performance", "interop"], 2),
    **dict.fromkeys(["corpus", "training", "evaluation", "bench"], 3),
    "cli": 4,
}
MAY_IMPORT_ITS_OWN_RANK = {3}  # a corpus is trained on and evaluated
GROUND = {"checkpoint": {"errors"}}  # rank 0 knows nothing of ours but this
HOSTS = {"comfy", "comfy_api", "comfy_extras", "folder_paths", "nodes", "server", "execution"}
NEVER = {
    "torchaudio",
    "torchvision",
    "mediapipe",
    "insightface",
    "dlib",
    "mmcv",
    "cv2",
    "facenet_pytorch",
    "moviepy",
}
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "tools", "lib"}
MAX_LINES = 450
HEAVY = {"torch", "librosa", "scipy", "soxr", "av", "diffusers", "transformers", "matplotlib"}

FILES = sorted(CORE.rglob("*.py"))
PACK = sorted((ROOT / "nodes").glob("*.py"))  # ComfyUI to core and back; nothing imports it
SYNTAX = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
LEARNS = {"training", "corpus"}  # what no user of the nodes waits for


def part_of(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported(path: Path) -> set[str]:
    ours = (name.split(".") for name in imports(SYNTAX[path]) if name.startswith("imagineid_core."))
    return {name[1] for name in ours} & set(RANKS)


def test_every_part_has_a_rank():
    parts = {part_of(path) for path in FILES} - {"__init__", "__main__"}
    assert parts <= set(RANKS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_imports_go_down_the_ranks(path):
    part = part_of(path)
    if part not in RANKS:
        return
    for other in parts_imported(path) - {part}:
        if RANKS[part] == 0:
            assert other in GROUND.get(part, set()), f"{part} imports {other}"
        elif RANKS[other] == RANKS[part]:
            assert RANKS[part] in MAY_IMPORT_ITS_OWN_RANK, f"{part} imports {other}"
        else:
            assert RANKS[other] < RANKS[part], f"{part} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_a_file_is_one_idea_with_shapes_the_checker_sees(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES, "split it"
    assert "from __future__ import annotations" not in text
    assert ast.get_docstring(SYNTAX[path]), "a module says what it is"
    assert not {path.stem, *path.relative_to(CORE).parts[:-1]} & DRAWERS


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_core_knows_no_host_and_nothing_that_breaks_installs(path):
    tops = {name.split(".")[0] for name in imports(SYNTAX[path])}
    assert not tops & HOSTS
    assert not tops & NEVER


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_core_does_not_print_unpickle_or_reach_for_a_device(path):
    allowed_to_print = part_of(path) in {"cli", "bench"}
    for node in ast.walk(SYNTAX[path]):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in line {node.lineno}"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called != "print" or allowed_to_print, f"print in line {node.lineno}"
        assert not called.endswith(".cuda"), f".cuda() in line {node.lineno}"
        assert not called.startswith("pickle."), f"pickle in line {node.lineno}"
        if called == "torch.load":
            options = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert options.get("weights_only") == "True", f"torch.load in line {node.lineno}"


@pytest.mark.parametrize("path", PACK, ids=lambda path: path.name)
def test_the_pack_is_light_and_breaks_no_install(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= MAX_LINES, "split it"
    assert ast.get_docstring(tree) or path.name == "__init__.py", "a module says what it is"
    assert path.stem not in DRAWERS
    assert not any(
        isinstance(node, ast.Call) and ast.unparse(node.func) == "print" for node in ast.walk(tree)
    )
    named = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert not {name.split(".")[0] for name in named} & NEVER
    assert not {name.split(".")[1] for name in named if name.startswith("imagineid_core.")} & LEARNS


def test_configs_and_values_are_frozen_and_keyword_only():
    for path, tree in SYNTAX.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Config"):
                marks = [ast.unparse(mark) for mark in node.decorator_list]
                assert "dataclass(frozen=True, kw_only=True)" in marks, f"{path.name}: {node.name}"


def pyproject():
    tomllib = pytest.importorskip("tomllib", reason="the standard library reads TOML from 3.11 on")
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_import_of_a_package_is_declared():
    project = pyproject()
    lines = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    declared = {line.split(">")[0].split("[")[0].lower() for line in lines}
    named = {"PIL": "pillow", "pytorch3d": "pytorch3d"}
    for path, tree in SYNTAX.items():
        for top in {name.split(".")[0] for name in imports(tree)}:
            if top in sys.stdlib_module_names or top == "imagineid_core":
                continue
            assert named.get(top, top).lower() in declared, f"{path.name} imports {top}"


def test_requirements_are_lower_bounds_only():
    project = pyproject()
    for line in project["dependencies"]:
        assert ">=" in line, line
        assert not set("=<~!,") & set(line.replace(">=", "", 1)), line


def test_managers_of_packs_install_the_same():
    """ComfyUI-Manager clones a pack and installs its requirements.txt, not its pyproject."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == pyproject()["dependencies"]


def test_importing_the_package_is_light():
    """A pack that loads torch at import slows everybody's start."""
    for top in imports(SYNTAX[CORE / "__init__.py"]):
        assert top.split(".")[0] not in HEAVY
