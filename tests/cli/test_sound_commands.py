import json
from fractions import Fraction

import pytest
import torch

from imagineid_core.cli import main
from imagineid_core.listen.pad import save_pad
from imagineid_core.motion.track import still_track
from imagineid_core.motion.track_json import load_track, save_track
from imagineid_core.performance import load_performance
from imagineid_core.values import PAPER_FPS
from tests.sounds import AAC, MP3, PCM, tone, write_sound
from tests.tiny import TINY, tiny_pad


@pytest.fixture
def voice(tmp_path):
    return write_sound(tmp_path / "голос é 1.wav", tone(1.5, 22_050, 2), 22_050)


@pytest.fixture
def weights(tmp_path):
    save_pad(tmp_path / "pad weights", tiny_pad())
    return tmp_path / "pad weights"


def run(*arguments):
    return main([str(argument) for argument in arguments])


def listen(*arguments):
    """Coefficients alone: pictures and videos take longer and have tests of their own."""
    return run("listen", *arguments, "--no-video", "--no-picture")


@pytest.mark.parametrize(("name", "codec"), [("a.wav", PCM), ("a.mp3", MP3), ("a.m4a", AAC)])
def test_inspect_tells_what_is_in_a_file(tmp_path, capsys, name, codec):
    path = write_sound(tmp_path / name, tone(2, 44_100, 2), 44_100, codec)
    assert run("inspect", path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seconds"] == pytest.approx(2.0, abs=1e-3)
    assert (told["sample_rate"], told["num_channels"], told["num_frames"]) == (44_100, 2, 50)
    assert run("inspect", path) == 0
    assert "50 at 25 fps" in capsys.readouterr().out


def test_inspect_draws_a_picture(tmp_path, voice):
    from PIL import Image

    picture = tmp_path / "new folder" / "a.png"
    assert run("inspect", voice, "--picture", picture) == 0
    with Image.open(picture) as image:
        assert image.width > 1000
        assert len(image.convert("RGB").resize((80, 40)).getcolors(4000) or []) > 50


def test_listen_writes_coefficients_for_every_frame(tmp_path, voice, weights, capsys):
    out = tmp_path / "out"
    assert listen(voice, "--weights", weights, "--out", out) == 0
    assert "37 frames at 25 fps" in capsys.readouterr().out  # 37.5 rounds down
    heard = load_performance(out)
    assert heard.shape.shape == (80,)
    assert heard.semantics.shape == (TINY.width,)
    assert heard.expression.shape == heard.lip_expression.shape == (37, 64)
    assert heard.motion.pose.shape == (37, 6)
    told = json.loads((out / "coefficients.json").read_text(encoding="utf-8"))
    assert told["source"] == voice.name
    assert len(told["frames"]) == told["num_frames"] == 37
    assert told["frames"][5]["expression"] == pytest.approx(heard.expression[5].tolist(), abs=1e-6)
    assert told["frames"][25]["seconds"] == 1.0
    assert torch.equal(load_track(out / "motion.json").blink, heard.motion.blink)


@pytest.mark.parametrize("fps", ["10", "24", "29.97", "60"])
def test_other_frame_rates_follow_the_same_seconds(tmp_path, voice, weights, fps):
    """A curve heard at 25 fps passes through the same values at the same times."""
    assert listen(voice, "--weights", weights, "--out", tmp_path / "25") == 0
    assert listen(voice, "--weights", weights, "--out", tmp_path / "x", "--fps", fps) == 0
    paper, other = load_performance(tmp_path / "25"), load_performance(tmp_path / "x")
    assert len(other.expression) == round(1.5 * float(other.motion.fps))
    assert len(other.motion.pose) == len(other.expression)
    frame = round(1.0 * float(other.motion.fps))
    at = float((frame + Fraction(1, 2)) / other.motion.fps) * 25 - 0.5  # middles of frames
    before, share = int(at), at - int(at)
    between = torch.lerp(paper.expression[before], paper.expression[before + 1], share)
    spread = (paper.expression[before] - paper.expression[before + 1]).abs().max()
    # two clips cut to other frames differ a little in their mel edges, hence half the step
    assert (other.expression[frame] - between).abs().max() < 0.5 * spread + 0.05


def test_a_drawn_motion_replaces_the_generated_one(tmp_path, voice, weights):
    pose = torch.tensor([0.0, 0.3, 0.0, 0.0, 0.0, 0.0])
    save_track(tmp_path / "track.json", still_track(40, PAPER_FPS, pose=pose))
    arguments = (voice, "--weights", weights, "--motion", tmp_path / "track.json")
    assert listen(*arguments, "--out", tmp_path / "out") == 0
    motion = load_performance(tmp_path / "out").motion
    assert torch.allclose(motion.pose, pose.expand(37, 6))


def test_the_same_seed_gives_the_same_result_and_another_does_not(tmp_path, weights):
    long_voice = write_sound(tmp_path / "long.wav", tone(12, 16_000), 16_000)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        listen(long_voice, "--weights", weights, "--out", tmp_path / name, "--seed", seed)
    blinks = [load_performance(tmp_path / name).motion.blink for name in "abc"]
    assert torch.equal(blinks[0], blinks[1])
    assert not torch.equal(blinks[0], blinks[2])


def test_results_are_not_overwritten_unasked(tmp_path, voice, weights, capsys):
    arguments = (voice, "--weights", weights, "--out", tmp_path / "out")
    assert listen(*arguments) == 0
    assert listen(*arguments) == 2
    assert "holds coefficients.safetensors" in capsys.readouterr().err
    assert listen(*arguments, "--overwrite") == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["inspect", "gone.wav"], "gone.wav does not exist"),
        (["inspect", "VOICE", "--fps", "5"], "fps is 5"),
        (["listen", "gone.wav", "--weights", "WEIGHTS"], "gone.wav does not exist"),
        (["listen", "VOICE", "--weights", "nowhere"], "weights not found: nowhere is not there"),
        (["listen", "VOICE", "--weights", "VOICE"], "голос"),
        (["listen", "VOICE", "--weights", "PART"], "holds one part ('pad_content')"),
        (["listen", "VOICE", "--weights", "WEIGHTS", "--motion", "gone.json"], "gone.json"),
        (["listen", "VOICE", "--weights", "WEIGHTS", "--style-seconds", "nan"], "style_seconds"),
        (["listen", "VOICE", "--weights", "WEIGHTS", "--pose-weights", "p.pth"], "p.pth but PAD"),
        (["listen", "VOICE", "--weights", "VOICE", "--style-seconds", "3"], "hear no style"),
    ],
)
def test_mistakes_end_in_one_message_and_nothing_written(
    tmp_path, voice, weights, capsys, arguments, told
):
    places = {"VOICE": str(voice), "WEIGHTS": str(weights)}
    places["PART"] = str(weights / "pad_content.safetensors")
    out = ["--out", str(tmp_path / "out")] if arguments[0] == "listen" else []
    assert run(*[places.get(word, word) for word in arguments], *out) == 2
    message = capsys.readouterr().err
    assert message.startswith("imagineid: ")
    assert told in message
    assert "Traceback" not in message
    assert not (tmp_path / "out").exists()


def test_a_short_motion_track_is_named(tmp_path, voice, weights, capsys):
    save_track(tmp_path / "short.json", still_track(10, PAPER_FPS))
    out = tmp_path / "out"
    arguments = ("--weights", weights, "--motion", tmp_path / "short.json", "--out", out)
    assert listen(voice, *arguments) == 2
    assert "track lasts 0.40 s but the voice 1.48 s" in capsys.readouterr().err


def test_weights_that_give_nan_write_nothing(tmp_path, voice, capsys):
    pad = tiny_pad()
    with torch.no_grad():
        pad.emotion.expression_head[-1].bias.fill_(torch.nan)
    save_pad(tmp_path / "bad", pad)
    assert listen(voice, "--weights", tmp_path / "bad", "--out", tmp_path / "out") == 2
    assert "expression of голос é 1.wav has values that are NaN" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_silence_is_heard_without_complaint(tmp_path, weights):
    silence = write_sound(tmp_path / "silent.wav", 0 * tone(3, 16_000), 16_000)
    assert listen(silence, "--weights", weights, "--out", tmp_path / "out") == 0
    assert torch.isfinite(load_performance(tmp_path / "out").expression).all()


def test_sadtalkers_public_container_gives_expression_and_pose(tmp_path, voice):
    """A file with the released keys and sizes, found by its content and not by its name."""
    from safetensors.torch import save_file

    from tests import parity

    container = {
        f"{prefix}{key}": tensor
        for prefix, case in (("audio2exp.", "expnet"), ("audio2pose.", "audio2pose_long"))
        for key, tensor in parity.weights(case).items()
    }
    save_file(container, tmp_path / "SadTalker_V0.0.2_256.safetensors")
    arguments = (voice, "--weights", tmp_path / "SadTalker_V0.0.2_256.safetensors")
    assert listen(*arguments, "--pose-style", 7, "--out", tmp_path / "a", "--fps", "30") == 0
    performance = load_performance(tmp_path / "a")
    assert performance.shape is None
    assert performance.expression.shape == (45, 64)
    assert performance.expression.std() > 0.01
    assert performance.motion.pose.std(dim=0).min() > 0
    assert listen(*arguments, "--pose-style", 46, "--out", tmp_path / "b") == 2
    assert not (tmp_path / "b").exists()


def test_a_file_in_the_place_of_the_results_is_named_before_listening(tmp_path, voice, capsys):
    (tmp_path / "taken").write_text("mine")
    out = tmp_path / "taken" / "out"
    assert listen(voice, "--weights", tmp_path / "not even looked at", "--out", out) == 2
    assert "taken is a file" in capsys.readouterr().err


def test_a_closed_stdout_is_no_error(monkeypatch, voice):
    """`imagineid inspect a.wav >&-` ended in an AttributeError after its work."""
    monkeypatch.setattr("sys.stdout", None)
    assert run("inspect", voice) == 0
