"""The 257 numbers of D3DFR, in its order, to and from FaceCoefficients (supplement Eq. 1).

alpha 80, beta 64, delta 80, angles 3, gamma 27, translation 3. Knows nothing about any network.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.values import FaceCoefficients

SHAPE_DIM, EXPRESSION_DIM, TEXTURE_DIM = 80, 64, 80
_PARTS = (SHAPE_DIM, EXPRESSION_DIM, TEXTURE_DIM, 3, 27, 3)
VECTOR_DIM = sum(_PARTS)  # 257


def coefficients_from_vector(vector: Float[Tensor, "batch vector"]) -> FaceCoefficients:
    """Split D3DFR's 257; angles and translation, which lie apart there, become one pose."""
    if vector.shape[-1] != VECTOR_DIM:
        raise InputError(
            f"vector has {vector.shape[-1]} values but D3DFR's coefficients are {VECTOR_DIM}. "
            "Use the output of the 257-coefficient reconstruction network."
        )
    shape, expression, texture, angles, lighting, translation = vector.split(_PARTS, dim=-1)
    return FaceCoefficients(
        shape=shape,
        expression=expression,
        texture=texture,
        lighting=lighting,
        pose=torch.cat([angles, translation], dim=-1),
    )


def vector_from_coefficients(coefficients: FaceCoefficients) -> Float[Tensor, "batch vector=257"]:
    """The inverse of `coefficients_from_vector`, for files that hold D3DFR's own layout."""
    parts = (
        coefficients.shape,
        coefficients.expression,
        coefficients.texture,
        coefficients.pose[:, :3],
        coefficients.lighting,
        coefficients.pose[:, 3:],
    )
    sizes = tuple(part.shape[-1] for part in parts)
    if sizes != _PARTS:
        raise InputError(
            f"coefficients have sizes {sizes} (shape, expression, texture, angles, lighting, "
            f"translation) but D3DFR's vector holds {_PARTS}. Use a basis of 80, 64 and 80."
        )
    return torch.cat(parts, dim=-1)
