"""The timeline of Head Motion under a person's hands: its curves, its keys, and what is saved."""

import json
import math

import pytest
import torch
from browser.test_workflows import read

from imagineid_core.motion.keyframes import interpolate

KIND = "HeadMotion"
SCRIPTS = "/extensions/ComfyUI-ImagineID/js"
WAVE = [abs(math.sin(i / 7)) for i in range(200)]
RUN = {
    "version": 1,
    "seconds": 4.0,
    "fps": 25.0,
    "wave": WAVE,
    "mouth": [6 * height for height in WAVE[:100]],
    "yaw": [8 * math.sin(i / 9) for i in range(100)],
    "pitch": [5 * math.cos(i / 9) for i in range(100)],
    "roll": [3 * math.sin(i / 20) for i in range(100)],
    "blink": [float(40 < i < 46) for i in range(100)],
    "emotion": [1.0] * 100,
}


def text(*keys):
    return json.dumps({"v": 1, "keys": list(keys)}, separators=(",", ":"))


@pytest.fixture
def timeline(comfy):
    """The page with Head Motion in sight and nothing drawn."""
    comfy.load(read("listen_imagine"))
    comfy.show(KIND)
    return comfy


def keys(comfy):
    return json.loads(comfy.value(KIND, "keyframes"))["keys"]


def saved_keys(comfy):
    """Of the workflow's file, and of what would be run."""
    (node,) = [one for one in comfy.saved()["nodes"] if one["type"] == f"ImagineID_{KIND}"]
    (sent,) = [
        one["inputs"]["keyframes"]
        for one in comfy.prompt().values()
        if one["class_type"] == f"ImagineID_{KIND}"
    ]
    assert sent == node["widgets_values"][9]
    return json.loads(sent)["keys"]


def give(comfy, *given):
    comfy.set_value(KIND, "keyframes", text(*given))
    comfy.pause(0.5)


def drag(comfy, begin, end):
    mouse = comfy.page.mouse
    mouse.move(*begin)
    mouse.down()
    mouse.move(*end, steps=5)
    mouse.up()
    comfy.pause(0.5)


def test_lanes_are_empty_before_a_run_and_drawn_after_it(timeline):
    before = timeline.coloured(KIND)
    timeline.show_run(KIND, RUN)
    after = timeline.coloured(KIND)
    grown = {name: after[name] - before[name] for name in after}
    assert all(number > 150 for number in grown.values()), grown


def test_a_dragged_key_is_in_the_workflow_and_nothing_else_moves(timeline):
    timeline.show_run(KIND, RUN)
    give(timeline, {"t": 1, "yaw": 4}, {"t": 3, "yaw": -2})
    before = timeline.view()
    drag(timeline, timeline.place(KIND, "yaw", 1, 4), timeline.place(KIND, "yaw", 2, -6))
    first, second = saved_keys(timeline)
    assert first["t"] == pytest.approx(2, abs=0.05)
    assert first["yaw"] == pytest.approx(-6, abs=1)
    assert second == {"t": 3, "yaw": -2}
    assert timeline.view() == before


def test_a_double_click_sets_a_key_where_it_is(timeline):
    timeline.page.mouse.dblclick(*timeline.place(KIND, "pitch", 2, 5))
    timeline.pause(0.5)
    (key,) = saved_keys(timeline)
    assert key == {"t": pytest.approx(2, abs=0.05), "pitch": pytest.approx(5, abs=1)}


def test_a_drawn_blink_opens_the_eyes_again_and_moves_as_one(timeline):
    timeline.page.mouse.dblclick(*timeline.place(KIND, "blink", 1, 0.5))
    timeline.pause(0.5)
    assert [key["blink"] for key in saved_keys(timeline)] == [0, 1, 0]
    at = keys(timeline)[1]["t"]
    drag(timeline, timeline.place(KIND, "blink", at, 1), timeline.place(KIND, "blink", 3, 1))
    moved = saved_keys(timeline)
    assert [key["blink"] for key in moved] == [0, 1, 0]
    assert [key["t"] for key in moved] == pytest.approx([2.88, 3, 3.12], abs=0.05)
    timeline.page.keyboard.press("Delete")
    timeline.pause(0.5)
    assert saved_keys(timeline) == []


def test_the_keyboard_moves_and_removes_a_key_and_leaves_the_node(timeline):
    give(timeline, {"t": 1, "roll": 2})
    timeline.page.mouse.click(*timeline.place(KIND, "roll", 1, 2))
    for key in ("ArrowRight", "ArrowUp", "Shift+ArrowRight"):
        timeline.page.keyboard.press(key)
    timeline.pause(0.5)
    assert saved_keys(timeline) == [{"t": 1.44, "roll": 2.5}]
    for key in ("Delete", "Delete", "Backspace"):
        timeline.page.keyboard.press(key)
    timeline.pause(0.5)
    assert saved_keys(timeline) == []


def test_it_says_what_is_chosen_to_who_cannot_see_it(timeline):
    give(timeline, {"t": 1, "yaw": 4})
    timeline.page.mouse.click(*timeline.place(KIND, "yaw", 1, 4))
    shown = timeline.page.get_by_role("application", name="Timeline: yaw 4.0°, 1 s")
    assert shown.count() == 1


def test_undo_takes_a_drag_back(timeline):
    timeline.show_run(KIND, RUN)
    timeline.page.mouse.dblclick(*timeline.place(KIND, "yaw", 1, 4))
    timeline.pause(1)
    before = keys(timeline)
    (key,) = before
    begin = timeline.place(KIND, "yaw", key["t"], key["yaw"])
    drag(timeline, begin, (begin[0] + 50, begin[1]))
    timeline.pause(1)
    assert keys(timeline) != before
    timeline.page.keyboard.press("Control+z")
    timeline.pause(2)
    assert keys(timeline) == before


def test_what_is_no_track_is_shown_as_such_and_kept(timeline):
    timeline.set_value(KIND, "keyframes", "1.5")
    timeline.pause(0.5)
    timeline.page.mouse.click(*timeline.place(KIND, "yaw", 1, 4))
    assert timeline.value(KIND, "keyframes") == "1.5"
    timeline.page.mouse.dblclick(*timeline.place(KIND, "yaw", 1, 4))
    timeline.pause(0.5)
    assert len(keys(timeline)) == 1


def test_curves_are_those_of_the_core(timeline):
    times, heights = [0.2, 0.5, 1.1, 2.4, 3.0], [0.0, 1.0, 1.0, -3.0, 2.0]
    at = [i / 25 for i in range(90)]
    points = [{"t": t, "value": value} for t, value in zip(times, heights, strict=True)]
    for number in (1, 2, 3, 5):
        drawn = timeline.page.evaluate(
            f"""async ([points, at]) => {{
                const {{ curveThrough }} = await import("{SCRIPTS}/curve.js");
                return at.map(curveThrough(points));
            }}""",
            [points[:number], at],
        )
        values = torch.tensor(heights[:number], dtype=torch.float64)[:, None]
        true = interpolate(times[:number], values, at)[:, 0]
        assert drawn == pytest.approx(true.tolist(), abs=1e-9)


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_every_colour_stands_out(timeline, palette):
    set_palette = (
        """(name) => window.app.extensionManager.setting.set("Comfy.ColorPalette", name)"""
    )
    timeline.page.evaluate(set_palette, palette)
    timeline.pause(1)
    told = timeline.page.evaluate(
        f"""async () => {{
            const {{ coloursOf, contrast }} = await import("{SCRIPTS}/theme.js");
            const {{ background, lanes, ink, faint }} = coloursOf(document.body);
            const against = (colour) => contrast(colour, background);
            return {{
                text: [ink, faint].map(against),
                lanes: Object.values(lanes).map(against),
            }};
        }}"""
    )
    timeline.page.evaluate(set_palette, "dark")
    assert min(told["text"]) >= 4.5, "WCAG 2, 1.4.3"
    assert min(told["lanes"]) >= 3, "WCAG 2, 1.4.11"
