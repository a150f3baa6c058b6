"""Our own procedural morphable face: built from formulas, embedded, free to use (Eq. 2)."""

from imagineid_core.face.open_face.basis import (
    open_face_basis,
    shape_directions,
    texture_directions,
)
from imagineid_core.face.open_face.controls import (
    CONTROLS,
    EMOTIONS,
    controls_from_expression,
    expression_from_controls,
)
from imagineid_core.face.open_face.measures import eye_opening, lip_gap

__all__ = [
    "CONTROLS",
    "EMOTIONS",
    "controls_from_expression",
    "expression_from_controls",
    "eye_opening",
    "lip_gap",
    "open_face_basis",
    "shape_directions",
    "texture_directions",
]
