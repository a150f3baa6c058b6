"""A real ComfyUI on the CPU with our pack in it, spoken to over HTTP as a browser would.

Its folder has a space and a letter beyond ASCII in its name. Knows nothing about what is tested.
"""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACK = "ComfyUI-ImagineID"
_START_SECONDS, _RUN_SECONDS = 240, 540


class ComfyServer:
    def __init__(
        self, comfy: Path, python: str, home: Path, *, options: Sequence[str] = ()
    ) -> None:
        self.home, self.log = home, home / "server.log"
        packs = home / "custom_nodes"
        packs.mkdir(parents=True)
        (packs / PACK).symlink_to(ROOT, target_is_directory=True)
        for name in ("input", "models/imagineid"):
            (home / name).mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(python, "-W", "ignore", "main.py", "--cpu", "--disable-auto-launch"),
                    *("--listen", "127.0.0.1", "--port", str(self.port)),
                    *("--base-directory", str(home), "--database-url", "sqlite:///:memory:"),
                    *("--disable-api-nodes", *options),
                ],
                cwd=comfy,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.address}{path}", timeout=60) as answer:
            return json.loads(answer.read())

    def get_bytes(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.address}{path}", timeout=60) as answer:
            return answer.read()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer, also that of a refused prompt."""
        request = urllib.request.Request(
            f"{self.address}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return json.loads(error.read())

    def submit(self, prompt: Mapping[str, Any]) -> str:
        """As a page does, which has a name: to who has none 0.8.0 tells nothing of cached nodes."""
        answer = self.post("/prompt", {"prompt": prompt, "client_id": "tests"})
        assert "prompt_id" in answer, json.dumps(answer, indent=1)
        return answer["prompt_id"]

    def run(self, prompt: Mapping[str, Any]) -> Mapping[str, Any]:
        """The history of a prompt that has ended, well or not."""
        number = self.submit(prompt)
        end = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < end:
            history = self.get(f"/history/{number}")
            if number in history:
                return history[number]
            time.sleep(0.1)
        raise TimeoutError(f"{number} has not ended in {_RUN_SECONDS} s; see {self.log}")

    def outputs(self, prompt: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the nodes of a prompt told; the prompt must end well."""
        history = self.run(prompt)
        assert history["status"]["status_str"] == "success", messages_of(history, "execution_error")
        return history["outputs"]

    def refusal(self, prompt: Mapping[str, Any]) -> str:
        """Why a prompt is not even begun: the texts at its red nodes."""
        answer = self.post("/prompt", {"prompt": prompt})
        errors = [one for node in answer["node_errors"].values() for one in node["errors"]]
        return "\n".join(f"{one['message']}: {one['details']}" for one in errors)

    def failure(self, prompt: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is told of the node at which a prompt stops."""
        (told,) = messages_of(self.run(prompt), "execution_error")
        return told

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _wait(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.get("/system_stats")
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"ComfyUI did not start:\n{self.log.read_text()[-4000:]}")


def messages_of(history: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [told for name, told in history["status"]["messages"] if name == kind]
