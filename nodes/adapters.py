"""The trained adapters as ComfyUI loads and unloads them, one bundle on one wire.

Knows nothing about which model they will meet: what uses one checks that it fits.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from comfy import model_management
from comfy_api.latest import io

from imagineid_core.assets import IMAGINE, check_suite
from imagineid_core.imagine.mask_blending import load_mask_blending
from imagineid_core.imagine.matting import load_matting
from imagineid_core.imagine.spatial_condition import load_spatial_condition
from imagineid_core.imagine.textual_inversion import (
    TextualInversionAdapter,
    load_textual_inversion,
)

from .model_files import EMBEDDED, place_of, state_of, weight_files
from .schema import ImagineNode, gives, node_schema, refusal, takes
from .sockets import ADAPTERS
from .whole_patcher import WholePatcher

NONE = "none"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AdapterBundle:
    """Without one of them that part is plain Stable Diffusion.

    TIA is two small layers and stays where it is; the others are under a WholePatcher.
    """

    textual: TextualInversionAdapter | None = None  # TIA
    spatial: Any = None  # SCA
    blending: Any = None  # MBA
    matting: Any = None


@dataclass(frozen=True, kw_only=True)
class _Part:
    file: str  # its name in the embedded suite, without ending
    load: Callable[[Path], Any]
    tooltip: str


_PARTS = {
    "textual": _Part(
        file="textual_inversion",
        load=load_textual_inversion,
        tooltip="TIA: voice and emotion as words of the prompt. The paper's has 8 words.",
    ),
    "spatial": _Part(
        file="spatial_condition",
        load=lambda path: patched(load_spatial_condition(path), like_unet=True),
        tooltip="SCA: mesh, first and previous frame steer the UNet. The paper's has 282.9 M "
        "parameters.",
    ),
    "blending": _Part(
        file="mask_blending",
        load=lambda path: patched(load_mask_blending(path)),
        tooltip="MBA: keeps the background of the first frame in every frame. The paper's blends "
        "at 512 pixels only.",
    ),
    "matting": _Part(
        file="matting",
        load=lambda path: patched(load_matting(path)),
        tooltip="Finds the person for mask blending. Without it the mesh's outline stands in, "
        "grown by hair and shoulders. The paper uses MODNet.",
    ),
}


class AdapterLoader(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "AdapterLoader",
            "Adapter Loader",
            "imagine",
            "The trained adapters of ImagineID. 'embedded' is the demonstration suite's; 'none' "
            "leaves a part to Stable Diffusion alone; files lie in models/imagineid.",
            inputs=[
                takes(
                    io.Combo,
                    name,
                    part.tooltip,
                    options=[EMBEDDED, NONE, *weight_files(part.file)],
                    default=EMBEDDED,
                )
                for name, part in _PARTS.items()
            ],
            outputs=[gives(ADAPTERS, "adapters", "For the adapter nodes and the sampler.")],
        )

    @classmethod
    def validate_inputs(
        cls, input_types: Mapping[str, Any] | None = None, **chosen: str
    ) -> bool | str:
        return refusal(cls, input_types, lambda: _paths(chosen))

    @classmethod
    def fingerprint_inputs(cls, **chosen: str) -> Any:
        return [state_of(path) for path in _paths(chosen).values()]

    @classmethod
    def execute(cls, **chosen: str) -> io.NodeOutput:
        return io.NodeOutput(load_adapters(**chosen))


def load_adapters(**chosen: str) -> AdapterBundle:
    """`chosen` names a file in models/imagineid for each part, 'embedded' or 'none'."""
    paths = _paths(chosen)
    for name, choice in chosen.items():
        if choice == EMBEDDED and name not in paths:
            _LOG.warning(
                "the embedded suite comes without %s, so that part is plain Stable Diffusion",
                _PARTS[name].file,
            )
    return AdapterBundle(**{name: _PARTS[name].load(path) for name, path in paths.items()})


def patched(adapter: Any, *, like_unet: bool = False) -> Any:
    """An adapter as ComfyUI loads and unloads it; in the precision of a UNet, or in float32."""
    device = model_management.get_torch_device()
    if like_unet:
        count = sum(weight.numel() for weight in adapter.parameters())
        adapter = adapter.to(model_management.unet_dtype(device=device, model_params=count))
    return WholePatcher(
        adapter.eval().requires_grad_(False),
        load_device=device,
        offload_device=model_management.unet_offload_device(),
    )


def loaded(patcher: Any) -> tuple[Any, torch.Tensor]:
    """The adapter where ComfyUI wants it to run, and one of its weights."""
    model_management.load_models_gpu([patcher])
    return patcher.model, next(patcher.model.parameters())


def _paths(chosen: Mapping[str, str]) -> dict[str, Path]:
    """The file of each part that there is."""
    paths = {}
    for name, choice in chosen.items():
        if choice == EMBEDDED:
            path = check_suite(IMAGINE) / f"{_PARTS[name].file}.safetensors"
            if path.is_file():
                paths[name] = path
        elif choice != NONE:
            paths[name] = place_of(choice, _PARTS[name].file)
    return paths


NODES = (AdapterLoader,)
