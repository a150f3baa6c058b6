"""3DMM Render: a performance as the mesh shows it, I_rd, masks, normals and depth (Eq. 9).

The mesh wire renders a frame when it is asked for; pictures are made at once, if they fit. Knows
nothing about networks.
"""

from typing import TYPE_CHECKING, Any

import comfy.model_management as memory
import torch
from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from imagineid_core.values import FaceBasis, Performance

from .convert import images_from_core, masks_from_core, refuse_more_than_fits
from .progress import frames_bar
from .schema import ImagineNode, gives, node_schema, takes
from .sockets import FACE_BASIS, MESH, PERFORMANCE

if TYPE_CHECKING:
    from imagineid_core.pipeline.imagined_film import MeshPictures

_CHANNELS = 3 * 3 + 2  # three pictures and two masks
_FLOAT = 4  # bytes
_OFF = (
    "'pictures' of 3DMM Render is off, so there are no images or masks. Switch it on, or connect "
    "only its mesh."
)


class MeshRender(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "MeshRender",
            "3DMM Render",
            "face",
            "Render the face that performs: pictures for conditioning, masks, and normals and "
            "depth as ControlNets of Stable Diffusion 1.5 expect them.",
            inputs=[
                takes(PERFORMANCE, "performance", "What the face does, of Head Motion."),
                takes(FACE_BASIS, "face_basis", "The face that moves, of a Face Basis Loader."),
                takes(
                    io.Int,
                    "size",
                    "Pixels a side, a multiple of 8; the paper's is 512, the mini suite's 128.",
                    default=512,
                    min=64,
                    max=2048,
                    step=8,
                ),
                takes(
                    io.Boolean,
                    "pictures",
                    "On: images and masks of every frame, 11.5 MB a frame at 512 pixels. Off: only "
                    "the mesh, which is rendered frame by frame and never held in memory.",
                    default=True,
                ),
            ],
            outputs=[
                gives(MESH, "mesh", "Frames rendered when asked for, for the sampler."),
                gives(io.Image, "images", "I_rd: the lit face on black."),
                gives(io.Mask, "mouth_mask", "Lips and all between them, dilated by 2 %."),
                gives(io.Mask, "head_mask", "Wherever the mesh is."),
                gives(io.Image, "normals", "Red left, green up, blue toward the viewer."),
                gives(io.Image, "depth", "Near bright, far dark; the same range in every frame."),
                gives(io.Float, "fps", "Frames a second."),
            ],
        )

    @classmethod
    def execute(
        cls, performance: Performance, face_basis: FaceBasis, size: int, pictures: bool
    ) -> io.NodeOutput:
        from imagineid_core.pipeline.imagined_film import MeshPictures

        meshes = MeshPictures(performance, face_basis, size=size)
        fps = float(performance.motion.fps)
        drawn = _pictures(meshes, size) if pictures else [ExecutionBlocker(_OFF)] * 5
        return io.NodeOutput(meshes, *drawn, fps)


NODES = (MeshRender,)


def _pictures(meshes: "MeshPictures", size: int) -> list[Any]:
    """Colour, mouth, head, normals, depth of all frames."""
    count = len(meshes)
    refuse_more_than_fits(
        count * size * size * _CHANNELS * _FLOAT,
        memory.get_free_memory(torch.device("cpu")),
        f"{count} frames of {size} pixels",
        "Switch 'pictures' off and connect the mesh, or use a shorter clip or a smaller size.",
    )
    colour, normals, depth = (torch.empty(count, size, size, 3) for _ in range(3))
    mouth, head = (torch.empty(count, size, size) for _ in range(2))
    show = frames_bar()
    for number in range(count):
        frame = meshes.frame(number)
        colour[number] = images_from_core(frame.colour)[0]
        mouth[number] = masks_from_core(frame.dilated_mouth_mask)[0]
        head[number] = masks_from_core(frame.mesh_mask)[0]
        normals[number] = images_from_core(frame.normals)[0]
        depth[number] = images_from_core(frame.depth)[0]
        show(number + 1, count)
    return [colour, mouth, head, normals, depth]
