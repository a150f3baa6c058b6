"""LoRA files folded into a model's own weights: W + scale * alpha / rank * up @ down.

Reads the names of kohya's scripts, diffusers and PEFT. Folded in, a LoRA costs nothing a step and
needs no package. Knows nothing about which model it is given beyond the names of its layers.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.checkpoint import listed_keys, read_tensors
from imagineid_core.errors import WeightsError

_ENDINGS = {
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    ".alpha": "alpha",
}
_OLD_ATTENTION = re.compile(r"\.processor\.(to_[a-z]+)_lora\.")


def fold_lora(
    path: str | Path, *, unet: nn.Module, text_encoder: nn.Module, scale: float = 1.0
) -> int:
    """Add a LoRA to both networks, whole or not at all; how many layers were changed."""
    path = Path(path)
    _, state = read_tensors(path)
    layers = _layers(unet, "unet") | _layers(text_encoder, "text_encoder")
    changes = _changes(state, layers, path.name)
    deltas = {name: _delta(parts, layers[name]) for name, parts in changes.items()}
    if problems := [name for name, delta in deltas.items() if delta is None]:
        raise WeightsError(
            f"{path.name} does not fit this model: {len(problems)} of {len(changes)} layers have "
            f"another size ({listed_keys(problems)}). It was made for another base model; use a "
            "LoRA for this one."
        )
    with torch.no_grad():
        for name, delta in deltas.items():
            assert delta is not None
            weight = layers[name].weight
            assert isinstance(weight, Tensor)
            changed = weight.float() + scale * delta.to(weight.device)
            weight.copy_(changed.to(weight.dtype))
    return len(deltas)


def _layers(network: nn.Module, name: str) -> dict[str, nn.Module]:
    """Linear and convolution layers by the names LoRA files use, prefixed."""
    return {
        f"{name}.{place.removeprefix('text_model.')}": layer
        for place, layer in network.named_modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d))
    }


def _changes(
    state: Mapping[str, Tensor], layers: Mapping[str, nn.Module], source: str
) -> dict[str, dict[str, Tensor]]:
    flat = {_flat(name): name for name in layers}
    changes: dict[str, dict[str, Tensor]] = {}
    unknown = []
    for key, tensor in state.items():
        name, part = _split(key)
        place = flat.get(_flat(name)) if name else None
        if place is None:
            unknown.append(key)
        else:
            changes.setdefault(place, {})[part] = tensor
    unpaired = [name for name, parts in changes.items() if not {"down", "up"} <= set(parts)]
    if unknown or unpaired or not changes:
        raise WeightsError(
            f"{source} does not fit this model: {len(unknown)} of {len(state)} keys are of layers "
            f"it does not have or of a kind that is not plain LoRA"
            f" ({listed_keys(sorted(unknown) or unpaired)}). "
            "Use a LoRA made for this base model (SD1.x or SD2.x, not SDXL), without DoRA or LoHa."
        )
    return changes


def _split(key: str) -> tuple[str, str]:
    """The layer a key speaks of, with its network in front, and what it holds of it."""
    key = _OLD_ATTENTION.sub(lambda found: f".{found.group(1)}.lora.", key)
    for ending, part in _ENDINGS.items():
        if key.endswith(ending):
            return _networked(key.removesuffix(ending)), part
    return "", ""


def _networked(name: str) -> str:
    for written, network in (
        ("lora_unet_", "unet."),
        ("lora_te_", "text_encoder."),
        ("lora_te1_", "text_encoder."),
    ):
        name = network + name.removeprefix(written) if name.startswith(written) else name
    for text in (".text_model.", ".text_model_"):
        name = name.replace(f"text_encoder{text}", "text_encoder.", 1)
    return re.sub(r"\.to_out$", ".to_out.0", name)


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _delta(parts: Mapping[str, Tensor], layer: nn.Module) -> Float[Tensor, "..."] | None:
    """alpha / rank * up @ down in the shape of the layer's weight; None if it does not fit."""
    down, up = parts["down"].float(), parts["up"].float()
    weight = layer.weight
    assert isinstance(weight, Tensor)
    rank = len(down)
    if up.flatten(1).shape != (len(weight), rank) or down[0].numel() != weight[0].numel():
        return None
    alpha = float(parts["alpha"]) if "alpha" in parts else float(rank)
    return (alpha / rank * (up.flatten(1) @ down.flatten(1))).reshape(weight.shape)
