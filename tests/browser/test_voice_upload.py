"""Audio Loader takes a file from the browser, plays it, and has it in the workflow."""

import pytest
import sounds
from browser.test_workflows import read

KIND = "AudioLoader"
_OPENS = 30  # seconds
_HEARS = """(name) => {
    const { nodes } = window.app.graph;
    const players = [...document.querySelectorAll("audio")];
    const isThere = nodes.some(({ widgets }) => widgets?.some(({ value }) => value === name));
    return isThere && players.length > 0 && players.every(({ duration }) => duration > 0);
}"""


@pytest.fixture
def voice(tmp_path):
    return sounds.write_sound(tmp_path / "a voice é.wav", sounds.tone(1.0, 16_000), 16_000)


@pytest.fixture
def choosers(comfy):
    """The file choosers that open, listened for from before the first click.

    `expect_file_chooser` begins to listen beside the click. On a busy machine the click may come
    first, three in sixteen did: the page asks for a chooser, by the user's hand, and none is told.
    """
    opened = []

    def note(chooser):
        opened.append(chooser)

    comfy.page.on("filechooser", note)
    comfy.pause(0.5)
    yield opened
    comfy.page.remove_listener("filechooser", note)


def choose(comfy, choosers, voice):
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
    comfy.page.bring_to_front()
    comfy.page.mouse.click(*button)
    for _ in range(_OPENS * 5):
        if choosers:
            break
        comfy.pause(0.2)
    (chooser,) = choosers
    chooser.set_files(str(voice))


def test_a_file_of_the_browser_becomes_the_voice(comfy, choosers, voice):
    workflow = read("listen_imagine")
    (loader,) = [one for one in workflow["nodes"] if one["type"] == f"ImagineID_{KIND}"]
    comfy.load(workflow)
    comfy.show(KIND)
    choose(comfy, choosers, voice)
    comfy.page.wait_for_function(_HEARS, arg=voice.name)
    assert comfy.value(KIND, "audio") == voice.name
    sent = comfy.prompt()[str(loader["id"])]
    assert sent["inputs"]["audio"] == voice.name
    assert sent["inputs"]["seconds"] == 3
    heard = comfy.page.evaluate(
        "() => [...document.querySelectorAll('audio')].map((a) => a.duration)"
    )
    assert heard == [pytest.approx(1.0, abs=0.05)]
