"""The workflows that come with the pack: they fit the nodes as they are, and make what they say.

Those for downloads run on stand-ins of random weights by the same names.
"""

import io
import json
from pathlib import Path
from urllib.parse import urlencode

import av
import numpy as np
import pytest
from host.graphs import changed, node
from host.stand_ins import save_controlnet, save_lora, save_sd15
from host.workflow_prompt import NOTES, inputs, prompt_of, widgets
from PIL import Image

FOLDER = Path(__file__).parents[2] / "workflows"
FILES = sorted(FOLDER.glob("*.json"))
FILMS = [file for file in FILES if file.stem != "background_and_mask"]
SECONDS = 0.12  # three frames
DOWNLOADS = {  # widget: folder of models
    "ckpt_name": "checkpoints",
    "control_net_name": "controlnet",
    "lora_name": "loras",
}


def read(file):
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def workflow(request):
    return read(request.param)


@pytest.fixture(scope="module")
def info(server):
    """What ComfyUI says of its nodes once the files are there that the workflows ask for."""
    told = server.get("/object_info")
    for file in FILES:
        for one in nodes_of(read(file)):
            for name, value, _ in widgets(one, told):
                place = server.home / "models" / DOWNLOADS.get(name, "") / str(value)
                if name in DOWNLOADS and not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    stand_in(name, place)
    return server.get("/object_info")


def stand_in(widget, place):
    if widget == "ckpt_name":
        save_sd15(place)
    elif widget == "control_net_name":
        save_controlnet(place, seed=len(place.name))
    else:
        from imagineid_core.assets import IMAGINE, check_suite
        from imagineid_core.imagine.stable_diffusion import load_stable_diffusion

        suite = load_stable_diffusion(check_suite(IMAGINE))
        save_lora(place, suite.unet, suite.text_encoder)


def nodes_of(workflow):
    return [one for one in workflow["nodes"] if one["type"] not in NOTES]


def short(prompt, seconds=SECONDS, steps=None):
    """The same for a moment of sound; what asks for a checkpoint also small, in few steps."""
    is_mini = "CheckpointLoaderSimple" not in kinds(prompt).values()
    for name, kind in kinds(prompt).items():
        if kind == "ImagineID_AudioLoader":
            prompt = changed(prompt, name, seconds=seconds)
        if kind == "ImagineID_MeshRender" and not is_mini:
            prompt = changed(prompt, name, size=64)
        if kind == "ImagineID_AutoregressiveSampler" and (steps or not is_mini):
            prompt = changed(prompt, name, steps=steps or 2)
    return prompt


def kinds(prompt):
    return {name: one["class_type"] for name, one in prompt.items()}


def named(prompt, kind):
    (name,) = (name for name, one in prompt.items() if one["class_type"] == kind)
    return name


def fits(value, kind, options):
    if kind == "COMBO":
        return value in options["options"]
    if kind in ("INT", "FLOAT"):
        number = (int,) if kind == "INT" else (int, float)
        is_number = isinstance(value, number) and not isinstance(value, bool)
        return is_number and options["min"] <= value <= options["max"]
    return isinstance(value, {"STRING": str, "BOOLEAN": bool}[kind])


def picture(server, told):
    return np.asarray(Image.open(io.BytesIO(server.get_bytes(f"/view?{urlencode(told)}"))))


def test_every_value_fits_its_widget(workflow, info):
    for one in nodes_of(workflow):
        kind_of = {name: kind for name, kind, _ in inputs(one["type"], info)}
        for name, value, options in widgets(one, info):
            assert fits(value, kind_of[name], options), f"{one['type']}.{name} is {value!r}"


def test_every_slot_is_one_of_its_node(workflow, info):
    for one in nodes_of(workflow):
        known = {name: kind for name, kind, _ in inputs(one["type"], info)}
        assert {slot["name"]: slot["type"] for slot in one["inputs"]}.items() <= known.items()
        told = info[one["type"]]
        assert [slot["name"] for slot in one["outputs"]] == told["output_name"]
        assert [slot["type"] for slot in one["outputs"]] == told["output"]


def test_comfyui_lists_it_as_a_template_with_a_picture(server):
    listed = server.get("/workflow_templates")["ComfyUI-ImagineID"]
    assert sorted(listed) == [file.stem for file in FILES]
    for name in listed:
        shown = server.get_bytes(f"/api/workflow_templates/ComfyUI-ImagineID/{name}.jpg")
        assert Image.open(io.BytesIO(shown)).size == (384, 384)


@pytest.mark.parametrize("file", FILMS, ids=lambda file: file.stem)
def test_it_makes_a_film_with_sound(server, file, info):
    steps = None if file.stem == "listen_imagine" else 4  # that one as it is
    prompt = short(prompt_of(read(file), info), steps=steps)
    save = named(prompt, "SaveVideo")
    size = (512, 546) if "ImagineID_MiniSuiteLoader" in kinds(prompt).values() else (64, 64)
    (told,) = server.outputs(prompt)[save]["images"]
    with av.open(str(server.home / "output" / told["subfolder"] / told["filename"])) as film:
        shown, sound = film.streams.video[0], film.streams.audio[0]
        assert (shown.width, shown.height, shown.average_rate) == (*size, 25)
        assert float(sound.duration * sound.time_base) == pytest.approx(SECONDS, abs=0.05)
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 3
    assert min(frame[: size[0]].std() for frame in frames) > 10, "a picture is in every frame"


@pytest.mark.parametrize(
    ("name", "kind", "off"),
    [
        ("with_lora", "LoraLoader", {"strength_model": 0.0, "strength_clip": 0.0}),
        ("with_lora", "LoraLoader", {"strength_model": 0.0}),
        ("with_controlnet", "ControlNetApplyAdvanced", {"strength": 0.0}),
    ],
)
def test_what_it_adds_changes_the_person(server, info, name, kind, off):
    with_it = short(prompt_of(read(FOLDER / f"{name}.json"), info), seconds=0.04, steps=4)
    first = named(with_it, "PreviewImage")
    without = with_it
    for place, found in kinds(with_it).items():
        if found == kind:
            without = changed(without, place, **off)
    one, other = (
        picture(server, server.outputs(prompt)[first]["images"][0]) for prompt in (with_it, without)
    )
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other).mean() > 1


def test_edit_emotion_follows_its_keyframes(server, info):
    prompt = short(prompt_of(read(FOLDER / "edit_emotion.json"), info))
    for name, kind in kinds(prompt).items():  # the mesh alone
        if kind in ("SaveVideo", "ImagineID_AutoregressiveSampler"):
            prompt = {place: one for place, one in prompt.items() if place != name}
    first = [
        name
        for name, one in prompt.items()
        if one["class_type"] == "PreviewImage" and one["inputs"]["images"][0] not in prompt
    ]
    prompt = {name: one for name, one in prompt.items() if name not in first}
    voice = named(prompt, "ImagineID_AudioLoader")
    outputs = server.outputs(changed(prompt, voice, seconds=3.0))
    (line,) = outputs[named(prompt, "ImagineID_HeadMotion")]["imagineid_timeline"]
    assert line["emotion"][0] == 0
    assert line["emotion"][-1] == pytest.approx(2.5, abs=0.01)
    assert max(line["yaw"]) - min(line["yaw"]) > 8
    assert len(outputs[named(prompt, "PreviewImage")]["images"]) == 75


def test_portrait_to_talk_begins_with_the_portrait(server, info):
    prompt = short(prompt_of(read(FOLDER / "portrait_to_talk.json"), info), steps=2)
    sampler = named(prompt, "ImagineID_AutoregressiveSampler")
    given = prompt[sampler]["inputs"]["image"]
    prompt["given"] = node("PreviewImage", images=given)
    prompt["first"] = node("PreviewImage", images=[sampler, 2])
    outputs = server.outputs(prompt)
    one, other = (
        picture(server, outputs[name]["images"][0]).astype(int) for name in ("given", "first")
    )
    assert one.std() > 20
    assert np.abs(one - other).max() <= 1, "ComfyUI cuts what rounding took from a whole number"


def test_long_audio_takes_all_there_is(info):
    prompt = prompt_of(read(FOLDER / "long_audio.json"), info)
    assert prompt[named(prompt, "ImagineID_AudioLoader")]["inputs"]["seconds"] == 0
    assert prompt[named(prompt, "ImagineID_MeshRender")]["inputs"]["pictures"] is False
    sampler = prompt[named(prompt, "ImagineID_AutoregressiveSampler")]["inputs"]
    assert sampler["keep_images"] is False


def test_background_and_mask_keeps_both_apart(server, info):
    prompt = prompt_of(read(FOLDER / "background_and_mask.json"), info)
    background = prompt[named(prompt, "EmptyImage")]["inputs"]
    prompt["mask"] = node("MaskToImage", mask=[named(prompt, "MaskComposite"), 0])
    prompt["shown"] = node("PreviewImage", images=["mask", 0])
    outputs = server.outputs(prompt)
    save = named(prompt, "SaveImage")
    plain = next(
        name
        for name, one in prompt.items()
        if one["class_type"] == "PreviewImage" and name != "shown"
    )
    blended, sampled, mask = (
        picture(server, outputs[name]["images"][0]).astype(int) for name in (save, plain, "shown")
    )
    assert blended.shape == (128, 128, 3)
    colour = [background["color"] >> shift & 255 for shift in (16, 8, 0)]
    outside, inside = mask[..., 0] == 0, mask[..., 0] == 255
    assert np.abs(blended[outside] - colour).mean() < 12
    assert np.abs(sampled[outside] - colour).mean() > 24
    assert np.abs(blended[inside] - sampled[inside]).mean() < 6
