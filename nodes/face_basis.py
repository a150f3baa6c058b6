"""Face Basis Loader: which morphable face the coefficients move.

Knows nothing about coefficients or pictures.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from imagineid_core.face.load import OPEN, load_face

from .model_files import face_models, place_of, state_of
from .schema import ImagineNode, gives, node_schema, refusal, takes
from .sockets import FACE_BASIS

EMBEDDED_FACE = "open face (embedded)"


class FaceBasisLoader(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "FaceBasisLoader",
            "Face Basis Loader",
            "face",
            "Load the morphable face that coefficients move. Coefficients belong to the face model "
            "that their networks were trained on.",
            inputs=[
                takes(
                    io.Combo,
                    "face",
                    f"'{EMBEDDED_FACE}': ours, for the embedded PAD. Others in models/imagineid: "
                    "BFM_model_front.mat, a BFM-2009 or ICT-FaceKit folder, a saved basis.",
                    options=[EMBEDDED_FACE, *face_models()],
                    default=EMBEDDED_FACE,
                )
            ],
            outputs=[
                gives(FACE_BASIS, "face_basis", "Mean, bases, triangles and landmarks, in dm.")
            ],
        )

    @classmethod
    def validate_inputs(
        cls, face: str = EMBEDDED_FACE, input_types: Mapping[str, Any] | None = None
    ) -> bool | str:
        return refusal(cls, input_types, lambda: _place(face))

    @classmethod
    def fingerprint_inputs(cls, face: str = EMBEDDED_FACE) -> Any:
        place = _place(face)
        return place if isinstance(place, str) else state_of(place)

    @classmethod
    def execute(cls, face: str) -> io.NodeOutput:
        return io.NodeOutput(load_face(_place(face)))


NODES = (FaceBasisLoader,)


def _place(face: str) -> Path | str:
    return OPEN if face == EMBEDDED_FACE else place_of(face, "face basis")
