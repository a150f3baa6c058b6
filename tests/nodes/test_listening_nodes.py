"""The listening, motion and face nodes on tiny networks, against the core they host."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sounds
import tiny
import torch

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.face.load import load_face
from imagineid_core.motion.blink import blinks_at
from imagineid_core.motion.head_pose import find_head_motion
from imagineid_core.motion.track import still_track
from imagineid_core.motion.track_json import save_track
from imagineid_core.pipeline.imagined_film import MeshPictures
from imagineid_core.pipeline.mixed_performance import mix_performance
from imagineid_core.pipeline.perform import perform, still_and_blinking
from imagineid_core.values import Performance

RATE = 16_000
WIDGETS = {
    "source": "from the voice",
    "style": 0,
    "seed": 5,
    "head_amount": 1.0,
    "blinks_per_minute": 20.0,
    "emotion_strength": 1.0,
    "fps": 25.0,
    "track_file": "none",
    "keyframes": "",
}


def voice(seconds=0.8, hertz=220.0):
    """AUDIO; speech of other tones is heard otherwise."""
    sound = torch.from_numpy(sounds.tone(seconds, RATE, hertz=hertz))
    return {"waveform": sound[None], "sample_rate": RATE}


@pytest.fixture(scope="module")
def suite(home):
    folder = home / "models" / "imagineid" / "tiny"
    folder.mkdir()
    return tiny.save_tiny_suite(folder)


@pytest.fixture(scope="module")
def pad(node, suite):
    assert node("PADLoader").define_schema().inputs[0].options == ["embedded", "tiny"]
    return node("PADLoader").execute("tiny").args[0]


@pytest.fixture(scope="module")
def basis(node):
    return node("FaceBasisLoader").execute("open face (embedded)").args[0]


def heard(node, pad, *, words, face=None, feeling=None, style_seconds=0.0):
    """Identity, content and emotion, of up to three voices."""
    (identity,) = node("PADIdentity").execute(pad, words if face is None else face).args
    (content,) = node("PADContent").execute(pad, words, identity).args
    feeling = words if feeling is None else feeling
    (emotion,) = node("PADEmotion").execute(pad, feeling, content, identity, style_seconds).args
    return {"identity": identity, "content": content, "emotion": emotion}


def performed(node, pad, words, parts, **changes):
    return node("HeadMotion").execute(pad=pad, audio=words, **parts, **{**WIDGETS, **changes})


def core_performance(pack, pad, suite, words, **options) -> Performance:
    speech = pack("convert").speech_from_audio(words)
    return perform(speech, pad.pad, seed=5, head=find_head_motion(suite), **options)


def assert_same(one: Performance, other: Performance) -> None:
    """Not bit by bit: three voices or one are stacked alike, but a blink law may differ."""
    for name in ("shape", "semantics", "style", "lip_expression", "expression"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), msg=name)
    torch.testing.assert_close(one.motion.pose, other.motion.pose)


def test_the_nodes_in_a_row_are_the_cores_performance(node, pack, pad, suite):
    words = voice()
    performance, track, fps = performed(node, pad, words, heard(node, pad, words=words)).args
    assert_same(performance, core_performance(pack, pad, suite, words))
    assert track is performance.motion
    assert fps == 25.0


def test_three_voices_are_the_cores_mixed_performance(node, pack, pad, suite):
    words, face, feeling = voice(), voice(hertz=330.0), voice(1.2, hertz=110.0)
    parts = heard(node, pad, words=words, face=face, feeling=feeling)
    performance = performed(node, pad, words, parts).args[0]
    speech = pack("convert").speech_from_audio
    mixed = mix_performance(
        core_performance(pack, pad, suite, words),
        speech(words),
        pad.pad,
        identity_from=speech(face),
        emotion_from=speech(feeling),
    )
    assert_same(performance, mixed)
    alone = core_performance(pack, pad, suite, words)
    assert not torch.allclose(performance.expression, alone.expression)


def test_unless_asked_otherwise_the_eyes_close_as_at_the_command_line(node, pack, pad):
    words = voice(8.0)
    widgets = {one.id: one for one in node("HeadMotion").define_schema().inputs}
    track = performed(
        node,
        pad,
        words,
        heard(node, pad, words=words),
        source="still",
        blinks_per_minute=widgets["blinks_per_minute"].default,
    ).args[1]
    own = still_and_blinking(pack("convert").speech_from_audio(words), seed=WIDGETS["seed"])
    assert torch.equal(track.blink, own.blink)
    assert track.blink.max() == 1


def test_a_feeling_may_follow_the_voice(node, pack, pad, suite):
    words = voice()
    parts = heard(node, pad, words=words, style_seconds=0.3)
    performance = performed(node, pad, words, parts).args[0]
    assert_same(performance, core_performance(pack, pad, suite, words, style_seconds=0.3))
    assert len(performance.style) == 20
    with pytest.raises(InputError, match="style has 30 rows but the content has 20 frames"):
        heard(node, pad, words=words, feeling=voice(1.2), style_seconds=0.3)


def test_a_film_may_run_at_another_rate(node, pad):
    words = voice()
    performance, _, fps = performed(node, pad, words, heard(node, pad, words=words), fps=29.97).args
    assert fps == pytest.approx(30000 / 1001)
    assert len(performance.expression) == 24
    assert performance.motion.fps == Fraction(30000, 1001)


def test_blinks_are_as_many_as_asked_for(node, pad):
    words = voice(6.0)
    parts = heard(node, pad, words=words)
    never = performed(node, pad, words, parts, blinks_per_minute=0.0).args[1]
    often = performed(node, pad, words, parts, blinks_per_minute=40.0).args[1]
    assert not never.blink.any()
    assert float(often.blink.max()) == 1
    assert blinks_at(40.0).blinks_per_minute == pytest.approx(40, rel=0.02)


def test_a_still_head_follows_only_what_is_drawn(node, pad):
    words = voice()
    keys = json.dumps({"v": 1, "keys": [{"t": 0.2, "yaw": 20, "blink": 1}]})
    track = performed(
        node,
        pad,
        words,
        heard(node, pad, words=words),
        source="still",
        blinks_per_minute=0.0,
        keyframes=keys,
    ).args[1]
    torch.testing.assert_close(torch.rad2deg(track.pose[:, 1]), torch.full((20,), 20.0))
    assert torch.equal(track.blink, torch.ones(20))


def test_what_is_drawn_is_added_to_the_voices_motion(node, pad):
    words = voice()
    parts = heard(node, pad, words=words)
    keys = json.dumps({"v": 1, "keys": [{"t": 0, "pitch": 10}]})
    plain = performed(node, pad, words, parts).args[1]
    turned = performed(node, pad, words, parts, keyframes=keys).args[1]
    change = torch.rad2deg(turned.pose - plain.pose)
    torch.testing.assert_close(change[:, 0], torch.full((20,), 10.0), atol=1e-4, rtol=0)
    assert not change[:, 1:].any()


def test_head_amount_zero_holds_the_first_frame(node, pad):
    words = voice()
    track = performed(node, pad, words, heard(node, pad, words=words), head_amount=0.0).args[1]
    assert torch.equal(track.pose, track.pose[:1].expand(20, 6))


def test_no_emotion_leaves_the_lips_alone(node, pad):
    words = voice()
    parts = heard(node, pad, words=words)
    silent = performed(node, pad, words, parts, emotion_strength=0.0).args[0]
    torch.testing.assert_close(silent.expression, silent.lip_expression)
    keys = json.dumps({"v": 1, "keys": [{"t": 0, "emotion": 0}]})
    drawn = performed(node, pad, words, parts, keyframes=keys).args[0]
    torch.testing.assert_close(drawn.expression, silent.expression)


def test_a_track_of_a_file_or_a_wire_moves_the_head(node, pad, home):
    words = voice()
    parts = heard(node, pad, words=words)
    turned = still_track(20, Fraction(25), pose=torch.tensor([0.1, 0.2, 0.3, 0, 0, 0]))
    save_track(home / "input" / "turned.json", turned)
    options = node("HeadMotion").define_schema().inputs
    assert "turned.json" in next(one for one in options if one.id == "track_file").options
    filed = performed(node, pad, words, parts, source="track file", track_file="turned.json")
    wired = performed(node, pad, words, parts, motion=turned)
    torch.testing.assert_close(filed.args[1].pose, turned.pose)
    torch.testing.assert_close(wired.args[1].pose, turned.pose)


def test_a_track_file_is_refused_before_anything_runs(node, home):
    (home / "input" / "graph.json").write_text("{}", encoding="utf-8")
    check = node("HeadMotion").validate_inputs
    assert "track_file is 'none'" in check(source="track file")
    assert "a motion track says" in check(source="track file", track_file="graph.json")
    assert "keyframes are not JSON" in check(keyframes="[")
    assert check(keyframes=None) is True, "a wire brings it later"


def test_other_words_than_the_contents_are_refused(node, pad):
    words = voice()
    with pytest.raises(InputError, match="the content has 20 frames but the voice 30"):
        performed(node, pad, voice(1.2), heard(node, pad, words=words))


def test_what_a_node_shows_is_lists_of_numbers(node, pad):
    words = voice()
    ui = performed(node, pad, words, heard(node, pad, words=words), emotion_strength=1.5).ui
    (line,) = ui["imagineid_timeline"]
    assert json.loads(json.dumps(line, allow_nan=False)) == line
    assert line["seconds"] == 0.8
    assert line["emotion"] == [1.5] * 20
    assert {name: len(line[name]) for name in ("yaw", "pitch", "roll", "blink", "mouth")} == {
        name: 20 for name in ("yaw", "pitch", "roll", "blink", "mouth")
    }
    assert len(line["wave"]) == 512
    assert max(line["wave"]) == pytest.approx(0.3, abs=0.01)


def test_a_mouth_is_not_drawn_over_the_sound_of_another_length(node, pad):
    words = voice()
    parts = {name: one for name, one in heard(node, pad, words=words).items() if name != "emotion"}
    for seconds, has_mouth in ((0.8, True), (1.2, False)):
        feeling = voice(seconds, hertz=330.0)
        ui = node("PADEmotion").execute(pad, feeling, **parts, style_seconds=0.0).ui
        assert ("mouth" in ui["imagineid_timeline"][0]) is has_mouth


@pytest.fixture(scope="module")
def performance(node, pad):
    words = voice(0.16)
    return performed(node, pad, words, heard(node, pad, words=words)).args[0]


def test_render_shows_the_cores_meshes(node, performance, basis):
    mesh, colour, mouth, head, normals, depth, fps = (
        node("MeshRender").execute(performance, basis, 64, True).args
    )
    assert fps == 25.0
    assert [one.shape for one in (colour, normals, depth)] == [(4, 64, 64, 3)] * 3
    assert [one.shape for one in (mouth, head)] == [(4, 64, 64)] * 2
    picture = MeshPictures(performance, load_face(), size=64)[2]
    torch.testing.assert_close(colour[2] * 2 - 1, picture.colour[0].movedim(0, -1))
    assert torch.equal(mouth[2], picture.mouth_mask[0, 0])
    assert 0.05 < float(head.mean()) < 0.9
    assert len(mesh) == 4
    assert torch.equal(mesh[2].colour, picture.colour)


def test_without_pictures_nothing_is_rendered(node, performance, basis):
    mesh, *pictures, _ = node("MeshRender").execute(performance, basis, 2048, False).args
    assert {"'pictures' of 3DMM Render is off" in one.message for one in pictures} == {True}
    assert isinstance(mesh, MeshPictures)


def test_pictures_that_do_not_fit_are_refused_with_their_size(node, performance, basis):
    long = replace(
        performance,
        lip_expression=None,
        expression=performance.expression[:1].expand(9000, -1),
        motion=still_track(9000, Fraction(25)),
    )
    with pytest.raises(InputError, match="9000 frames of 512 pixels would take 103.8 GB"):
        node("MeshRender").execute(long, basis, 512, True)


def test_preview_draws_the_curves(node, performance, basis):
    pytest.importorskip("matplotlib")
    out = node("TrackPreview").execute(performance, voice(0.16), basis, "a voice")
    assert out.args[0].shape == (1, 990, 1320, 3)
    assert out.ui["images"]
    assert len(out.ui["imagineid_timeline"][0]["mouth"]) == 4
    with pytest.raises(InputError, match="Give the speech that was performed"):
        node("TrackPreview").execute(performance, voice(0.8), basis, "another")


def test_a_voice_is_loaded_and_trimmed(node, home):
    sounds.write_sound(home / "input" / "vöice a.wav", sounds.tone(1.0, 8000, 2), 8000)
    loader = node("AudioLoader")
    assert loader.define_schema().inputs[0].options == ["sample: hello.wav", "vöice a.wav"]
    whole = loader.execute("vöice a.wav", 0.0, 0.0, False).args[0]
    part = loader.execute("vöice a.wav", 0.25, 0.5, False).args[0]
    assert whole["waveform"].shape == (1, 2, 8000)
    assert whole["sample_rate"] == 8000
    assert torch.equal(part["waveform"], whole["waveform"][..., 2000:6000])
    with pytest.raises(InputError, match="start_seconds is 2 but the sound lasts 1.00 s"):
        loader.execute("vöice a.wav", 2.0, 0.0, False)


def test_a_connected_sound_is_trimmed_instead_of_the_file(node):
    sound = voice(1.0)
    part = node("AudioLoader").execute("gone.wav", 0.5, 0.25, False, sound=sound).args[0]
    assert torch.equal(part["waveform"], sound["waveform"][..., 8000:12000])
    check = node("AudioLoader").validate_inputs
    assert check("gone.wav", input_types={"sound": "AUDIO"}) is True
    assert "gone.wav does not exist" in check("gone.wav")


def test_the_bundled_sample_is_there(node):
    assert node("AudioLoader").validate_inputs() is True
    sample = node("AudioLoader").execute("sample: hello.wav", 0.0, 0.0, False).args[0]
    assert sample["waveform"].shape[-1] > sample["sample_rate"]


def test_a_changed_file_is_another_one(node, home):
    file = sounds.write_sound(home / "input" / "b.wav", sounds.tone(0.5, 8000), 8000)
    print_of = node("AudioLoader").fingerprint_inputs
    first = print_of(audio="b.wav", start_seconds=0.0)
    assert print_of(audio="b.wav", start_seconds=0.0) == first
    sounds.write_sound(file, sounds.tone(0.6, 8000), 8000)
    assert print_of(audio="b.wav", start_seconds=0.0) != first
    json.dumps(first)  # ComfyUI compares it between runs


def test_missing_weights_tell_name_folder_and_source(node, suite):
    told = node("PADLoader").validate_inputs("gone")
    assert "weights for 'pad' not found in models/imagineid. Looked for: gone in " in told
    assert "README, Weights" in told
    assert node("PADLoader").validate_inputs("tiny") is True
    assert node("PADLoader").validate_inputs("embedded") is True
    told = node("FaceBasisLoader").validate_inputs("BFM_model_front.mat")
    assert "weights for 'face basis' not found" in told


def test_a_damaged_folder_of_weights_is_told_on_loading(node, suite, home):
    damaged = home / "models" / "imagineid" / "damaged"
    damaged.mkdir()
    (damaged / "pad_identity.safetensors").write_bytes(b"no")
    with pytest.raises(WeightsError, match="Looked for: pad_content.safetensors, pad_emotion"):
        node("PADLoader").execute("damaged")
    (damaged / "pad_identity.safetensors").unlink()


def test_faces_are_offered_by_their_files(node, home):
    root = home / "models" / "imagineid"
    files = ("BFM_model_front.mat", "bfm/01_MorphableModel.mat", "ict/generic_neutral_mesh.obj")
    for name in files:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"no")
    options = node("FaceBasisLoader").define_schema().inputs[0].options
    assert options == ["open face (embedded)", "BFM_model_front.mat", "bfm", "ict"]
    for name in files:
        (root / name).unlink()


def test_listening_leaves_the_global_random_state_alone(node, pad):
    words = voice()
    torch.manual_seed(3)
    np_state, state = np.random.get_state()[1], torch.get_rng_state()
    performed(node, pad, words, heard(node, pad, words=words))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], np_state)
