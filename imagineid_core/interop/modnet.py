"""MODNet's released portrait mattes, from its checkpoint or as ONNX (Alg. 1, G_MOD).

Does not know what the matte is for.
"""

from collections.abc import Callable
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from imagineid_core.errors import InputError, MissingPackageError, WeightsError
from imagineid_core.imagine.background import Matte
from imagineid_core.imagine.modnet import MULTIPLE, MODNet, MODNetConfig
from imagineid_core.interop.released import fill_renamed, read_part, read_pickle

_SHORT_SIDE = 512  # pixels
_WRAPPED = "module."  # of every key, as DataParallel leaves them
# The backbone once more under its second name, and two heads for training.
_IGNORED = ("lr_branch.backbone.", "lr_branch.conv_lr.", "hr_branch.conv_hr.")
_PARTS = {
    "coarse.squeeze": "lr_branch.se_block.fc.0",
    "coarse.excite": "lr_branch.se_block.fc.2",
    "coarse.sixteenth": "lr_branch.conv_lr16x",
    "coarse.eighth": "lr_branch.conv_lr8x",
    "fine.from_half": "hr_branch.tohr_enc2x",
    "fine.to_quarter": "hr_branch.conv_enc2x",
    "fine.from_quarter": "hr_branch.tohr_enc4x",
    "fine.at_quarter": "hr_branch.conv_enc4x",
    "fine.joined_quarter": "hr_branch.conv_hr4x",
    "fine.at_half": "hr_branch.conv_hr2x",
    "joined.at_quarter": "f_branch.conv_lr4x",
    "joined.at_half": "f_branch.conv_f2x",
    "joined.at_full": "f_branch.conv_f.0",
    "joined.matte": "f_branch.conv_f.1.layers.0",
    "backbone.blocks": "backbone.model.features",
}


class MODNetMatte:
    """A `Matte` for pictures of any size: resized as MODNet's authors do, and back."""

    def __init__(self, matte: Callable[[Tensor], Tensor]) -> None:
        self._matte = matte

    @torch.no_grad()
    def __call__(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        height, width = images.shape[-2:]
        seen = interpolate(images.float(), seen_size(height, width), mode="area")
        return interpolate(self._matte(seen), (height, width), mode="area").to(images)

    def to(self, device: torch.device | str) -> "MODNetMatte":
        """Move the weights; an ONNX session chose its device when it was opened."""
        if isinstance(self._matte, MODNet):
            self._matte.to(device)
        return self


def load_modnet(path: str | PathLike[str]) -> Matte:
    """From modnet_photographic_portrait_matting.ckpt (or .safetensors of it), or an .onnx file."""
    if Path(path).suffix.lower() == ".onnx":
        return MODNetMatte(_OnnxSession(path))
    return MODNetMatte(load_modnet_network(path))


def load_modnet_network(path: str | PathLike[str]) -> MODNet:
    """The network alone; every weight that inference has, in eval mode."""
    path = Path(path)
    if path.suffix.lower() == ".safetensors":
        released = read_part(path, "")
    else:
        released = read_pickle(path, key=None)
    if all(key.startswith(_WRAPPED) for key in released):
        released = {key[len(_WRAPPED) :]: value for key, value in released.items()}
    network = MODNet(MODNetConfig())
    names = {name: _released_name(name) for name, _ in network.named_modules()}
    fill_renamed(network, released, names, part="MODNet", source=path.name, ignored=_IGNORED)
    return network.eval()


def seen_size(height: int, width: int) -> tuple[int, int]:
    """The rule of MODNet's authors: about 512 at the short side, both sides multiples of 32."""
    if max(height, width) < _SHORT_SIDE or min(height, width) > _SHORT_SIDE:
        short = min(height, width)
        height, width = (int(side / short * _SHORT_SIDE) for side in (height, width))
    rows, columns = (side - side % MULTIPLE for side in (height, width))
    if not rows or not columns:
        raise InputError(
            f"The picture is {width} x {height}, and MODNet needs {MULTIPLE} pixels a side at "
            "least. Use a larger or a less narrow one."
        )
    return rows, columns


class _OnnxSession:
    def __init__(self, path: str | PathLike[str]) -> None:
        path = Path(path)
        if not path.is_file():
            raise WeightsError(
                f"weights not found: {path} is not a file. "
                "Give the path of the exported .onnx. See README, Weights."
            )
        try:
            runtime: Any = import_module("onnxruntime")
        except ImportError as error:
            raise MissingPackageError(
                f"{path.name} needs the package 'onnxruntime', which cannot be imported ({error}). "
                "Install it with: pip install 'comfyui-imagineid[modnet]'"
            ) from error
        try:
            self._session = runtime.InferenceSession(
                path.read_bytes(), providers=runtime.get_available_providers()
            )
        except Exception as error:  # the runtime's own kinds, which differ between versions
            raise WeightsError(
                f"{path.name} is not a readable ONNX file ({error}). "
                "It may be cut off or of another format; download it again."
            ) from error

    def __call__(self, images: Tensor) -> Tensor:
        """One by one: exports with a fixed batch of one are common."""
        name = self._session.get_inputs()[0].name
        mattes = []
        for image in images:
            pixels = np.ascontiguousarray(image[None].cpu().numpy(), dtype=np.float32)
            mattes.append(torch.from_numpy(self._session.run(None, {name: pixels})[0]))
        return torch.cat(mattes).to(images)


def _released_name(ours: str) -> str:
    for name, theirs in _PARTS.items():
        if ours == name or ours.startswith(f"{name}."):
            rest = ours[len(name) :]
            if not name.startswith("backbone."):
                rest = rest.replace(".conv", ".layers.0").replace(".norm", ".layers.1.bnorm")
            return theirs + rest
    return ours
