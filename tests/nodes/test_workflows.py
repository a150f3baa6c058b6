"""The workflows that come with the pack, as files; tests/host runs them."""

import itertools
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "workflows").glob("*.json"))
OURS = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
TITLE = 30  # pixels above a node's own rectangle


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def workflow(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def rectangle(node):
    (left, top), (width, height) = node["pos"], node["size"]
    return left, top - TITLE, left + width, top + height


def test_there_is_one_to_begin_with():
    assert "listen_imagine" in [file.stem for file in FILES]


def test_each_has_a_picture_of_the_same_name():
    assert [file.stem for file in FILES] == sorted(
        file.stem for file in (ROOT / "workflows").glob("*.jpg")
    )


def test_our_nodes_and_their_outputs_exist(workflow):
    for node in workflow["nodes"]:
        if node["type"].startswith("ImagineID_"):
            told = OURS[node["type"]]
            assert {slot["name"] for slot in node["inputs"]} <= set(told["inputs"])
            named = [output["name"] for output in told["outputs"].values()]
            assert [slot["name"] for slot in node["outputs"]] == named


def test_both_ends_of_every_link_know_it(workflow):
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for number, origin, from_slot, target, to_slot, kind in workflow["links"]:
        given, taken = nodes[origin]["outputs"][from_slot], nodes[target]["inputs"][to_slot]
        assert number in given["links"]
        assert number == taken["link"]
        assert given["type"] == taken["type"] == kind
    numbers = sorted(link[0] for link in workflow["links"])
    held = [slot["link"] for node in nodes.values() for slot in node["inputs"]]
    assert sorted(number for number in held if number is not None) == numbers
    slots = [slot for node in nodes.values() for slot in node["outputs"]]
    assert sorted(itertools.chain.from_iterable(slot["links"] or [] for slot in slots)) == numbers


def test_numbers_are_used_once_and_counted(workflow):
    for name, numbers in (
        ("node", [node["id"] for node in workflow["nodes"]]),
        ("link", [link[0] for link in workflow["links"]]),
    ):
        assert len(set(numbers)) == len(numbers)
        assert max(numbers) == workflow[f"last_{name}_id"]


def test_links_run_from_left_to_right(workflow):
    left = {node["id"]: node["pos"][0] for node in workflow["nodes"]}
    assert all(left[link[1]] < left[link[3]] for link in workflow["links"])


def test_no_node_lies_on_another(workflow):
    for one, other in itertools.combinations(workflow["nodes"], 2):
        a, b = rectangle(one), rectangle(other)
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one['type']} and {other['type']}"


def test_every_node_but_the_note_lies_in_one_group(workflow):
    assert [node["type"] for node in workflow["nodes"]].count("Note") == 1
    for node in workflow["nodes"]:
        left, top, right, bottom = rectangle(node)
        around = [
            group["title"]
            for group in workflow["groups"]
            for x, y, width, height in [group["bounding"]]
            if x <= left and y <= top and right <= x + width and bottom <= y + height
        ]
        assert len(around) == (node["type"] != "Note"), node["type"]
