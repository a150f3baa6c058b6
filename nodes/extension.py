"""The list of our nodes, as ComfyUI asks for it.

Knows nothing about what they do.
"""

from comfy_api.latest import ComfyExtension, io

from . import face_basis, head_motion, listening, mesh_render, sound, track_preview
from .model_files import register_folder

_MODULES = (sound, listening, head_motion, face_basis, mesh_render, track_preview)


register_folder()


class ImagineIDExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [node for module in _MODULES for node in module.NODES]
