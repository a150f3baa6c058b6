"""Light gamma: nine spherical-harmonics bands a colour, as D3DFR has them (supplement Eq. 1).

Knows nothing about vertices, albedo or shadows: light depends on the normal alone.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError

AMBIENT = 0.8  # D3DFR's init_lit: zero coefficients mean this much even white light, not darkness

# a_l c_l: the clamped-cosine kernel's and the harmonics' normalisation, multiplied per order l.
_ORDER_0 = math.pi * (1 / math.sqrt(4 * math.pi))
_ORDER_1 = (2 * math.pi / math.sqrt(3)) * (math.sqrt(3) / math.sqrt(4 * math.pi))
_ORDER_2 = (2 * math.pi / math.sqrt(8)) * (3 * math.sqrt(5) / math.sqrt(12 * math.pi))

# One soft lamp in front of the face, above it and a little to the viewer's left.
_SOFT_LAMP = (-0.22, -0.07, 0.24, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0)


def irradiance(
    normals: Float[Tensor, "batch vertices 3"], lighting: Float[Tensor, "batch lighting=27"]
) -> Float[Tensor, "batch vertices 3"]:
    """Light arriving at each vertex, RGB: Y(n) (gamma + init_lit). Colour is albedo times this.

    `normals` are posed: the light stands still while the head turns. Not clamped: strong light
    passes 1 and light from one side may go below 0, as in D3DFR.
    """
    if not torch.isfinite(lighting).all():
        row = int((~torch.isfinite(lighting)).any(dim=-1).nonzero()[0, 0])
        raise InputError(
            f"lighting holds NaN or infinite coefficients (row {row}). "
            "Check what made them, or use default_lighting."
        )
    bands = lighting.to(normals.dtype).reshape(-1, 3, 9)  # R's nine, G's nine, B's nine
    ambient = torch.zeros_like(bands)
    ambient[..., 0] = AMBIENT
    # Under autocast a product in half precision would band the shading.
    with torch.autocast(normals.device.type, enabled=False):
        return harmonics(normals) @ (bands + ambient).transpose(1, 2)


def harmonics(normals: Float[Tensor, "batch vertices 3"]) -> Float[Tensor, "batch vertices 9"]:
    """Y(n): real spherical harmonics up to order two in D3DFR's order and signs."""
    x, y, z = normals.unbind(-1)
    bands = (
        torch.full_like(x, _ORDER_0),
        -_ORDER_1 * y,
        _ORDER_1 * z,
        -_ORDER_1 * x,
        _ORDER_2 * x * y,
        -_ORDER_2 * y * z,
        _ORDER_2 / (2 * math.sqrt(3)) * (3 * z * z - 1),
        -_ORDER_2 * x * z,
        _ORDER_2 / 2 * (x * x - y * y),
    )
    return torch.stack(bands, dim=-1)


def default_lighting(batch_size: int = 1) -> Float[Tensor, "batch lighting=27"]:
    """A soft white lamp above the camera, so that a mesh frame shows the form of the face.

    All-zero lighting is D3DFR's flat ambient light, under which form is invisible.
    """
    return torch.tensor(_SOFT_LAMP * 3).expand(batch_size, 27)
