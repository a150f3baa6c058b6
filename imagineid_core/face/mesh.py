"""Coefficients to a posed and lit mesh, ready to render: S, T, gamma, p (supplement Eq. 2-3).

Knows nothing about cameras, pixels or the renderer R itself.
"""

from imagineid_core.face.geometry import albedo_from, vertex_normals, vertices_from
from imagineid_core.face.lighting import irradiance
from imagineid_core.face.pose import pose_normals, pose_vertices
from imagineid_core.values import FaceBasis, FaceCoefficients, Mesh


def mesh_from(coefficients: FaceCoefficients, basis: FaceBasis) -> Mesh:
    """Everything R(S, T, gamma, p) needs; differentiable in every coefficient."""
    vertices = vertices_from(coefficients, basis)
    # D3DFR takes normals from the unposed face and turns them afterwards; the values are the same.
    normals = pose_normals(vertex_normals(vertices, basis.triangles), coefficients.pose)
    return Mesh(
        vertices=pose_vertices(vertices, coefficients.pose),
        normals=normals,
        albedo=albedo_from(coefficients, basis),
        irradiance=irradiance(normals, coefficients.lighting),
        triangles=basis.triangles,
        landmarks=basis.landmarks,
        mouth=basis.mouth,
        front=basis.front,
    )
