"""A workflow as the browser saves it, to the prompt that the browser would send.

Knows the kinds of widgets that our workflows have, and nothing about servers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from host.graphs import Prompt, node

Info = Mapping[str, Any]  # /object_info

NOTES = ("Note", "MarkdownNote")
_WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
_SEEDS = ("seed", "noise_seed")  # behind these the browser puts a widget of its own
_AFTER_GENERATE = {"fixed", "increment", "decrement", "randomize"}


def prompt_of(workflow: Mapping[str, Any], info: Info) -> Prompt:
    origins = {number: [str(origin), slot] for number, origin, slot, *_ in workflow["links"]}
    prompt = {}
    for one in workflow["nodes"]:
        if one["type"] in NOTES:
            continue
        values = {name: value for name, value, _ in widgets(one, info)}
        wires = {
            slot["name"]: origins[slot["link"]]
            for slot in one["inputs"]
            if slot["link"] is not None
        }
        prompt[str(one["id"])] = node(one["type"], **values, **wires)
    return prompt


def widgets(one: Mapping[str, Any], info: Info) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Name, value and options of every widget; as many values as the browser would save."""
    values = list(one["widgets_values"])
    for name, kind, options in inputs(one["type"], info):
        if kind not in _WIDGETS:
            continue
        assert values, f"{one['type']} has no value for {name}"
        yield name, values.pop(0), options
        if name in _SEEDS:
            assert values, f"{one['type']} does not say what becomes of {name}"
            assert values.pop(0) in _AFTER_GENERATE
    assert not values, f"{one['type']} has {values} too many"


def inputs(kind: str, info: Info) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Name, type and options of every input, in the order of the schema."""
    for group in ("required", "optional"):
        for name, (taken, *rest) in info[kind]["input"].get(group, {}).items():
            options = dict(rest[0]) if rest else {}
            if isinstance(taken, list):  # the choices, in nodes of the older kind
                taken, options["options"] = "COMBO", taken
            yield name, taken, options
