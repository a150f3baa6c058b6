"""Coefficients to vertices, albedo and normals of the face at rest (supplement 0.1, Eq. 2).

Knows nothing about pose, light, cameras or pixels.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.values import FaceBasis, FaceCoefficients


def vertices_from(
    coefficients: FaceCoefficients, basis: FaceBasis
) -> Float[Tensor, "batch vertices 3"]:
    """Deform the mean face: S = mean + B_id alpha + B_exp beta (Eq. 2), in dm, unposed.

    A shape expanded over the frames of a clip (stride 0) is multiplied once, not once a frame.
    """
    _check_rows(coefficients)
    _check("shape", coefficients.shape, basis.shape_basis, basis)
    _check("expression", coefficients.expression, basis.expression_basis, basis)
    return (
        basis.mean_vertices
        + _offsets(coefficients.shape, basis.shape_basis)
        + _offsets(coefficients.expression, basis.expression_basis)
    )


def albedo_from(
    coefficients: FaceCoefficients, basis: FaceBasis
) -> Float[Tensor, "batch vertices 3"]:
    """Colour under white light: T = mean + B_t delta (Eq. 2), RGB in [0, 1], not clamped.

    Large coefficients can leave [0, 1]; D3DFR leaves them there, and so gradients live on.
    """
    _check("texture", coefficients.texture, basis.texture_basis, basis)
    albedo = basis.mean_albedo + _offsets(coefficients.texture, basis.texture_basis)
    return albedo.expand(coefficients.texture.shape[0], -1, -1)


def vertex_normals(
    vertices: Float[Tensor, "batch vertices 3"], triangles: Int[Tensor, "triangles 3"]
) -> Float[Tensor, "batch vertices 3"]:
    """Unit normals: the sum of the unit normals of the triangles round a vertex, normalised.

    This is D3DFR's rule: every triangle counts the same, whatever its area. A triangle without
    area adds nothing; a vertex with no other triangle gets the zero vector.
    """
    by_vertex = vertices.transpose(0, 1)  # [vertices, batch, 3]: one row an index, to gather fast
    a, b, c = (by_vertex[triangles[:, corner]] for corner in range(3))
    face_normals = torch.nn.functional.normalize(torch.linalg.cross(a - b, b - c), dim=-1)
    around = torch.zeros_like(by_vertex)
    for corner in range(3):
        around = around.index_add(0, triangles[:, corner], face_normals)
    return torch.nn.functional.normalize(around, dim=-1).transpose(0, 1)


def _offsets(
    coefficient: Float[Tensor, "batch size"], basis: Float[Tensor, "vertices 3 size"]
) -> Float[Tensor, "rows vertices 3"]:
    if coefficient.shape[0] > 1 and coefficient.stride(0) == 0:
        coefficient = coefficient[:1]  # one identity, many frames; the sum broadcasts it
    flat = basis.reshape(-1, basis.shape[-1])  # [3 vertices, size]
    # Under autocast a product in half precision would move vertices by whole pixels.
    with torch.autocast(flat.device.type, enabled=False):
        return (coefficient.to(flat.dtype) @ flat.T).reshape(-1, *basis.shape[:2])


def _check_rows(coefficients: FaceCoefficients) -> None:
    """The checker of the tests sees this too; a user's script has no checker."""
    rows = {name: len(value) for name, value in vars(coefficients).items()}
    if len(set(rows.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise InputError(
            f"coefficients have different numbers of frames: {told}. "
            "Give every part one row a frame; expand what is the same in all."
        )


def _check(name: str, coefficient: Tensor, linear: Tensor, basis: FaceBasis) -> None:
    if coefficient.shape[-1] != linear.shape[-1]:
        raise InputError(
            f"{name} has {coefficient.shape[-1]} coefficients but face basis '{basis.name}' has "
            f"{linear.shape[-1]}. Use the coefficients with the basis they were made for."
        )
    if not torch.isfinite(coefficient).all():
        raise InputError(
            f"{name} holds NaN or infinite coefficients (row {_first_bad_row(coefficient)}). "
            "Check what made them: a silent clip, a diverged training, or a broken file."
        )


def _first_bad_row(coefficient: Tensor) -> int:
    return int((~torch.isfinite(coefficient)).any(dim=-1).nonzero()[0, 0])
