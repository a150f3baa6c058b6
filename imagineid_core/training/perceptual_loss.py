"""What a network that knows pictures says of two of them: VGG of the user's own (Sec. 3.2, MBA).

Any VGG without batch norm, as its state dict has it: the numbers of its layers tell where it pools.
Without one, differences of neighbouring pixels stand in. Knows nothing about adapters.
"""

from os import PathLike
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.checkpoint import read_tensors
from imagineid_core.errors import WeightsError
from imagineid_core.training.vae_stage import edge_distance

Images = Float[Tensor, "batch 3 height width"]
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, pixels in [0, 1]
_SCALES = (1, 2, 4)


class VggDistance(nn.Module):
    """Mean distance of the features before each pooling, `num_blocks` of them."""

    mean: Tensor
    spread: Tensor

    def __init__(self, weights: dict[str, Tensor], num_blocks: int = 4) -> None:
        super().__init__()
        numbers = sorted(
            int(key.split(".")[1])
            for key, value in weights.items()
            if key.startswith("features.") and key.endswith(".weight") and value.ndim == 4
        )
        if not numbers or numbers[0] != 0 or weights["features.0.weight"].shape[1] != 3:
            raise WeightsError(
                "these weights are not a VGG: features.0.weight with three input channels is "
                "missing. Give the state dict of VGG16 or VGG19, without batch norm."
            )
        self.blocks = nn.ModuleList()
        block: list[nn.Module] = []
        for number, following in zip(numbers, [*numbers[1:], -1], strict=True):
            weight = weights[f"features.{number}.weight"]
            conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[-1], padding=1)
            conv.load_state_dict({"weight": weight, "bias": weights[f"features.{number}.bias"]})
            block += [conv, nn.ReLU()]
            if following != number + 2:  # a convolution, its ReLU, and then a pooling
                self.blocks.append(nn.Sequential(*block))
                block = [nn.MaxPool2d(2)]
        self.blocks = self.blocks[:num_blocks]
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(_SPREAD).view(1, 3, 1, 1))

    def forward(self, images: Images, truth: Images) -> Float[Tensor, ""]:
        x, y = (((one + 1) / 2 - self.mean) / self.spread for one in (images, truth))
        total = images.new_zeros(())
        for block in self.blocks:
            x, y = block(x), block(y)
            total = total + (x - y).abs().mean()
        return total / len(self.blocks)


class EdgeDistance(nn.Module):
    """How far the slopes are apart at three scales."""

    def forward(self, images: Images, truth: Images) -> Float[Tensor, ""]:
        off = images - truth
        even = torch.ones_like(off[:, :1])
        return torch.stack([edge_distance(off, even, scale) for scale in _SCALES]).sum()


def load_vgg_distance(path: str | PathLike[str]) -> VggDistance:
    """From a state dict, .safetensors or as torch saves it."""
    path = Path(path)
    if path.suffix == ".safetensors":
        return VggDistance(read_tensors(path)[1])
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{path} cannot be read ({type(error).__name__}). Give the state dict of VGG16 or "
            "VGG19 as .safetensors or .pth."
        ) from error
    return VggDistance(weights)
