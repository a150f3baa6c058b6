"""One server for all host tests: COMFYUI_PATH names a checkout, COMFYUI_PYTHON its interpreter."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from host.comfy_server import ComfyServer


@pytest.fixture(scope="session")
def comfy_path() -> Path:
    place = os.environ.get("COMFYUI_PATH")
    if not place:
        pytest.skip("COMFYUI_PATH names no ComfyUI checkout")
    return Path(place)


@pytest.fixture(scope="session")
def comfy_python() -> str:
    return os.environ.get("COMFYUI_PYTHON", sys.executable)


@pytest.fixture(scope="session")
def server(
    comfy_path: Path, comfy_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComfyServer]:
    home = tmp_path_factory.mktemp("comfy") / "Cömfy UI"
    running = ComfyServer(comfy_path, comfy_python, home)
    yield running
    running.stop()
