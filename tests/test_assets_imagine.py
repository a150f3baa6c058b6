"""The suite 'imagine': a diffusers folder in parts, and the adapters that are good enough."""

import dataclasses
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from imagineid_core.assets import check_suite, pack, pack_suite, read_manifest, suite
from imagineid_core.assets.manifest import MANIFEST
from imagineid_core.checkpoint import read_tensors
from imagineid_core.cli import main
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.mini_suite import MINI_RECOMMENDED
from imagineid_core.imagine.recommended import load_recommended
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from tests.imagine.tiny_diffusion import save_tiny_suite
from tests.tiny import TRAINING

ADAPTERS = ("textual_inversion", "spatial_condition", "mask_blending", "matting")
ABOUT = {
    "command": "imagineid train imagine --preset tiny --seed 0",
    "preset": "tiny",
    "seed": 0,
    "corpus": "p" * 64,
    "recipe": "r" * 64,
    "stages": {
        "vae": {"steps": 30, "best_step": 20, "loss": 0.3},
        "caption": {"steps": 4, "best_step": 4, "loss": 0.2},
        "diffusion": {"steps": 50, "best_step": 50, "loss": 0.1},
        "fine_diffusion": {"steps": 20, "best_step": 20, "loss": 0.09},
        "finer_diffusion": {"steps": 10, "best_step": 10, "loss": 0.08},
    },
    "gates": {"vae": {"gate": "vae", "is_passed": True, "figures": {"psnr": 32.5}}},
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def retold(path, **provenance):
    """The same weights in half precision, with what a training says of them."""
    metadata, state = read_tensors(path)
    half = {name: one.half() if one.is_floating_point() else one for name, one in state.items()}
    save_file(half, path, {**metadata, "provenance": json.dumps({**TRAINING, **provenance})})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What trainings write: a model in one folder, each adapter in one of two others."""
    folder = tmp_path_factory.mktemp("обучено é")
    save_tiny_suite(folder / "model")
    (folder / "model" / "training.json").write_text(json.dumps(ABOUT))
    for name in ADAPTERS:
        place = folder / ("matting" if name == "matting" else "adapters")
        place.mkdir(exist_ok=True)
        shutil.move(folder / "model" / f"{name}.safetensors", place)
        retold(place / f"{name}.safetensors")
    return folder


@pytest.fixture
def trained(made, tmp_path):
    return shutil.copytree(made, tmp_path / "trained é")


def folders(trained):
    return [trained / name for name in ("model", "adapters", "matting")]


def test_a_packed_model_loads_as_the_trained_one_with_all_its_adapters(trained, tmp_path):
    from imagineid_core.imagine.adapters import load_adapters

    pack_suite("imagine", *folders(trained), folder=tmp_path / "assets")
    place = check_suite("imagine", tmp_path / "assets")
    model, original = load_stable_diffusion(place), load_stable_diffusion(trained / "model")
    for part in ("vae", "unet", "text_encoder"):
        kept = getattr(model, part).state_dict()
        for name, tensor in getattr(original, part).state_dict().items():
            assert torch.equal(kept[name], tensor), name
    assert load_adapters(place, model).missing == ()


def test_every_file_is_listed_with_how_it_was_made(trained, tmp_path):
    assets = tmp_path / "assets"
    pack_suite("imagine", *folders(trained), folder=assets)
    told = json.loads((assets / MANIFEST).read_text())["suites"]["imagine"]
    lying = {path for path in (assets / "imagine").rglob("*") if path.is_file()}
    assert {assets / "imagine" / name for name in told["files"]} == lying
    vae = told["files"]["vae/diffusion_pytorch_model.safetensors"]
    assert vae["architecture"] == "AutoencoderKL"
    assert (vae["steps"], vae["corpus"]) == ({"vae": 30}, "p" * 64)
    assert vae["metrics"] == {"vae": {"best_step": 20, "loss": 0.3}}
    assert told["files"]["text_encoder/model.safetensors"]["steps"] == {
        "caption": 4,
        "diffusion": 50,
        "fine_diffusion": 20,
        "finer_diffusion": 10,
    }
    assert told["files"]["spatial_condition.safetensors"]["steps"] == TRAINING["steps"]
    assert told["files"]["tokenizer/merges.txt"]["command"] == ABOUT["command"]
    assert told["gates"] == ABOUT["gates"]
    assert read_manifest(assets).suites["imagine"].gates == ABOUT["gates"]


def test_adapters_are_shipped_as_they_become_good_enough(trained, tmp_path):
    assets = tmp_path / "assets"
    pack_suite("imagine", trained / "model", folder=assets)
    assert not list(check_suite("imagine", assets).glob("*.safetensors"))
    pack_suite("imagine", trained / "model", trained / "matting", folder=assets)
    names = [path.name for path in check_suite("imagine", assets).glob("*.safetensors")]
    assert names == ["matting.safetensors"]
    pack_suite("imagine", trained / "model", folder=assets)  # and it is gone again
    assert not list(check_suite("imagine", assets).glob("*.safetensors"))


def test_what_a_training_says_does_not_hide_what_a_file_is(trained, tmp_path):
    for path in trained.glob("*/*.safetensors"):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "in" / path.name)
    told = tmp_path / "in" / "textual_inversion.safetensors"
    retold(told, size="128", sha256="none")
    assets = tmp_path / "assets"
    pack_suite("imagine", trained / "model", tmp_path / "in", folder=assets)
    check_suite("imagine", assets)
    manifest = json.loads((assets / MANIFEST).read_text())["suites"]["imagine"]["files"]
    assert manifest["textual_inversion.safetensors"]["size"] == told.stat().st_size


def test_weights_that_the_manifest_does_not_list_are_not_used(trained, tmp_path):
    """A UNet in one file beside the same in parts: diffusers would take whichever it likes."""
    pack_suite("imagine", trained / "model", folder=tmp_path)
    (tmp_path / "imagine" / "unet" / "other.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"holds unet/other.safetensors, which .* not list"):
        check_suite("imagine", tmp_path)


def test_a_missed_gate_is_not_shipped_unless_it_is_said(trained, tmp_path):
    gate = tmp_path / "gate.json"
    gate.write_text(json.dumps({"gate": "captions", "is_passed": False, "figures": {"skin": 0.9}}))
    model = trained / "model"
    with pytest.raises(InputError, match="the gate captions was missed"):
        pack_suite("imagine", model, gates=[gate], folder=tmp_path / "assets")
    assert not (tmp_path / "assets").exists()
    packed = pack_suite(
        "imagine", model, gates=[gate], ships_missed=True, folder=tmp_path / "assets"
    )
    assert packed.gates["captions"]["is_passed"] is False
    assert packed.gates["vae"]["is_passed"] is True
    gate.write_text("{}")
    with pytest.raises(InputError, match="gate.json is not readable as a gate's figures"):
        pack_suite("imagine", model, gates=[gate], folder=tmp_path / "assets")


def _full_precision(trained):
    path = trained / "model" / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: one.float() for name, one in load_file(path).items()}, path)


def _pickled(trained):
    (trained / "model" / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"")


def _untold(trained):
    (trained / "model" / "training.json").write_text(json.dumps({**ABOUT, "corpus": ""}))


def _without_stage(trained):
    (trained / "model" / "training.json").write_text(json.dumps({**ABOUT, "stages": {}}))


def _no_model(trained):
    (trained / "model" / "model_index.json").unlink()


def _twice(trained):
    shutil.copy(trained / "matting" / "matting.safetensors", trained / "adapters")


def _nowhere_from(trained):
    retold(trained / "adapters" / "mask_blending.safetensors", corpus="")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_full_precision, "more than half precision"),
        (_pickled, r"diffusion_pytorch_model.bin is no .safetensors, .json, .txt file"),
        (_untold, r"training.json does not say its corpus"),
        (_without_stage, r"does not say how .* was trained \(stages "),
        (_no_model, r"model_index.json is not readable"),
        (_twice, r"matting.safetensors lies in .*adapters and in .*matting"),
        (_nowhere_from, r"mask_blending.safetensors does not say its corpus"),
    ],
)
def test_what_nobody_can_vouch_for_is_not_packed(trained, tmp_path, spoil, told):
    spoil(trained)
    with pytest.raises((InputError, WeightsError), match=told):
        pack_suite("imagine", *folders(trained), folder=tmp_path / "assets")
    assert not (tmp_path / "assets").exists()


def test_the_talkers_are_a_corpus_too(trained, tmp_path):
    retold(trained / "adapters" / "textual_inversion.safetensors", corpus="", talkers="t" * 64)
    assert pack_suite("imagine", *folders(trained), folder=tmp_path / "assets")


def test_the_limits_are_those_promised(trained, tmp_path, monkeypatch):
    assert (pack.MOST_BYTES, suite.SUITES["imagine"].most_bytes) == (16_000_000, 40_000_000)
    smaller = dataclasses.replace(suite.SUITES["imagine"], most_bytes=10_000)
    monkeypatch.setattr(suite, "SUITES", {"imagine": smaller})
    with pytest.raises(InputError, match="MB together but at most"):
        pack_suite("imagine", trained / "model", folder=tmp_path / "assets")


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_one_command_packs_a_model_with_what_it_is_best_used_with(trained, tmp_path, capsys):
    assets = tmp_path / "assets"
    arguments = ("assets", "pack", "--suite", "imagine", *folders(trained), "--assets", assets)
    assert run(*arguments, "--steps", 12, "--prompt", "a face") == 0, capsys.readouterr().err
    told = load_recommended(assets / "imagine")
    assert (told.num_steps, told.prompt, told.guidance) == (12, "a face", MINI_RECOMMENDED.guidance)
    assert run("assets", "check", "--assets", assets) == 0
    printed = capsys.readouterr().out
    assert "imagine: gate vae passed" in printed
    assert "imagine/unet/diffusion_pytorch_model.safetensors" in printed
    assert ABOUT["command"] in printed


def test_adapters_of_another_model_are_not_packed(trained, tmp_path, capsys):
    from imagineid_core.training.adapter_sources import digest_of

    model, path = load_stable_diffusion(trained / "model"), trained / "adapters"
    arguments = ("assets", "pack", "--suite", "imagine", *folders(trained))
    right = digest_of(model.unet)
    for digest, code in ((right, 0), ("0" * 64, 2)):
        retold(path / "spatial_condition.safetensors", model={"unet": digest})
        assert run(*arguments, "--assets", tmp_path / digest) == code
    assert "was trained on another unet than this model's" in capsys.readouterr().err
    retold(path / "spatial_condition.safetensors", model={"unet": right}, pad="0" * 64)
    assert run(*arguments, "--assets", tmp_path / "pad") == 2
    assert "was trained on another PAD than the shipped one" in capsys.readouterr().err


def test_mask_blending_outlives_the_unet_but_not_the_autoencoder(trained, tmp_path, capsys):
    """MBA never saw a UNet, so one of before is packed with one that learned on."""
    path = trained / "adapters" / "mask_blending.safetensors"
    arguments = ("assets", "pack", "--suite", "imagine", *folders(trained))
    for part, code in (("unet", 0), ("vae", 2)):
        retold(path, model={part: "0" * 64})
        assert run(*arguments, "--assets", tmp_path / part) == code
    assert "was trained on another vae than this model's" in capsys.readouterr().err


def test_listening_networks_have_no_prompt(trained, tmp_path, capsys):
    given = ("--prompt", "a face", "--assets", tmp_path)
    assert run("assets", "pack", trained / "adapters", *given) == 2
    assert "--prompt is given, but the suite 'listen' has none" in capsys.readouterr().err
