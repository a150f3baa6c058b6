"""LaMa (Suvorov et al., WACV 2022) through spandrel, as an inpainter for I_bg (Alg. 1, G_IA).

The paper's Inpaint-Anything ends in LaMa; its mask comes from a matte here instead of from SAM.
Does not know what the hole was.
"""

import zipfile
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import MissingPackageError, WeightsError
from imagineid_core.imagine.background import hole_of
from imagineid_core.interop.released import read_part, read_pickle

_LIGHTNING_KEY = "state_dict"
_GENERATOR = "generator."  # beside it a Lightning file holds the discriminator


class LaMaInpaint:
    """An `Inpaint`: the hole is made up in whole pixels, everything else stays bit for bit.

    spandrel's descriptor pads to multiples of 8 (16 at least) and cuts the result back.
    """

    def __init__(self, descriptor: Any) -> None:
        self._descriptor = descriptor

    @torch.no_grad()
    def __call__(
        self,
        images: Float[Tensor, "batch 3 height width"],
        mask: Float[Tensor, "batch 1 height width"],
    ) -> Float[Tensor, "batch 3 height width"]:
        hole = hole_of(mask)
        if not bool(hole.any()):
            return images
        filled = []
        for image, covered in zip(images.float(), hole.float(), strict=True):
            # One by one, in [0, 1], float32: what LaMa's Fourier layers take.
            filled.append(self._descriptor(image[None] / 2 + 0.5, covered[None]) * 2 - 1)
        return torch.where(hole, torch.cat(filled).clamp(-1, 1).to(images), images)

    def to(self, device: torch.device | str) -> "LaMaInpaint":
        self._descriptor.to(device)
        return self


def load_lama(path: str | PathLike[str]) -> LaMaInpaint:
    """From big-lama.pt (TorchScript), a Lightning .ckpt, a .pth or .safetensors of its generator.

    Of a TorchScript file the weights alone are taken; a pickle with more than tensors stays shut.
    """
    path = Path(path)
    try:
        spandrel: Any = import_module("spandrel")
    except ImportError as error:
        raise MissingPackageError(
            f"{path.name} needs the package 'spandrel', which cannot be imported ({error}). "
            "Install it with: pip install 'comfyui-imagineid[lama]'"
        ) from error
    state = _state(path)
    if any(key.startswith(_GENERATOR) for key in state):
        state = {key: value for key, value in state.items() if key.startswith(_GENERATOR)}
    try:
        descriptor = spandrel.ModelLoader(device="cpu").load_from_state_dict(state)
    except spandrel.UnsupportedModelError as error:
        raise WeightsError(
            f"{path.name} holds no network that spandrel knows. Give big-lama.pt, or the "
            "generator's weights of LaMa as .safetensors."
        ) from error
    except RuntimeError as error:  # of load_state_dict: it lists the keys that do not fit
        raise WeightsError(
            f"{path.name} does not fit LaMa: {error}. Use the file as it was released."
        ) from error
    if not isinstance(descriptor, spandrel.MaskedImageModelDescriptor):
        raise WeightsError(
            f"{path.name} holds '{descriptor.architecture.name}', which does not inpaint. "
            "Give big-lama.pt, or the generator's weights of LaMa as .safetensors."
        )
    return LaMaInpaint(descriptor.eval())


def _state(path: Path) -> dict[str, Tensor]:
    if path.suffix.lower() == ".safetensors":
        return read_part(path, "")
    if _is_torchscript(path):
        return dict(torch.jit.load(str(path), map_location="cpu").state_dict())
    if path.suffix.lower() == ".ckpt":
        return read_pickle(path, key=_LIGHTNING_KEY)
    return read_pickle(path, key=None)


def _is_torchscript(path: Path) -> bool:
    if not (path.is_file() and zipfile.is_zipfile(path)):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.split("/")[1:] == ["constants.pkl"] for name in archive.namelist())
