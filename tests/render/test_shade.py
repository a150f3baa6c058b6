import torch

from imagineid_core.render.camera import d3dfr_camera, project
from imagineid_core.render.rasterize import rasterize
from imagineid_core.render.shade import interpolate
from tests.render.heads import head

CAMERA = d3dfr_camera(32)


def seen(mesh):
    return rasterize(project(mesh.vertices, CAMERA), mesh.triangles, 32, 32)


def test_what_is_the_same_at_every_vertex_is_the_same_at_every_pixel():
    mesh = head(yaws=(0.0, 0.5))
    fragments = seen(mesh)
    image = interpolate(torch.full((2, 4600, 2), 0.7), mesh.triangles, fragments, background=-3.0)
    assert image.shape == (2, 2, 32, 32)
    expected = torch.where(fragments.triangle >= 0, 0.7, -3.0)[:, None].expand(-1, 2, -1, -1)
    torch.testing.assert_close(image, expected)


def test_interpolation_is_correct_in_perspective():
    """The interpolated world position, projected again, is the pixel centre it was seen at."""
    mesh = head(yaws=(0.4,))
    fragments = seen(mesh)
    world = interpolate(mesh.vertices, mesh.triangles, fragments)[0].flatten(1).T  # [pixels, 3]
    covered = (fragments.triangle >= 0).flatten()
    column, row, depth = project(world[None], CAMERA)[0][covered].T
    pixel = covered.nonzero().squeeze(1)
    # 32 pixels in float32, with barycentrics good to 1e-5.
    torch.testing.assert_close(column, pixel % 32 + 0.5, atol=1e-4, rtol=0)
    torch.testing.assert_close(row, pixel // 32 + 0.5, atol=1e-4, rtol=0)
    torch.testing.assert_close(depth, fragments.depth.flatten()[covered], atol=1e-4, rtol=0)


def test_gradients_reach_attributes_and_vertices_as_finite_differences_say():
    """float64, so that 1e-6 steps keep every pixel's triangle and the difference its digits."""
    mesh = head(num_vertices=40, num_segments=8, yaws=(0.3,))  # turned: no edge on a pixel centre
    camera = d3dfr_camera(5)
    vertices = mesh.vertices.double().requires_grad_()
    attributes = torch.rand(1, 40, 2, dtype=torch.float64, requires_grad=True)

    def image(vertices, attributes):
        fragments = rasterize(project(vertices, camera), mesh.triangles, 5, 5)
        return interpolate(attributes, mesh.triangles, fragments)

    assert torch.autograd.gradcheck(image, (vertices, attributes), eps=1e-6, atol=1e-3, rtol=1e-3)


def test_an_empty_picture_is_background_and_has_no_gradient():
    attributes = torch.rand(1, 3, 4, requires_grad=True)
    triangles = torch.tensor([[0, 1, 2]])
    fragments = rasterize(torch.full((1, 3, 3), -5.0), triangles, 4, 4)
    image = interpolate(attributes, triangles, fragments, background=0.25)
    assert image.eq(0.25).all()
    image.sum().backward()
    assert attributes.grad is not None
    assert attributes.grad.eq(0).all()
