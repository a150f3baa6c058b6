"""`imagineid imagine` from a voice to a film, on tiny random networks."""

import json

import av
import pytest
import torch

from imagineid_core.cli import main
from imagineid_core.listen.pad import save_pad
from imagineid_core.video.picture import load_picture, save_picture
from tests.imagine.tiny_diffusion import save_tiny_suite
from tests.sounds import tone, write_sound
from tests.tiny import TINY, tiny_pad

FRAMES = 3
# diffusers hands tensors to np.array, which newer numpy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("голос é 1")
    write_sound(folder / "voice.wav", tone(FRAMES / 25, 16_000), 16_000)
    write_sound(folder / "other.wav", tone(5 / 25, 16_000, hertz=330), 16_000)
    save_pad(folder / "pad", tiny_pad())
    save_tiny_suite(folder / "model", TINY.width, TINY.width)
    return folder


def imagine(place, out, *arguments, file="voice.wav"):
    fixed = ("--model", place / "model", "--weights", place / "pad", "--steps", 1)
    given = (place / file, "--out", out, *fixed, *arguments)
    return main(["imagine", *(str(argument) for argument in given)])


def pictures(folder):
    return torch.stack([load_picture(path) for path in sorted(folder.glob("*.png"))])


def test_a_film_with_sound_and_a_report(place, tmp_path):
    out, report = tmp_path / "film.mp4", tmp_path / "report.json"
    assert imagine(place, out, "--prompt", "a red hat", "--seed", 7, "--report", report) == 0
    with av.open(str(out)) as film:
        assert (film.streams.video[0].width, film.streams.audio[0].rate) == (64, 16_000)
        assert len(list(film.decode(video=0))) == FRAMES
    told = json.loads(report.read_text())
    assert told["num_frames"] == FRAMES
    assert told["is_whole"]
    assert told["settings"]["seed"] == 7
    assert told["settings"]["num_steps"] == 1
    assert told["seconds_a_frame"] > 0


def test_prompt_seed_identity_emotion_and_image_reach_the_frames(place, tmp_path, capsys):
    assert imagine(place, tmp_path / "plain") == 0
    plain = pictures(tmp_path / "plain")
    assert len(plain) == FRAMES
    save_picture(torch.linspace(-1, 1, 3 * 64 * 64).view(3, 64, 64), tmp_path / "face.png")
    options = {
        "prompt": ("--prompt", "red"),
        "seed": ("--seed", 1),
        "identity": ("--identity-from", place / "other.wav"),
        "emotion": ("--emotion-from", place / "other.wav"),
        "image": ("--image", tmp_path / "face.png"),
    }
    for name, given in options.items():
        assert imagine(place, tmp_path / name, *given) == 0, capsys.readouterr().err
        assert not torch.equal(pictures(tmp_path / name), plain), name
    assert torch.equal(pictures(tmp_path / "image")[0], load_picture(tmp_path / "face.png"))


def test_an_interrupted_film_keeps_its_frames_and_goes_on(place, tmp_path, monkeypatch, capsys):
    from imagineid_core.imagine.diffusers_host import DiffusersHost

    assert imagine(place, tmp_path / "whole") == 0
    denoise, calls = DiffusersHost.denoise, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return denoise(self, *arguments)

    monkeypatch.setattr(DiffusersHost, "denoise", interrupted)
    assert imagine(place, tmp_path / "first") == 130
    monkeypatch.undo()
    assert len(pictures(tmp_path / "first")) == 2
    rest = tmp_path / "first.unfinished.safetensors"
    assert imagine(place, tmp_path / "second", "--go-on", rest) == 0, capsys.readouterr().err
    both = torch.cat([pictures(tmp_path / "first"), pictures(tmp_path / "second")])
    assert torch.equal(both, pictures(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--size", 60), "multiples of 8.*56 or 64"),
        (("--scheduler", "euler"), "'euler' is not one of this diffusers"),
        (("--lora", "nowhere.safetensors"), "weights not found"),
        (("--image", "nowhere.png"), "nowhere.png is not there"),
        (("--emotion-from", "nowhere.wav"), "nowhere.wav is not there"),
        (("--steps", 0), "num_steps is 0"),
        (("--adapters", "."), "adapters not found"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(place, tmp_path, capsys, given, told):
    import re

    assert imagine(place, tmp_path / "film.mp4", *given) == 2
    assert re.search(told, capsys.readouterr().err)
    assert not (tmp_path / "film.mp4").exists()


def test_a_film_that_is_there_is_not_overwritten_unasked(place, tmp_path, capsys):
    (tmp_path / "film.mp4").write_bytes(b"kept")
    assert imagine(place, tmp_path / "film.mp4") == 2
    assert "film.mp4" in capsys.readouterr().err
    assert (tmp_path / "film.mp4").read_bytes() == b"kept"
