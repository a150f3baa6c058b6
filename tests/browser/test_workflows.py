"""The workflows of the pack in ComfyUI's own page: they open whole, keep their values, and run."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "workflows").glob("*.json"))
PICTURES = ROOT / "out" / "browser"
NOTES = ("Note", "MarkdownNote")
SHORT = {"start_seconds": 1.0, "seconds": 0.12}  # three frames of speech
STEPS = 4


def read(name):
    return json.loads((ROOT / "workflows" / f"{name}.json").read_text(encoding="utf-8"))


def values(workflow):
    return {node["id"]: node.get("widgets_values") or [] for node in workflow["nodes"]}


def links(workflow):
    return sorted(link[:5] for link in workflow["links"])


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_workflow_opens_whole_and_is_saved_as_it_was(comfy, name):
    workflow = read(name)
    comfy.load(workflow)
    assert comfy.missing() == []
    saved = comfy.saved()
    assert links(saved) == links(workflow)
    comfy.load(saved)
    for kept in (values(saved), values(comfy.saved())):
        for number, given in values(workflow).items():
            assert kept[number][: len(given)] == given, "behind these the page may add its own"


def test_listen_imagine_runs_and_shows_the_voice_on_its_nodes(comfy):
    comfy.load(read("listen_imagine"))
    for name, value in SHORT.items():
        comfy.set_value("AudioLoader", name, value)
    comfy.set_value("AutoregressiveSampler", "steps", STEPS)
    comfy.run()
    PICTURES.mkdir(parents=True, exist_ok=True)
    version = ".".join(map(str, comfy.frontend))
    for kind in ("PADIdentity", "HeadMotion", "AutoregressiveSampler"):
        comfy.show(kind, scale=0.8)
        comfy.page.screenshot(path=str(PICTURES / f"{version}_{comfy.mode}_{kind}.png"))
    told = {
        "PADIdentity": {"sound"},
        "PADContent": {"sound", "mouth"},
        "PADEmotion": {"sound", "mouth"},
        "HeadMotion": {"sound", "mouth", "yaw", "pitch", "roll", "blink", "emotion"},
    }
    for kind, lanes in told.items():
        comfy.show(kind)
        drawn = comfy.coloured(kind)
        assert set(drawn) == lanes
        assert all(number > 100 for number in drawn.values()), drawn
