"""Vertices, albedo and normals of supplement Eq. 2."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.face.geometry import albedo_from, vertex_normals, vertices_from
from tests.face.egg import coefficients_for, egg_face

EGG = egg_face()


def test_zero_coefficients_give_the_mean_face():
    zero = coefficients_for(EGG, batch_size=2)
    torch.testing.assert_close(vertices_from(zero, EGG), EGG.mean_vertices.expand(2, -1, -1))
    torch.testing.assert_close(albedo_from(zero, EGG), EGG.mean_albedo.expand(2, -1, -1))


def test_vertices_are_the_sum_written_in_equation_two():
    coefficients = coefficients_for(EGG, batch_size=3, seed=0)
    expected = (
        EGG.mean_vertices
        + torch.einsum("vxk,bk->bvx", EGG.shape_basis, coefficients.shape)
        + torch.einsum("vxk,bk->bvx", EGG.expression_basis, coefficients.expression)
    )
    # Another order of a dozen float32 additions of values near 1.
    torch.testing.assert_close(vertices_from(coefficients, EGG), expected, atol=2e-6, rtol=0)


def test_albedo_is_the_sum_written_in_equation_two():
    coefficients = coefficients_for(EGG, batch_size=3, seed=0)
    expected = EGG.mean_albedo + torch.einsum(
        "vxk,bk->bvx", EGG.texture_basis, coefficients.texture
    )
    torch.testing.assert_close(albedo_from(coefficients, EGG), expected, atol=2e-6, rtol=0)


def test_an_identity_expanded_over_frames_gives_what_a_repeated_one_gives():
    one = coefficients_for(EGG, batch_size=1, seed=1)
    many = coefficients_for(EGG, batch_size=4, seed=2)
    expanded = dataclasses.replace(
        many, shape=one.shape.expand(4, -1), texture=one.texture.expand(4, -1)
    )
    repeated = dataclasses.replace(
        many, shape=one.shape.repeat(4, 1), texture=one.texture.repeat(4, 1)
    )
    # One row or four rows in a matrix product may be summed in another order.
    torch.testing.assert_close(
        vertices_from(expanded, EGG), vertices_from(repeated, EGG), atol=2e-6, rtol=0
    )
    assert albedo_from(expanded, EGG).shape == albedo_from(repeated, EGG).shape
    torch.testing.assert_close(
        albedo_from(expanded, EGG), albedo_from(repeated, EGG), atol=2e-6, rtol=0
    )


def test_an_expanded_identity_receives_the_gradient_of_every_frame():
    shape = torch.zeros(1, 6, requires_grad=True)
    frames = dataclasses.replace(coefficients_for(EGG, 3), shape=shape.expand(3, -1))
    (gradient,) = torch.autograd.grad(vertices_from(frames, EGG).sum(), shape)
    torch.testing.assert_close(
        gradient, 3 * EGG.shape_basis.sum(dim=(0, 1))[None], rtol=1e-4, atol=1e-4
    )


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(-3, 3), k=st.integers(0, 4))
def test_an_expression_moves_the_face_in_proportion(scale: float, k: int):
    zero = coefficients_for(EGG)
    expression = torch.zeros(1, 5)
    expression[0, k] = scale
    moved = vertices_from(dataclasses.replace(zero, expression=expression), EGG)
    torch.testing.assert_close(
        moved - EGG.mean_vertices, scale * EGG.expression_basis[None, ..., k], atol=1e-6, rtol=0
    )


def test_normals_of_a_sphere_point_away_from_its_centre():
    sphere = (EGG.mean_vertices / EGG.mean_vertices.norm(dim=-1, keepdim=True))[None]
    normals = vertex_normals(sphere, EGG.triangles)
    # Facets of 4.5 degrees: counted without their areas, the poles' rims lean by a degree or two.
    assert (normals * sphere).sum(-1).min() > 0.998


def test_normals_count_every_triangle_alike_as_the_reference_loop_does():
    """D3DFR: unit normals of (v1 - v2) x (v2 - v3), summed over the triangles round a vertex."""
    vertices = vertices_from(coefficients_for(EGG, seed=3), EGG)[0]
    slow = torch.zeros_like(vertices)
    for i, j, k in EGG.triangles.tolist():
        face_normal = torch.linalg.cross(vertices[i] - vertices[j], vertices[j] - vertices[k])
        for corner in (i, j, k):
            slow[corner] += face_normal / face_normal.norm()
    slow = slow / slow.norm(dim=-1, keepdim=True)
    fast = vertex_normals(vertices[None], EGG.triangles)[0]
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=0)


def test_degenerate_triangles_give_no_nan_and_change_no_normal():
    vertices = EGG.mean_vertices[None].clone().requires_grad_()
    pointless = torch.tensor([[5, 5, 5], [7, 7, 9], [0, 0, 1]])
    normals = vertex_normals(vertices, torch.cat([EGG.triangles, pointless]))
    torch.testing.assert_close(normals, vertex_normals(vertices, EGG.triangles))
    (gradient,) = torch.autograd.grad(normals.square().sum() + normals[..., 2].sum(), vertices)
    assert torch.isfinite(gradient).all()


def test_a_vertex_without_a_triangle_has_the_zero_normal():
    triangle = torch.tensor([[0, 1, 2]])
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]]])
    normals = vertex_normals(vertices, triangle)[0]
    torch.testing.assert_close(normals[:3], torch.tensor([[0.0, 0, 1]]).expand(3, -1))
    assert normals[3].tolist() == [0, 0, 0]


def test_two_faces_in_a_batch_are_two_faces_alone():
    both = coefficients_for(EGG, batch_size=2, seed=4)
    vertices = vertices_from(both, EGG)
    normals = vertex_normals(vertices, EGG.triangles)
    for row in range(2):
        fields = dataclasses.fields(both)
        alone = type(both)(**{f.name: getattr(both, f.name)[row : row + 1] for f in fields})
        torch.testing.assert_close(vertices_from(alone, EGG)[0], vertices[row], atol=2e-6, rtol=0)
        torch.testing.assert_close(
            vertex_normals(vertices[row : row + 1], EGG.triangles)[0], normals[row]
        )


@pytest.mark.parametrize(
    ("name", "compute"),
    [("shape", vertices_from), ("expression", vertices_from), ("texture", albedo_from)],
)
def test_coefficients_of_another_basis_are_refused_by_name_and_count(name, compute):
    wrong = dataclasses.replace(coefficients_for(EGG), **{name: torch.zeros(1, 33)})
    size = getattr(EGG, f"{name}_basis").shape[-1]
    with pytest.raises(InputError, match=rf"{name} has 33 .*'egg' has {size}"):
        compute(wrong, EGG)


@pytest.mark.parametrize(
    ("name", "compute"),
    [("shape", vertices_from), ("expression", vertices_from), ("texture", albedo_from)],
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_coefficients_that_are_no_numbers_are_refused_by_name_and_row(name, compute, value):
    good = coefficients_for(EGG, batch_size=3)
    bad = getattr(good, name).clone()
    bad[1, 2] = value
    with pytest.raises(InputError, match=rf"{name} holds NaN .*row 1"):
        compute(dataclasses.replace(good, **{name: bad}), EGG)


def test_autocast_does_not_coarsen_the_geometry():
    coefficients = coefficients_for(EGG, seed=5)
    exact = vertices_from(coefficients, EGG)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(vertices_from(coefficients, EGG), exact, atol=0, rtol=0)


def test_parts_of_different_lengths_are_named():
    """Two poses for three shapes ended in a broadcasting error; one for three went on silently."""
    coefficients = coefficients_for(EGG, batch_size=3)
    object.__setattr__(coefficients, "pose", torch.zeros(2, 6))  # past the checker of the tests
    with pytest.raises(InputError, match="shape 3, expression 3, texture 3, lighting 3, pose 2"):
        vertices_from(coefficients, EGG)
