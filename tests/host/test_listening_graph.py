"""Our listening, motion and face nodes in a real ComfyUI: what they say, make, keep and refuse."""

import io
import json
import re
import subprocess
import urllib.parse
import wave

import av
import numpy as np
import pytest
import sounds
from host.graphs import changed, listening, mesh_film, node, ours

NODES = {
    "ImagineID_AudioLoader": ("Audio Loader", "listen"),
    "ImagineID_PADLoader": ("PAD Loader", "listen"),
    "ImagineID_PADIdentity": ("PAD Identity", "listen"),
    "ImagineID_PADContent": ("PAD Content", "listen"),
    "ImagineID_PADEmotion": ("PAD Emotion", "listen"),
    "ImagineID_HeadMotion": ("Head Motion", "motion"),
    "ImagineID_TrackPreview": ("Track Preview", "motion"),
    "ImagineID_FaceBasisLoader": ("Face Basis Loader", "face"),
    "ImagineID_MeshRender": ("3DMM Render", "face"),
}


def cached(history):
    """Names of the nodes that were not run again."""
    (told,) = [held for name, held in history["status"]["messages"] if name == "execution_cached"]
    return set(told["nodes"])


def test_every_node_is_there_with_a_tooltip_at_everything(server):
    info = server.get("/object_info")
    for name, (shown, category) in NODES.items():
        told = info[name]
        assert told["display_name"] == shown
        assert told["category"] == f"ImagineID/{category}"
        assert told["description"]
        for group in ("required", "optional"):
            for input_name, (_, options) in told["input"].get(group, {}).items():
                assert options["tooltip"], f"{name}.{input_name}"
        assert all(told["output_tooltips"]), name


def test_wires_of_comfyui_are_used_wherever_one_fits(server):
    info = server.get("/object_info")
    render = info["ImagineID_MeshRender"]
    assert render["output"] == ["IMAGINEID_MESH", *("IMAGE", "MASK", "MASK"), "IMAGE", "IMAGE"] + [
        "FLOAT"
    ]
    assert info["ImagineID_AudioLoader"]["output"] == ["AUDIO"]
    # the upload widget of ComfyUI needs a player, which it gives to its own nodes only
    assert "audio_upload" not in info["ImagineID_AudioLoader"]["input"]["required"]["audio"][1]
    keyframes = info["ImagineID_HeadMotion"]["input"]["required"]["keyframes"]
    assert keyframes[0] == "STRING"
    assert keyframes[1]["default"] == '{"v":1,"keys":[]}'
    assert keyframes[1]["dynamicPrompts"] is False


def test_the_start_is_quiet(server):
    """Beside its import time the server says nothing about us."""
    start, *_ = server.log.read_text().split("got prompt")  # of a test before this one
    lines = [line for line in start.splitlines() if "ImagineID" in line]
    assert len(lines) == 1, lines
    assert re.fullmatch(r"\s+[\d.]+ seconds: .*ComfyUI-ImagineID", lines[0]), lines


def test_a_voice_becomes_a_film_of_the_mesh_with_sound(server):
    outputs = server.outputs(mesh_film(seconds=0.4))
    (file,) = outputs["save"]["images"]
    film = av.open(io.BytesIO(server.get_bytes(f"/view?{urllib.parse.urlencode(file)}")))
    with film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        video, sound = film.streams.video[0], film.streams.audio[0]
        assert (video.width, video.height, float(video.average_rate)) == (64, 64, 25.0)
        assert float(sound.duration * sound.time_base) == pytest.approx(0.4, abs=0.05)
    assert len(frames) == 10
    assert 20 < np.mean(frames) < 235, "there is a face on black"
    assert any((one != frames[0]).any() for one in frames[1:]), "and it moves"
    line = outputs["head"]["imagineid_timeline"][0]
    assert line["seconds"] == 0.4
    assert {len(line[name]) for name in ("yaw", "pitch", "roll", "blink", "mouth")} == {10}


def test_what_did_not_change_is_not_run_again(server):
    prompt = mesh_film(seconds=0.24)
    server.outputs(prompt)
    assert cached(server.run(prompt)) == set(prompt)
    again = server.run(changed(prompt, "head", seed=7))
    assert set(prompt) - cached(again) == {"head", "mesh", "film", "save"}


def test_a_changed_file_is_heard_again(server):
    file = server.home / "input" / "vöice a.wav"
    sounds.write_sound(file, sounds.tone(0.4, 16_000), 16_000)
    prompt = listening(audio="vöice a.wav", start_seconds=0.0)
    prompt["show"] = node("PreviewAudio", audio=["voice", 0])
    server.outputs(prompt)
    assert "voice" in cached(server.run(prompt))
    sounds.write_sound(file, sounds.tone(0.4, 16_000, hertz=330.0), 16_000)
    assert "voice" not in cached(server.run(prompt))


def preview(prompt):
    return {
        **prompt,
        "face": ours("FaceBasisLoader", face="open face (embedded)"),
        "show": ours(
            "TrackPreview",
            performance=["head", 0],
            audio=["voice", 0],
            face_basis=["face", 0],
            title="a voice",
        ),
    }


def test_keyframes_reach_the_head_as_they_were_drawn(server):
    keys = json.dumps({"v": 1, "keys": [{"t": 0.1, "yaw": 25}, {"t": 0.2, "emotion": 0.5}]})
    prompt = preview(changed(listening(seconds=0.24), "head", source="still", keyframes=keys))
    prompt["show"] = node("PreviewAny", source=["head", 2])
    line = server.outputs(prompt)["head"]["imagineid_timeline"][0]
    assert line["yaw"] == pytest.approx([25.0] * 6, abs=1e-3)
    assert line["emotion"] == [0.5] * 6


def refused(server, name, **inputs):
    prompt = preview(listening(seconds=0.24))
    prompt["show"] = node("PreviewAny", source=["head", 2])
    return server.refusal(changed(prompt, name, **inputs))


@pytest.mark.parametrize(
    ("name", "inputs", "told"),
    [
        (
            "content",
            {"identity": ["voice", 0]},
            "'identity' of PAD Content takes IMAGINEID_IDENTITY but is wired to AUDIO. Connect an "
            "output of IMAGINEID_IDENTITY, for example that of 'PAD Identity'.",
        ),
        ("pad", {"weights": "mine"}, "weights for 'pad' not found in models/imagineid. Looked for"),
        ("voice", {"audio": "gone.wav"}, "gone.wav does not exist. Check the path."),
        ("head", {"keyframes": "{"}, "keyframes are not JSON"),
        ("head", {"source": "track file"}, "track_file is 'none'. Put a motion track (.json) into"),
    ],
)
def test_a_mistake_makes_the_node_red_with_our_words(server, name, inputs, told):
    assert told in refused(server, name, **inputs)


def test_what_shows_only_while_running_is_told_as_it_is(server):
    prompt = {
        "silence": node("EmptyAudio", duration=0.02, sample_rate=44100, channels=1),
        "pad": ours("PADLoader", weights="embedded"),
        "identity": ours("PADIdentity", pad=["pad", 0], audio=["silence", 0]),
        "show": node("PreviewAny", source=["identity", 0]),
    }
    told = server.failure(prompt)
    assert told["node_id"] == "identity"
    assert told["exception_type"] == "imagineid_core.errors.InputError"
    assert told["exception_message"].strip() == (
        "Waveform is 0.02 s long; one video frame at 25 fps needs 0.04 s. Use a longer clip."
    )


def test_an_empty_sound_is_told_as_it_is(server):
    file = server.home / "input" / "empty.wav"
    with wave.open(str(file), "wb") as empty:
        empty.setparams((1, 2, 16_000, 0, "NONE", ""))
    told = server.failure(
        {
            "voice": listening(0.0, audio="empty.wav", start_seconds=0.0)["voice"],
            "show": node("PreviewAudio", audio=["voice", 0]),
        }
    )
    assert "empty.wav holds no sound samples. Give a longer recording." in told["exception_message"]


def test_pictures_that_are_off_stop_who_needs_them(server):
    """ComfyUI tells why to the browser alone; there is no film rather than a black one."""
    prompt = changed(mesh_film(seconds=0.24), "mesh", pictures=False)
    assert "save" not in server.outputs(prompt)


def test_the_preview_gives_its_picture(server, comfy_python):
    check = [comfy_python, "-c", "import matplotlib"]
    if subprocess.run(check, capture_output=True).returncode:
        pytest.skip("the interpreter of this ComfyUI has no matplotlib")
    shown = server.outputs(preview(listening(seconds=0.24)))["show"]
    (file,) = shown["images"]
    picture = server.get_bytes(f"/view?{urllib.parse.urlencode(file)}")
    assert picture.startswith(b"\x89PNG")
    assert len(shown["imagineid_timeline"][0]["mouth"]) == 6
