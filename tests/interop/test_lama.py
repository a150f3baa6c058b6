"""LaMa's files reach spandrel as plain tensors, and its answer stays inside the hole."""

import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from imagineid_core.errors import InputError, MissingPackageError, WeightsError
from imagineid_core.imagine.background import Inpaint
from imagineid_core.interop.lama import load_lama


class Descriptor:
    """Stands in for spandrel's: grey where the mask is, garbage elsewhere."""

    architecture = SimpleNamespace(name="LaMa")

    def __init__(self, state):
        self.state, self.masks = state, []

    def eval(self):
        return self

    def __call__(self, image, mask):
        assert image.dtype == torch.float32
        assert len(image) == len(mask) == 1
        assert 0 <= image.min() <= image.max() <= 1
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        self.masks.append(mask)
        return torch.where(mask > 0, 0.5, torch.rand_like(image))


class Inpainter(Descriptor):
    pass


class Upscaler(Descriptor):
    architecture = SimpleNamespace(name="ESRGAN")


class UnsupportedModelError(Exception):
    pass


class ModelLoader:
    def __init__(self, device):
        pass

    def load_from_state_dict(self, state):
        if "upscale" in state:
            return Upscaler(state)
        if not any(key.endswith("model.1.bn_l.running_mean") for key in state):
            raise UnsupportedModelError
        if "generator.extra" in state:
            raise RuntimeError("Unexpected key(s) in state_dict: extra")
        return Inpainter(state)


@pytest.fixture
def spandrel(monkeypatch):
    module = SimpleNamespace(
        ModelLoader=ModelLoader,
        UnsupportedModelError=UnsupportedModelError,
        MaskedImageModelDescriptor=Inpainter,
    )
    monkeypatch.setitem(sys.modules, "spandrel", module)


STATE = {"generator.model.1.bn_l.running_mean": torch.zeros(2)}


@pytest.mark.usefixtures("spandrel")
def test_only_the_hole_changes_and_soft_masks_are_rounded_outwards(tmp_path):
    save_file(STATE, tmp_path / "lama.safetensors")
    inpaint = load_lama(tmp_path / "lama.safetensors")
    assert isinstance(inpaint, Inpaint)
    images = torch.rand(2, 3, 10, 9, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = torch.zeros(2, 1, 10, 9)
    mask[:, :, 2:5, 3:6] = torch.tensor([0.2, 1.0, 0.2])
    filled = inpaint(images, mask)
    hole = (mask > 0).expand_as(images)
    assert torch.equal(filled[~hole], images[~hole])
    assert (filled[hole] == 0).all()
    assert torch.equal(inpaint(images, torch.zeros_like(mask)), images)


@pytest.mark.usefixtures("spandrel")
def test_a_mask_over_everything_is_refused(tmp_path):
    save_file(STATE, tmp_path / "lama.safetensors")
    with pytest.raises(InputError, match="covers all of picture 0, so nothing is left to fill"):
        load_lama(tmp_path / "lama.safetensors")(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8))


@pytest.mark.usefixtures("spandrel")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_every_kind_of_file_gives_its_generator(tmp_path):
    lightning = {"state_dict": {**STATE, "discriminator.a": torch.zeros(1)}, "epoch": 3}
    torch.save(lightning, tmp_path / "best.ckpt")
    torch.save(dict(STATE), tmp_path / "lama.pth")
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "other.pt"))
    for name in ("best.ckpt", "lama.pth"):
        descriptor = load_lama(tmp_path / name)._descriptor
        assert set(descriptor.state) == set(STATE)
    with pytest.raises(WeightsError, match="other.pt holds no network that spandrel knows"):
        load_lama(tmp_path / "other.pt")


@pytest.mark.usefixtures("spandrel")
def test_other_networks_and_other_keys_are_named(tmp_path):
    save_file({"upscale": torch.zeros(1)}, tmp_path / "up.safetensors")
    with pytest.raises(WeightsError, match="up.safetensors holds 'ESRGAN', which does not inpaint"):
        load_lama(tmp_path / "up.safetensors")
    save_file({**STATE, "generator.extra": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match="b.safetensors does not fit LaMa: Unexpected key"):
        load_lama(tmp_path / "b.safetensors")


class Surprise:
    def __reduce__(self):
        return (print, ("opened",))


@pytest.mark.usefixtures("spandrel")
@pytest.mark.parametrize("name", ["lama.ckpt", "lama.pth", "lama.pt"])
def test_a_pickle_with_more_than_tensors_is_not_opened(tmp_path, capsys, name):
    torch.save({"state_dict": {"a": Surprise()}}, tmp_path / name)
    with pytest.raises(WeightsError, match="holds more than tensors"):
        load_lama(tmp_path / name)
    assert capsys.readouterr().out == ""


def test_without_spandrel_the_line_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'comfyui-imagineid\[lama\]'"):
        load_lama(tmp_path / "big-lama.pt")
