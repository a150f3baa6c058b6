import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.render.camera import d3dfr_camera, project


def test_the_camera_of_d3dfr_sees_224_pixels_at_its_published_focal_length():
    camera = d3dfr_camera(224)
    assert (camera.focal, camera.centre) == (1015, (112, 112))
    assert (camera.distance, camera.near, camera.far) == (10, 5, 15)


def test_right_is_right_up_is_up_and_depth_grows_away_from_the_viewer():
    """D3DFR in pixel-centre terms: column = 112 + 1015 x / z, row = 112 - 1015 y / z."""
    points = torch.tensor([[[0.0, 0.0, 0.0], [0.5, 0.3, 1.0]]])
    expected = torch.tensor([[[112, 112, 10], [112 + 507.5 / 9, 112 - 304.5 / 9, 9]]])
    # Coordinates up to 200 in float32 round at 1e-5.
    torch.testing.assert_close(project(points, d3dfr_camera(224)), expected, atol=1e-4, rtol=0)


@given(height=st.integers(1, 1024), x=st.floats(-1, 1), y=st.floats(-1, 1), z=st.floats(-3, 3))
def test_a_larger_picture_shows_the_same_scene(height, x, y, z):
    point = torch.tensor([[[x, y, z]]], dtype=torch.float64)
    small, large = project(point, d3dfr_camera(224)), project(point, d3dfr_camera(height))
    # float64 rounds at 1e-13 for coordinates of a thousand pixels.
    torch.testing.assert_close(
        large[..., :2] / height, small[..., :2] / 224, atol=1e-12, rtol=1e-12
    )
    torch.testing.assert_close(large[..., 2], small[..., 2])


def test_a_wider_picture_shows_more_at_the_sides():
    point = torch.tensor([[[0.5, 0.3, 0.0]]])
    square, wide = project(point, d3dfr_camera(224)), project(point, d3dfr_camera(224, 324))
    torch.testing.assert_close(wide - square, torch.tensor([[[50.0, 0.0, 0.0]]]))


@pytest.mark.parametrize("z", [10.0, 11.0, 1e6])
def test_a_point_beside_or_behind_the_camera_is_far_away_but_finite(z):
    projected = project(torch.tensor([[[0.5, -0.5, z]]]), d3dfr_camera(224))
    assert projected.isfinite().all()
    assert projected[0, 0, 0] > 1e6
    assert projected[0, 0, 2] <= 0


@pytest.mark.parametrize(("height", "width"), [(0, None), (64, 0), (-3, 5)])
def test_a_picture_without_pixels_is_refused_by_its_size(height, width):
    with pytest.raises(InputError, match=f"image size is {height} x "):
        d3dfr_camera(height, width)
