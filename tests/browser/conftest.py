"""ComfyUI's page, as nodes are drawn on a canvas and as Vue nodes.

COMFYUI_PATH names a checkout, COMFYUI_PYTHON its interpreter, COMFYUI_FRONTEND another front end's
folder (with its index.html), CHROMIUM the browser. What is missing is said and the tests skipped.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.comfy_page import ComfyPage
from host.comfy_server import ComfyServer

_VUE_NODES_SINCE = (1, 58)  # they are a preview in front ends before
_SIZE = {"width": 1400, "height": 900}


@pytest.fixture(scope="session")
def comfy_path() -> Path:
    place = os.environ.get("COMFYUI_PATH")
    if not place:
        pytest.skip("COMFYUI_PATH names no ComfyUI checkout")
    return Path(place)


@pytest.fixture(scope="session")
def server(comfy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    frontend = os.environ.get("COMFYUI_FRONTEND")
    running = ComfyServer(
        comfy_path,
        os.environ.get("COMFYUI_PYTHON", sys.executable),
        tmp_path_factory.mktemp("comfy") / "Cömfy UI",
        options=("--front-end-root", frontend) if frontend else (),
    )
    yield running
    running.stop()


@pytest.fixture(scope="package")  # while one runs, no other module can start its own
def browser(comfy_path: Path) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not program:
        pytest.skip("there is no Chromium; CHROMIUM names none")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="package", params=[False, True], ids=["canvas", "vue"])
def comfy(request: pytest.FixtureRequest, browser: Any, server: ComfyServer) -> Iterator[ComfyPage]:
    settings = {
        "Comfy.VueNodes.Enabled": request.param,
        "Comfy.TutorialCompleted": True,
        "Comfy.Locale": "en",
        "Comfy.ColorPalette": "dark",
    }
    server.post("/settings", settings)
    page = browser.new_page(viewport=_SIZE)
    opened = ComfyPage(page, server.address, "vue" if request.param else "canvas")
    if request.param and opened.frontend < _VUE_NODES_SINCE:
        page.close()
        pytest.skip("this front end has no finished Vue nodes")
    yield opened
    page.close()
