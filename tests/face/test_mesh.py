"""The whole way from coefficients to a mesh ready to render."""

import dataclasses

import torch

from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.pose import pose_from_degrees
from tests.face.egg import coefficients_for, egg_face

EGG = egg_face()


def test_a_turned_face_turns_its_normals_and_keeps_its_albedo():
    front = coefficients_for(EGG)
    turned = dataclasses.replace(
        front, pose=pose_from_degrees(yaw=30.0, translation=(0.1, 0.0, 0.0))
    )
    a, b = mesh_from(front, EGG), mesh_from(turned, EGG)
    torch.testing.assert_close(a.albedo, b.albedo)
    torch.testing.assert_close(b.normals.norm(dim=-1), torch.ones_like(b.normals[..., 0]))
    nose = EGG.landmarks[30]
    assert b.normals[0, nose, 0] > a.normals[0, nose, 0] + 0.4  # sin 30 degrees


def test_the_light_stands_still_while_the_head_turns():
    lamp = torch.zeros(1, 27)
    lamp[0, [3, 12, 21]] = -0.3  # from the viewer's right
    front = dataclasses.replace(coefficients_for(EGG), lighting=lamp)
    turned = dataclasses.replace(front, pose=pose_from_degrees(yaw=40.0))
    nose = EGG.landmarks[30]
    assert (
        mesh_from(turned, EGG).irradiance[0, nose, 0]
        > mesh_from(front, EGG).irradiance[0, nose, 0] + 0.2
    )


def test_every_coefficient_receives_a_gradient():
    coefficients = coefficients_for(EGG, batch_size=2, seed=0)
    leaves = {
        field.name: getattr(coefficients, field.name).clone().requires_grad_()
        for field in dataclasses.fields(coefficients)
    }
    mesh = mesh_from(type(coefficients)(**leaves), EGG)
    loss = mesh.vertices.square().sum() + (mesh.albedo * mesh.irradiance).square().sum()
    for name, gradient in zip(
        leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True
    ):
        assert gradient.abs().sum() > 0, name


def test_nothing_given_is_modified():
    coefficients = coefficients_for(EGG, seed=1)
    before = [getattr(EGG, f.name) for f in dataclasses.fields(EGG)]
    copies = [b.clone() if isinstance(b, torch.Tensor) else b for b in before]
    mesh = mesh_from(coefficients, EGG)
    mesh.vertices.add_(1)
    mesh.normals.add_(1)
    for value, copy in zip(before, copies, strict=True):
        assert torch.equal(value, copy) if isinstance(value, torch.Tensor) else value == copy


def test_autocast_does_not_coarsen_a_mesh():
    """Half-precision matrix products would move vertices by whole pixels in mixed training."""
    coefficients = coefficients_for(EGG, seed=2)
    exact = mesh_from(coefficients, EGG)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = mesh_from(coefficients, EGG)
    for name in ("vertices", "normals", "albedo", "irradiance"):
        assert torch.equal(getattr(mixed, name), getattr(exact, name)), name


def test_coefficients_in_half_precision_are_computed_in_the_precision_of_the_basis():
    coefficients = coefficients_for(EGG, seed=3)
    half = type(coefficients)(
        **{f.name: getattr(coefficients, f.name).half() for f in dataclasses.fields(coefficients)}
    )
    single = type(coefficients)(
        **{f.name: getattr(half, f.name).float() for f in dataclasses.fields(coefficients)}
    )
    assert torch.equal(mesh_from(half, EGG).vertices, mesh_from(single, EGG).vertices)
