"""MODNet's weights through the files users have, written here with the released keys."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imagineid_core.errors import InputError, MissingPackageError, WeightsError
from imagineid_core.imagine.background import Matte
from imagineid_core.imagine.modnet import MODNet, MODNetConfig
from imagineid_core.interop.modnet import (
    MODNetMatte,
    load_modnet,
    load_modnet_network,
    seen_size,
)
from tests.parity import SEED, assert_parity, formula_weights, weights


@pytest.fixture(scope="module")
def released() -> dict[str, torch.Tensor]:
    return {f"module.{key}": value for key, value in weights("modnet").items()}


@pytest.fixture(scope="module")
def checkpoint(released, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "modnet_photographic_portrait_matting.ckpt"
    torch.save(released, path)
    return path


def test_the_released_checkpoint_gives_the_matte_of_the_reference(checkpoint):
    image = formula_weights.image("modnet:image", (1, 3, 256, 320), SEED, -1, 1)
    network = load_modnet_network(checkpoint)
    assert not network.training
    with torch.inference_mode():
        matte = network(torch.from_numpy(image))
    blocks = torch.nn.functional.avg_pool2d(matte, 8)
    assert_parity(
        "modnet", {"matte": matte, "matte_mean8": blocks}, {"matte": 5e-5, "matte_mean8": 2e-5}
    )


def test_safetensors_and_unwrapped_keys_are_read_alike(checkpoint, released, tmp_path):
    plain = {key.removeprefix("module."): value.clone() for key, value in released.items()}
    save_file(plain, tmp_path / "modnet.safetensors")
    one, other = (
        load_modnet_network(checkpoint),
        load_modnet_network(tmp_path / "modnet.safetensors"),
    )
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


def test_every_weight_is_placed_but_the_heads_for_training(released):
    """What stays unread: the backbone's second name, and what only the training supervises."""
    keys = {key.removeprefix("module."): value.numel() for key, value in released.items()}
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    learned = {key: count for key, count in keys.items() if not key.endswith(buffers)}
    once = {k: n for k, n in learned.items() if not k.startswith("lr_branch.backbone.")}
    assert sum(once.values()) == 6_487_075
    heads = sum(n for k, n in once.items() if k.split(".")[1] in ("conv_lr", "conv_hr"))
    placed = sum(weight.numel() for weight in MODNet(MODNetConfig()).parameters())
    assert placed == 6_487_075 - heads


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ((512, 512), (512, 512)),
        ((128, 128), (512, 512)),
        ((480, 640), (480, 640)),  # 512 lies between the sides: as it is
        ((720, 1280), (512, 896)),
        ((600, 400), (576, 384)),
        ((300, 200), (768, 512)),
    ],
)
def test_pictures_are_resized_by_the_rule_of_the_authors(given, seen):
    assert seen_size(*given) == seen


def test_a_picture_too_narrow_is_refused_with_its_size():
    with pytest.raises(InputError, match=r"600 x 20, and MODNet needs 32 pixels"):
        seen_size(20, 600)


def test_the_matte_of_any_picture_has_its_size(checkpoint):
    seen = []

    def first_channel(images):
        seen.append(tuple(images.shape[-2:]))
        return images[:, :1]

    images = torch.rand(2, 3, 300, 200, generator=torch.Generator().manual_seed(0))
    assert MODNetMatte(first_channel)(images).shape == (2, 1, 300, 200)
    assert seen == [(768, 512)]
    assert isinstance(load_modnet(checkpoint), Matte)


def test_a_missing_or_resized_weight_is_named_as_released(released, tmp_path):
    path = tmp_path / "modnet.ckpt"
    torch.save(
        {k: v for k, v in released.items() if k != "module.f_branch.conv_f.1.layers.0.bias"}, path
    )
    with pytest.raises(
        WeightsError,
        match=r"modnet.ckpt does not fit MODNet: missing f_branch.conv_f.1.layers.0.bias",
    ):
        load_modnet(path)
    torch.save({**released, "module.extra.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="unexpected extra.weight"):
        load_modnet(path)


class Surprise:
    def __reduce__(self):
        return (print, ("opened",))


def test_a_pickle_with_more_than_tensors_is_not_opened(tmp_path, capsys):
    torch.save({"module.a": Surprise()}, tmp_path / "modnet.ckpt")
    with pytest.raises(WeightsError, match=r"modnet.ckpt holds more than tensors"):
        load_modnet(tmp_path / "modnet.ckpt")
    assert capsys.readouterr().out == ""


def test_a_file_of_something_else_is_named(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / "list.ckpt")
    with pytest.raises(WeightsError, match="list.ckpt has no state dict"):
        load_modnet(tmp_path / "list.ckpt")
    with pytest.raises(WeightsError, match="weights not found: .*gone.onnx"):
        load_modnet(tmp_path / "gone.onnx")


def test_onnx_without_its_runtime_names_the_line_that_installs_it(tmp_path, monkeypatch):
    (tmp_path / "modnet.onnx").write_bytes(b"onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'comfyui-imagineid\[modnet\]'"):
        load_modnet(tmp_path / "modnet.onnx")


class Session:
    """Stands in for onnxruntime's: the mean of the three colours, one picture at a time."""

    def __init__(self, content, providers):
        if content != b"onnx":
            raise RuntimeError("no protobuf")

    def get_inputs(self):
        return [SimpleNamespace(name="input")]

    def run(self, outputs, inputs):
        assert inputs["input"].dtype == np.float32
        assert inputs["input"].shape == (1, 3, 512, 512)
        return [inputs["input"].mean(1, keepdims=True)]


def test_onnx_sees_resized_pictures_and_answers_in_their_size(tmp_path, monkeypatch):
    runtime = SimpleNamespace(
        InferenceSession=Session, get_available_providers=lambda: ["CPUExecutionProvider"]
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    (tmp_path / "modnet.onnx").write_bytes(b"onnx")
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = load_modnet(tmp_path / "modnet.onnx")(images)
    torch.testing.assert_close(found, images.mean(1, keepdim=True))  # 8 x 8 equal pixels each
    (tmp_path / "modnet.onnx").write_bytes(b"cut")
    with pytest.raises(WeightsError, match=r"modnet.onnx is not a readable ONNX file"):
        load_modnet(tmp_path / "modnet.onnx")
