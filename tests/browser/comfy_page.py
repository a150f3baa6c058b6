"""ComfyUI's page in a browser: load a workflow, look at a node and its timeline, run it.

Knows nothing about servers, nor about what is tested.
"""

import json
from collections.abc import Mapping
from typing import Any

_MS = 1000
_START, _RUN = 240 * _MS, 540 * _MS
_READY = "() => Boolean(window.app?.graph && window.app.vueAppReady)"
_NODE = "window.app.graph._nodes.find((node) => node.type === `ImagineID_${kind}`)"
_TIMELINE = f"{_NODE}.widgets.find((widget) => widget.timeline).timeline"
_RESTS = f"""async (kind) => {{
    const element = {_NODE}.widgets.find((widget) => widget.element)?.element;
    const place = () => JSON.stringify(element?.getBoundingClientRect());
    const before = place();
    await new Promise((resolve) => setTimeout(resolve, 400));
    return place() === before;
}}"""


class ComfyPage:
    """Nodes are named by their kind, such as HeadMotion; the first of a kind is meant."""

    def __init__(self, page: Any, address: str, mode: str = "canvas") -> None:
        self.page, self.mode = page, mode
        page.set_default_timeout(_START)  # of the machine, not of ours: it may be busy
        page.goto(address)
        page.wait_for_function(_READY, timeout=_START)
        self.pause(2.5)  # extensions are set up, the last workflow is there
        page.keyboard.press("Escape")

    @property
    def frontend(self) -> tuple[int, ...]:
        told = self.page.evaluate("() => window.__COMFYUI_FRONTEND_VERSION__")
        return tuple(int(part) for part in told.split("."))

    def pause(self, seconds: float) -> None:
        self.page.wait_for_timeout(seconds * _MS)

    def load(self, workflow: Mapping[str, Any]) -> None:
        self.page.evaluate("(workflow) => window.app.loadGraphData(workflow)", workflow)
        self.pause(1)

    def saved(self) -> Any:
        """The workflow as it would be saved."""
        return self.page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")

    def prompt(self) -> Any:
        """What would be sent to run."""
        return self.page.evaluate("async () => (await window.app.graphToPrompt()).output")

    def missing(self) -> list[str]:
        """Kinds of nodes that this ComfyUI does not have."""
        return self.page.evaluate(
            """() => window.app.graph._nodes.map((node) => node.type)
                .filter((type) => !(type in window.LiteGraph.registered_node_types))"""
        )

    def set_value(self, kind: str, widget: str, value: Any) -> None:
        self.page.evaluate(
            f"([kind, name, value]) => {{ {_widget('name')}.value = value; }}",
            [kind, widget, value],
        )

    def value(self, kind: str, widget: str) -> Any:
        return self.page.evaluate(
            f"([kind, name]) => {_widget('name')}.value",
            [kind, widget],
        )

    def show(self, kind: str, scale: float = 1) -> None:
        """Scroll until a node is near the upper left."""
        self.page.evaluate(
            f"""([kind, scale]) => {{
                const [x, y] = {_NODE}.pos, {{ ds }} = window.app.canvas;
                ds.scale = scale;
                [ds.offset[0], ds.offset[1]] = [160 / scale - x, 130 / scale - y];
                window.app.canvas.setDirty(true, true);
            }}""",
            [kind, scale],
        )
        self.pause(0.8)
        self.page.wait_for_function(_RESTS, arg=kind)

    def run(self) -> None:
        """Press Run and wait for the end."""
        self.page.evaluate(
            """() => {
                window.imagineidEnd = null;
                for (const type of ["execution_success", "execution_error"]) {
                    window.comfyAPI.api.api.addEventListener(type, ({ detail }) => {
                        window.imagineidEnd = { type, detail };
                    }, { once: true });
                }
            }"""
        )
        self.page.get_by_test_id("queue-button").first.click()
        self.page.wait_for_function("() => window.imagineidEnd", timeout=_RUN)
        told = self.page.evaluate("() => window.imagineidEnd")
        assert told["type"] == "execution_success", json.dumps(told["detail"])[:2000]
        self.pause(1)

    def show_run(self, kind: str, told: Mapping[str, Any]) -> None:
        """As if the node had run and told this."""
        self.page.evaluate(
            f"([kind, told]) => {_NODE}.onExecuted({{ imagineid_timeline: [told] }})", [kind, told]
        )
        self.pause(0.3)

    def place(self, kind: str, lane: str, seconds: float, value: float) -> tuple[float, float]:
        """Where on the page a timeline shows a value of a lane."""
        return self.page.evaluate(
            f"""([kind, name, seconds, value]) => {{
                const {{ canvas, plan }} = {_TIMELINE};
                const lane = plan.lanes.find((one) => one.name === name);
                const box = canvas.getBoundingClientRect();
                const scale = box.width / canvas.clientWidth;
                return [box.left + plan.x(seconds) * scale, box.top + plan.y(lane, value) * scale];
            }}""",
            [kind, lane, seconds, value],
        )

    def coloured(self, kind: str) -> Mapping[str, int]:
        """How many pixels of each lane, right of its name, have much colour or are bright."""
        return self.page.evaluate(
            f"""(kind) => {{
                const {{ canvas, plan }} = {_TIMELINE};
                const scale = canvas.width / canvas.clientWidth;
                const context = canvas.getContext("2d");
                return Object.fromEntries(plan.lanes.map((lane) => {{
                    const {{ data }} = context.getImageData(
                        Math.ceil(plan.left * scale),
                        Math.ceil(lane.top * scale),
                        Math.floor((plan.right - plan.left) * scale),
                        Math.floor(lane.height * scale),
                    );
                    let number = 0;
                    for (let i = 0; i < data.length; i += 4) {{
                        const [most, least] = [Math.max, Math.min].map(
                            (of) => of(data[i], data[i + 1], data[i + 2]),
                        );
                        number += most - least > 24 || least > 130;
                    }}
                    return [lane.name, number];
                }}));
            }}""",
            kind,
        )

    def view(self) -> Any:
        """What must not move while a timeline is used: the graph and its nodes."""
        return self.page.evaluate(
            """() => [
                ...window.app.canvas.ds.offset,
                window.app.canvas.ds.scale,
                Object.fromEntries(window.app.graph._nodes.map(({ id, pos }) => [id, [...pos]])),
            ]"""
        )


def _widget(name: str) -> str:
    return f"{_NODE}.widgets.find((widget) => widget.name === {name})"
