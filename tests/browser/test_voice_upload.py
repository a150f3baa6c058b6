"""Audio Loader takes a file from the browser, plays it, and has it in the workflow."""

from contextlib import suppress

import pytest
import sounds
from browser.comfy_page import ComfyPage
from browser.test_workflows import read

KIND = "AudioLoader"
_CLICKS = 3


@pytest.fixture
def voice(tmp_path):
    return sounds.write_sound(tmp_path / "a voice é.wav", sounds.tone(1.0, 16_000), 16_000)


@pytest.fixture
def fresh(comfy, browser, server):
    """A page of its own: with front end 1.58 on a canvas the chooser stays shut after a Delete."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    yield ComfyPage(page, server.address, comfy.mode)
    page.close()


def choose(comfy, voice):
    if comfy.mode == "vue":
        comfy.page.get_by_text("sample: hello.wav").first.click()
        comfy.page.get_by_label("Upload", exact=True).first.set_input_files(str(voice))
        comfy.page.keyboard.press("Escape")
        return
    button = comfy.page.evaluate(
        """() => {
            const { canvas, ds, graph } = window.app.canvas;
            const node = graph._nodes.find(({ type }) => type === "ImagineID_AudioLoader");
            const { last_y } = node.widgets.find(({ type }) => type === "button");
            const box = canvas.getBoundingClientRect();
            return [
                box.left + (node.pos[0] + node.size[0] / 2 + ds.offset[0]) * ds.scale,
                box.top + (node.pos[1] + last_y + 10 + ds.offset[1]) * ds.scale,
            ];
        }"""
    )
    from playwright.sync_api import TimeoutError as NothingOpened

    comfy.page.bring_to_front()
    for _ in range(_CLICKS):  # a browser opens no chooser seconds behind a click
        with suppress(NothingOpened):
            with comfy.page.expect_file_chooser(timeout=10_000) as asked:
                comfy.page.mouse.click(*button)
            asked.value.set_files(str(voice))
            return
    raise AssertionError(f"{_CLICKS} clicks on the button opened no file chooser")


def test_a_file_of_the_browser_becomes_the_voice(fresh, voice):
    comfy = fresh
    workflow = read("listen_imagine")
    (loader,) = [one for one in workflow["nodes"] if one["type"] == f"ImagineID_{KIND}"]
    comfy.load(workflow)
    comfy.show(KIND)
    choose(comfy, voice)
    comfy.pause(2.5)
    assert comfy.value(KIND, "audio") == voice.name
    sent = comfy.prompt()[str(loader["id"])]
    assert sent["inputs"]["audio"] == voice.name
    assert sent["inputs"]["seconds"] == 3
    heard = comfy.page.evaluate(
        "() => [...document.querySelectorAll('audio')].map((a) => a.duration)"
    )
    assert heard == [pytest.approx(1.0, abs=0.05)]
