"""The list of our nodes, as ComfyUI asks for it.

Knows nothing about what they do.
"""

from comfy_api.latest import ComfyExtension, io

from . import (
    adapters,
    blending,
    face_basis,
    head_motion,
    listening,
    mesh_render,
    mini_suite,
    sampler,
    sound,
    spatial_control,
    text,
    track_preview,
)
from .model_files import register_folder

_LISTEN = (sound, listening, head_motion, face_basis, mesh_render, track_preview)
_IMAGINE = (mini_suite, adapters, text, spatial_control, sampler, blending)
_MODULES = (*_LISTEN, *_IMAGINE)


register_folder()


class ImagineIDExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [node for module in _MODULES for node in module.NODES]
