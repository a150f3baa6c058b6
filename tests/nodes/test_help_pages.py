"""The help page of each node, in English and Chinese, names every input as the node has it."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "web" / "docs"
NODES = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
WITH_PAGE = sorted(page.stem for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("name", WITH_PAGE)
@pytest.mark.parametrize("page", ["{}.md", "{}/zh.md"])
def test_a_page_names_every_input_of_its_node(name, page):
    text = (DOCS / page.format(name)).read_text(encoding="utf-8")
    for input_name in NODES[name]["inputs"]:
        assert f"| `{input_name}`" in text


def test_every_node_has_a_page():
    assert set(NODES) == set(WITH_PAGE)


def test_chinese_has_the_same_nodes_inputs_and_outputs_as_english():
    chinese = json.loads((ROOT / "locales" / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))
    assert {name: list(told["inputs"]) for name, told in chinese.items()} == {
        name: list(told["inputs"]) for name, told in NODES.items()
    }


def test_the_texts_of_the_files_are_those_of_the_schemas(node, pack):
    """For the nodes that the stub can build; tests/host compares all of them."""
    for module in ("listening", "head_motion", "face_basis", "mesh_render", "track_preview"):
        for one in pack(module).NODES:
            schema = one.define_schema()
            told = NODES[schema.node_id]
            assert told["description"] == schema.description
            assert {name: held["tooltip"] for name, held in told["inputs"].items()} == {
                taken.id: taken.tooltip for taken in schema.inputs
            }
