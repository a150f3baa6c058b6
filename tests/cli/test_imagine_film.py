"""`imagineid imagine` from a voice to a film, on tiny random networks."""

import json
import re
import shutil
import signal

import av
import pytest
import torch

from imagineid_core.assets import pack_suite, suite
from imagineid_core.assets.suite import sha256_of
from imagineid_core.audio.decode import decode_sound
from imagineid_core.cli import main
from imagineid_core.imagine.adapters import find_adapters
from imagineid_core.imagine.diffusers_host import DiffusersHost
from imagineid_core.imagine.recommended import RecommendedConfig, recommended_bytes
from imagineid_core.listen.pad import save_pad
from imagineid_core.video.picture import load_picture, save_picture
from imagineid_core.video.reader import count_frames, read_frames
from imagineid_core.video.writer import VideoWriter
from tests.imagine.tiny_diffusion import save_tiny_suite
from tests.sounds import tone, write_sound
from tests.test_assets_imagine import ABOUT, ADAPTERS, retold
from tests.tiny import TINY, tiny_pad
from tests.tiny import save_tiny_suite as save_tiny_listeners

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


def interrupt_at(monkeypatch, number, error=KeyboardInterrupt):
    """The so-many-th frame does not come about."""
    denoise, calls = DiffusersHost.denoise, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == number:
            raise error
        return denoise(self, *arguments)

    monkeypatch.setattr(DiffusersHost, "denoise", interrupted)


def test_a_model_without_adapters_still_makes_a_film_and_says_what_it_lacks(place, tmp_path, capfd):
    bare = tmp_path / "bare"
    shutil.copytree(place / "model", bare)
    for path in find_adapters(bare).values():
        path.unlink()
    assert imagine(place, tmp_path / "film", "--model", bare) == 0
    assert len(list((tmp_path / "film").glob("*.png"))) == FRAMES
    assert "bare comes without adapters" in capfd.readouterr().err


def test_a_model_loads_in_silence(place, tmp_path, capfd):
    assert imagine(place, tmp_path / "film") == 0
    assert "Loading" not in capfd.readouterr().err


def test_a_film_with_sound_a_sheet_and_a_report(place, tmp_path):
    out, report, sheet = (tmp_path / name for name in ("film.mp4", "report.json", "sheet.png"))
    given = ("--prompt", "red hat", "--seed", 7, "--report", report, "--sheet", sheet)
    assert imagine(place, out, *given, file="other.wav") == 0
    with av.open(str(out)) as film:
        assert (film.streams.video[0].width, film.streams.audio[0].rate) == (64, 16_000)
        assert len(list(film.decode(video=0))) == 5
    told = json.loads(report.read_text())
    assert (told["num_frames"], told["is_whole"], told["seed"]) == (5, True, 7)
    assert told["prompt"] == "a face, red hat"  # that of TIA's training, and the user's
    assert told["settings"]["num_steps"] == 1
    assert told["seconds_a_frame"] > 0
    assert told["calls_a_coherent_frame"] == {
        "vae_encode": 1,
        "sca": 1,
        "unet": 1,
        "vae_decode": 1,
        "text": 0,
    }
    # 5 meshes, I_id, 4 times I_ad, and I_bg if a random matte leaves one.
    assert told["calls"].pop("vae_encode") in (10, 11)
    # The first frame is guided, in one call of two.
    assert told["calls"] == {"sca": 5, "unet": 5, "vae_decode": 5, "text": 2}
    name = "spatial_condition.safetensors"
    assert told["weights_sha256"][name] == sha256_of(place / "model" / name)
    assert "unet/diffusion_pytorch_model.safetensors" in told["weights_sha256"]
    picture = load_picture(sheet)
    assert picture.shape[2] > 5 * 192  # five columns
    assert picture.std() > 0.1


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
    assert imagine(place, tmp_path / "whole") == 0
    out, report = tmp_path / "film", tmp_path / "report.json"
    interrupt_at(monkeypatch, 3)
    assert imagine(place, out, "--report", report) == 130
    monkeypatch.undo()
    assert "holds 2 frames; the same command with --go-on" in capsys.readouterr().err
    assert torch.equal(pictures(out), pictures(tmp_path / "whole")[:2])
    assert imagine(place, out, "--report", report, "--go-on") == 0, capsys.readouterr().err
    assert torch.equal(pictures(out), pictures(tmp_path / "whole"))
    assert json.loads(report.read_text())["num_frames"] == FRAMES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film", "report.json", "whole"]


def test_ctrl_c_while_a_frame_is_encoded_loses_no_count(place, tmp_path, monkeypatch, capsys):
    out, put = tmp_path / "film.mp4", VideoWriter._put

    def pressed_behind(self, pixels):
        put(self, pixels)
        if self.num_frames == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(VideoWriter, "_put", pressed_behind)
    assert imagine(place, out, file="other.wav") == 130
    monkeypatch.undo()
    assert count_frames(out) == 2
    assert "holds 2 frames; the same command with --go-on" in capsys.readouterr().err
    assert imagine(place, out, "--go-on", file="other.wav") == 0
    assert count_frames(out) == 5


def test_a_video_goes_on_too_and_in_several_pieces(place, tmp_path, monkeypatch, capsys):
    out = tmp_path / "film.mp4"
    for after, given in ((2, ()), (4, ("--go-on",))):
        interrupt_at(monkeypatch, 3)
        assert imagine(place, out, *given, file="other.wav") == 130
        monkeypatch.undo()
        assert count_frames(out) == after
    assert imagine(place, out, file="other.wav") == 2
    assert "was left unfinished. Go on with it by --go-on" in capsys.readouterr().err
    sheet = tmp_path / "sheet.png"
    assert imagine(place, out, "--go-on", "--sheet", sheet, file="other.wav") == 0
    assert count_frames(out) == 5
    assert sheet.is_file()
    assert sum(part.shape[1] for part in decode_sound(out)) == pytest.approx(3_200, abs=1)
    assert imagine(place, out, "--go-on", file="other.wav") == 2
    assert "there is nothing to go on with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--prompt", "red"), "--prompt is 'red' but film.mp4 was begun with ''"),
        (("--seed", 1), "--seed is 1 but film.mp4 was begun with 0"),
        (("--show-size", 128), "--show-size is 128"),
    ],
)
def test_a_film_goes_on_as_it_began(place, tmp_path, monkeypatch, capsys, given, told):
    out = tmp_path / "film.mp4"
    interrupt_at(monkeypatch, 2)
    assert imagine(place, out) == 130
    monkeypatch.undo()
    assert imagine(place, out, "--go-on", *given) == 2
    assert told in capsys.readouterr().err
    assert count_frames(out) == 1


def test_a_failure_between_frames_keeps_those_before(place, tmp_path, monkeypatch, capsys):
    """Half precision gives NaN now and then; what was made is not lost by it."""
    denoise, calls = DiffusersHost.denoise, []

    def spoilt(self, *arguments):
        calls.append(1)
        return denoise(self, *arguments) * (float("nan") if len(calls) == 3 else 1)

    monkeypatch.setattr(DiffusersHost, "denoise", spoilt)
    assert imagine(place, tmp_path / "film.mp4") == 2
    told = capsys.readouterr().err
    assert "NaN or infinite values at frame 2" in told
    assert "bf16 or fp32" in told
    assert count_frames(tmp_path / "film.mp4") == 2


def test_a_film_is_shown_enlarged_and_only_the_beginning_is_heard(place, tmp_path):
    out = tmp_path / "film.mp4"
    given = ("--show-size", 128, "--seconds", 0.08)
    assert imagine(place, out, *given, file="other.wav") == 0
    assert count_frames(out) == 2
    assert next(read_frames(out, [0])).shape == (3, 128, 128)
    assert sum(part.shape[1] for part in decode_sound(out)) == pytest.approx(1_280, abs=1)


@pytest.fixture
def shipped(place, tmp_path, monkeypatch):
    """A package with tiny random weights of both suites."""
    assets, trained = tmp_path / "assets", tmp_path / "trained"
    pack_suite("listen", save_tiny_listeners(tmp_path / "listeners"), folder=assets)
    save_tiny_suite(trained, TINY.width, TINY.width)
    (trained / "training.json").write_text(json.dumps(ABOUT))
    for name in ADAPTERS:
        retold(trained / f"{name}.safetensors")
    told = RecommendedConfig(prompt="a hat", num_steps=2, guidance=1.0, show_size=96, label="demo")
    also = {"recommended.json": recommended_bytes(told)}
    pack_suite("imagine", trained, also=also, folder=assets)
    monkeypatch.setattr(suite, "SHIPPED", assets)
    monkeypatch.chdir(tmp_path)
    return assets


def test_a_voice_is_enough_where_weights_are_shipped(shipped, place, capsys):
    assert main(["imagine", str(place / "voice.wav"), "--report", "report.json"]) == 0
    told = json.loads((shipped.parent / "report.json").read_text())
    out = shipped.parent / "out" / "imagine" / "voice.mp4"
    assert count_frames(out) == FRAMES
    frame = next(read_frames(out, [0]))
    assert frame.shape[2] == 96
    assert frame.shape[1] > 96  # the label
    assert (told["settings"]["num_steps"], told["settings"]["first_guidance"]) == (2, 1.0)
    assert told["model"] == "the shipped demonstration model"
    assert main(["imagine", str(place / "voice.wav")]) == 2
    assert "voice.mp4 exists already" in capsys.readouterr().err


def test_the_models_own_prompt_stands_where_no_adapter_brings_one(shipped, place):
    (shipped / "imagine" / "textual_inversion.safetensors").unlink()
    model = shipped / "imagine"
    given = ["--model", str(model), "--report", "report.json", "--prompt", "red", "--steps", "1"]
    assert main(["imagine", str(place / "voice.wav"), *given]) == 0
    assert json.loads((shipped.parent / "report.json").read_text())["prompt"] == "a hat, red"


def test_a_copy_without_weights_says_how_to_get_them(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(suite, "SHIPPED", tmp_path)
    assert main(["imagine", str(place / "voice.wav"), "--out", str(tmp_path / "film.mp4")]) == 2
    told = capsys.readouterr().err
    assert "no trained weights for 'imagine' are shipped" in told
    assert "Give yours with --model" in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--size", 60), "multiples of 8.*56 or 64"),
        (("--scheduler", "euler"), "'euler' is not one of this diffusers"),
        (("--lora", "nowhere.safetensors"), "weights not found"),
        (("--image", "nowhere.png"), "nowhere.png is not there"),
        (("--emotion-from", "nowhere.wav"), "nowhere.wav is not there"),
        (("--steps", 0), "num_steps is 0"),
        (("--guidance", 0.5), "first_guidance is 0.5"),
        (("--adapters", "."), "adapters not found"),
        (("--device", "cuda:77"), "--device cuda:77 cannot be used here"),
        (("--control", "depth"), "--control is given without --controlnet"),
        (("--lora-scale", 0.5), "--lora-scale is given without --lora"),
        (("--configs", "."), "a folder as model brings its own"),
        (("--show-size", 33), "shown size is 33"),
        (("--seconds", 0), "--seconds is 0, which is no frame"),
        (("--sheet", "sheet.jpg"), "does not end in .png"),
        (("--go-on",), "there is nothing to go on with"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(place, tmp_path, capsys, given, told):
    assert imagine(place, tmp_path / "film.mp4", *given) == 2
    assert re.search(told, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_a_picture_of_another_size_is_refused_with_the_size_that_works(place, tmp_path, capsys):
    save_picture(torch.zeros(3, 40, 40), tmp_path / "face.png")
    assert imagine(place, tmp_path / "film.mp4", "--image", tmp_path / "face.png") == 2
    assert "40 x 40 but the meshes are 64 x 64" in capsys.readouterr().err


@pytest.mark.parametrize("size", [8, 16, 40, 72])
def test_every_multiple_of_eight_works(place, tmp_path, size, capsys):
    assert imagine(place, tmp_path / "film.mp4", "--size", size) == 0, capsys.readouterr().err


def test_a_film_that_is_there_is_not_overwritten_unasked(place, tmp_path, capsys):
    (tmp_path / "film.mp4").write_bytes(b"kept")
    assert imagine(place, tmp_path / "film.mp4") == 2
    assert "film.mp4" in capsys.readouterr().err
    assert (tmp_path / "film.mp4").read_bytes() == b"kept"
