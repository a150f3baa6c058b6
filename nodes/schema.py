"""Nodes declared shortly, on every V3 API since ComfyUI 0.3.64; wires are checked in our words.

What an older ComfyUI does not know of a schema or an input is left out. Knows nothing about what
nodes do.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from comfy_api.latest import io

from .sockets import MAKERS

PREFIX = "ImagineID_"


def node_schema(
    name: str,
    display_name: str,
    category: str,
    description: str,
    *,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    **more: Any,
) -> io.Schema:
    """The schema of node ImagineID_<name>, listed under ImagineID/<category>."""
    return known(
        io.Schema,
        node_id=f"{PREFIX}{name}",
        display_name=display_name,
        category=f"ImagineID/{category}",
        description=description,
        inputs=list(inputs),
        outputs=list(outputs),
        search_aliases=["ImagineID", display_name],
        **more,
    )


def takes(kind: Any, name: str, tooltip: str, **options: Any) -> Any:
    """An input of a ComfyUI type or of one of ours."""
    return known(kind.Input, id=name, tooltip=tooltip, **options)


def gives(kind: Any, name: str, tooltip: str, **options: Any) -> Any:
    """An output; its label is its name unless `display_name` says otherwise."""
    options = {"display_name": name, **options}
    return known(kind.Output, id=name, tooltip=tooltip, **options)


def known(make: Callable[..., Any], **options: Any) -> Any:
    """Call with those options that this ComfyUI knows."""
    names = inspect.signature(make).parameters
    return make(**{name: value for name, value in options.items() if name in names})


class ImagineNode(io.ComfyNode):
    """A node whose wires and values are refused in three parts: what, which, what to do."""

    @classmethod
    def validate_inputs(cls, input_types: Mapping[str, Any] | None = None) -> bool | str:
        return refusal(cls, input_types)


def refusal(
    node: type[io.ComfyNode],
    input_types: Mapping[str, Any] | None,
    *checks: Callable[[], Any],
) -> bool | str:
    """True, or what is wrong with the wires, or what the first failing check of a value says."""
    schema = node.define_schema()
    taken = {one.id: str(one.get_io_type()) for one in schema.inputs or []}
    for name, given in (input_types or {}).items():
        if not _fits(given, taken[name]):
            maker = MAKERS.get(taken[name])
            remedy = f", for example that of '{maker}'" if maker else ""
            return (
                f"'{name}' of {schema.display_name} takes {taken[name]} but is wired to {given}. "
                f"Connect an output of {taken[name]}{remedy}."
            )
    try:
        for check in checks:
            check()
    except ValueError as error:  # InputError and WeightsError
        return str(error)
    return True


def _fits(given: Any, taken: str) -> bool:
    """As ComfyUI joins types: one of several, or anything; old nodes give a list of choices."""
    if not isinstance(given, str):
        return taken == "COMBO"
    kinds = set(taken.split(","))
    return "*" in (given, taken) or set(given.split(",")) <= kinds
