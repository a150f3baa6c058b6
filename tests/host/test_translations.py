"""Labels and tooltips in other languages are those of the nodes as they are.

`IMAGINEID_UPDATE_GOLDEN=1` writes the English file anew; the others are people's work.
"""

import json
import os
from pathlib import Path

import pytest

LOCALES = Path(__file__).parents[2] / "locales"


def told(node):
    """What a translation says of a node, from what ComfyUI says of it."""
    inputs = {
        name: {"name": options.get("display_name", name), "tooltip": options["tooltip"]}
        for group in ("required", "optional")
        for name, (_, options) in node["input"].get(group, {}).items()
    }
    outputs = {
        str(place): {"name": name, "tooltip": tooltip}
        for place, (name, tooltip) in enumerate(
            zip(node["output_name"], node["output_tooltips"], strict=True)
        )
    }
    return {
        "display_name": node["display_name"],
        "description": node["description"],
        "inputs": inputs,
        "outputs": outputs,
    }


@pytest.fixture(scope="module")
def true(server):
    info = server.get("/object_info")
    return {name: told(node) for name, node in info.items() if name.startswith("ImagineID_")}


def names_of(nodes):
    return {name: (list(node["inputs"]), list(node["outputs"])) for name, node in nodes.items()}


def test_the_english_texts_are_those_of_the_nodes(true):
    file = LOCALES / "en" / "nodeDefs.json"
    if os.environ.get("IMAGINEID_UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(true, indent=1) + "\n", encoding="utf-8")
    assert json.loads(file.read_text(encoding="utf-8")) == true


def test_the_chinese_texts_are_for_the_same_inputs_and_outputs(true):
    nodes = json.loads((LOCALES / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))
    assert names_of(nodes) == names_of(true)


def test_comfyui_serves_both(server, true):
    served = server.get("/i18n")
    for language in ("en", "zh"):
        assert set(true) <= set(served[language]["nodeDefs"])


@pytest.mark.parametrize("page", ["ImagineID_HeadMotion.md", "ImagineID_HeadMotion/zh.md"])
def test_comfyui_serves_the_help_pages(server, page):
    text = server.get_bytes(f"/extensions/ComfyUI-ImagineID/docs/{page}").decode()
    assert "`keyframes`" in text
