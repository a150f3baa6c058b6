"""The few names of ComfyUI that our nodes use, as of 0.3.64, for tests without it.

tests/host compares every one of them with the real one. Knows nothing about our nodes.
"""

import inspect
import os
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Input:
    io_type = ""

    def __init__(self, id: str, display_name=None, optional=False, tooltip=None) -> None:
        self.id, self.display_name = id, display_name
        self.optional, self.tooltip = optional, tooltip

    def get_io_type(self) -> str:
        return self.io_type


class Output:
    io_type = ""

    def __init__(self, id: str | None = None, display_name=None, tooltip=None) -> None:
        self.id, self.display_name, self.tooltip = id, display_name, tooltip


def comfy_type(name: str, *widget_options: str) -> type:
    """A type whose input takes these options beside those of every input."""

    class OfType(Input):
        io_type = name

        def __init__(self, id: str, **options: Any) -> None:
            for option in widget_options:
                setattr(self, option, options.pop(option, None))
            super().__init__(id, **options)

    plain = list(inspect.signature(Input).parameters.values())
    extra = [inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY) for option in widget_options]
    OfType.__signature__ = inspect.Signature([*plain, *extra])  # type: ignore[attr-defined]
    given = type("OfType", (Output,), {"io_type": name})
    return type(name, (), {"Input": OfType, "Output": given, "io_type": name})


_WIDGET = ("default", "socketless")
_NUMBER = (*_WIDGET, "min", "max", "step")


@dataclass
class Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    description: str = ""
    is_output_node: bool = False


class ComfyNode:
    pass


class NodeOutput:
    def __init__(self, *args: Any, ui: Any = None) -> None:
        self.args, self.ui = args, ui


class ComfyExtension:
    pass


class PreviewImage:
    def __init__(self, image: Any, cls: Any = None) -> None:
        self.image = image

    def as_dict(self) -> dict[str, Any]:
        return {"images": [{"filename": "preview.png", "subfolder": "", "type": "temp"}]}


class ExecutionBlocker:
    def __init__(self, message: str) -> None:
        self.message = message


class ProgressBar:
    def __init__(self, total: int) -> None:
        self.total = total

    def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
        assert 0 <= value <= (total or self.total)


class ModelPatcher:
    def __init__(self, model: Any, load_device: Any, offload_device: Any) -> None:
        self.model = model


def stub_modules(home: Path) -> dict[str, types.ModuleType]:
    """Modules by name; `home` is ComfyUI's base directory."""
    import torch

    io = _module(
        "comfy_api.latest.io",
        Schema=Schema,
        ComfyNode=ComfyNode,
        NodeOutput=NodeOutput,
        Custom=lambda io_type: comfy_type(io_type),
        Audio=comfy_type("AUDIO"),
        Image=comfy_type("IMAGE"),
        Mask=comfy_type("MASK"),
        Float=comfy_type("FLOAT", *_NUMBER),
        Int=comfy_type("INT", *_NUMBER),
        Boolean=comfy_type("BOOLEAN", *_WIDGET),
        String=comfy_type("STRING", *_WIDGET, "multiline", "dynamic_prompts"),
        Combo=comfy_type("COMBO", *_WIDGET, "options"),
    )
    ui = _module("comfy_api.latest.ui", PreviewImage=PreviewImage)
    cpu = torch.device("cpu")
    memory = _module(
        "comfy.model_management",
        get_torch_device=lambda: cpu,
        unet_offload_device=lambda: cpu,
        load_models_gpu=lambda models: None,
        get_free_memory=lambda dev: 4e9,
    )
    utils = _module("comfy.utils", ProgressBar=ProgressBar)
    patcher = _module("comfy.model_patcher", ModelPatcher=ModelPatcher)
    graph = _module("comfy_execution.graph_utils", ExecutionBlocker=ExecutionBlocker)
    return {
        "comfy": _module("comfy", utils=utils, model_management=memory, model_patcher=patcher),
        "comfy.utils": utils,
        "comfy.model_management": memory,
        "comfy.model_patcher": patcher,
        "comfy_api": _module("comfy_api"),
        "comfy_api.latest": _module(
            "comfy_api.latest", io=io, ui=ui, ComfyExtension=ComfyExtension
        ),
        "comfy_execution": _module("comfy_execution", graph_utils=graph),
        "comfy_execution.graph_utils": graph,
        "folder_paths": _folder_paths(home),
    }


def _folder_paths(home: Path) -> types.ModuleType:
    models: dict[str, list[str]] = {}

    def add(folder_name: str, full_folder_path: str) -> None:
        models.setdefault(folder_name, []).append(full_folder_path)

    def names(folder_name: str) -> list[str]:
        roots = [Path(root) for root in models[folder_name]]
        files = [file.relative_to(root) for root in roots for file in root.rglob("*.*")]
        return sorted(str(file) for file in files)

    return _module(
        "folder_paths",
        models_dir=str(home / "models"),
        add_model_folder_path=add,
        get_folder_paths=lambda folder_name: models[folder_name][:],
        get_filename_list=names,
        get_full_path_or_raise=lambda folder_name, filename: os.path.join(
            models[folder_name][0], filename
        ),
        get_input_directory=lambda: str(home / "input"),
        get_annotated_filepath=lambda name: str(home / "input" / name),
        filter_files_content_types=lambda files, content_types: [
            file for file in files if file.endswith((".wav", ".mp3", ".mp4"))
        ],
    )


def _module(name: str, **held: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(held)
    return module
