"""The workflows that come with the pack: they fit the nodes as they are, and make a film."""

import json
from pathlib import Path

import av
import pytest
from host.workflow_prompt import NOTES, inputs, prompt_of, widgets

FILES = sorted((Path(__file__).parents[2] / "workflows").glob("*.json"))
SECONDS = 0.12  # three frames


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def workflow(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def info(server):
    return server.get("/object_info")


def nodes_of(workflow):
    return [one for one in workflow["nodes"] if one["type"] not in NOTES]


def fits(value, kind, options):
    if kind == "COMBO":
        return value in options["options"]
    if kind in ("INT", "FLOAT"):
        number = (int,) if kind == "INT" else (int, float)
        is_number = isinstance(value, number) and not isinstance(value, bool)
        return is_number and options["min"] <= value <= options["max"]
    return isinstance(value, {"STRING": str, "BOOLEAN": bool}[kind])


def test_every_value_fits_its_widget(workflow, info):
    for one in nodes_of(workflow):
        kinds = {name: kind for name, kind, _ in inputs(one["type"], info)}
        for name, value, options in widgets(one, info):
            assert fits(value, kinds[name], options), f"{one['type']}.{name} is {value!r}"


def test_every_slot_is_one_of_its_node(workflow, info):
    for one in nodes_of(workflow):
        known = {name: kind for name, kind, _ in inputs(one["type"], info)}
        assert {slot["name"]: slot["type"] for slot in one["inputs"]}.items() <= known.items()
        told = info[one["type"]]
        assert [slot["name"] for slot in one["outputs"]] == told["output_name"]
        assert [slot["type"] for slot in one["outputs"]] == told["output"]


def test_comfyui_lists_it_as_a_template(server):
    listed = server.get("/workflow_templates")["ComfyUI-ImagineID"]
    assert sorted(listed) == [file.stem for file in FILES]


def test_it_makes_a_film_with_sound(server, workflow, info):
    prompt = prompt_of(workflow, info)
    for one in prompt.values():
        if one["class_type"] == "ImagineID_AudioLoader":
            one["inputs"]["seconds"] = SECONDS
    (save,) = (name for name, one in prompt.items() if one["class_type"] == "SaveVideo")
    (told,) = server.outputs(prompt)[save]["images"]
    with av.open(str(server.home / "output" / told["subfolder"] / told["filename"])) as film:
        picture, sound = film.streams.video[0], film.streams.audio[0]
        assert (picture.width, picture.height, picture.average_rate) == (128, 128, 25)
        assert float(sound.duration * sound.time_base) == pytest.approx(SECONDS, abs=0.05)
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 3
    assert min(frame.std() for frame in frames) > 10, "there is a picture in every frame"
