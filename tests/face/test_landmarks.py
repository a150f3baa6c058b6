"""Landmarks of a posed face in the renderer's and in the reference's convention."""

import pytest
import torch

from imagineid_core.face.landmarks import d3dfr_landmarks, project_landmarks
from imagineid_core.render.camera import d3dfr_camera, project

ORIGIN = torch.zeros(1, 1, 3)
FIRST = torch.tensor([0])


@pytest.mark.parametrize("size", [64, 224, 512])
def test_the_origin_falls_on_the_middle_of_the_frame(size: int):
    assert project_landmarks(ORIGIN, FIRST, height=size).flatten().tolist() == [size / 2, size / 2]


def test_a_point_up_and_right_is_seen_up_and_right():
    point = torch.tensor([[[0.5, 0.25, 1.0]]])  # depth 9
    column, row = project_landmarks(point, FIRST, height=224)[0, 0].tolist()
    assert column == pytest.approx(112 + 1015 * 0.5 / 9)
    assert row == pytest.approx(112 - 1015 * 0.25 / 9)


def test_a_frame_of_another_size_scales_the_positions():
    point = torch.tensor([[[0.3, -0.4, 0.2]]])
    small = project_landmarks(point, FIRST, height=224)
    torch.testing.assert_close(project_landmarks(point, FIRST, height=512), small * 512 / 224)


def test_a_wide_frame_adds_room_at_the_sides_only():
    point = torch.tensor([[[0.3, -0.4, 0.2]]])
    square = project_landmarks(point, FIRST, height=100)
    wide = project_landmarks(point, FIRST, height=100, width=160)
    torch.testing.assert_close(wide - square, torch.tensor([[[30.0, 0.0]]]))


def test_the_reference_lies_half_a_pixel_from_the_pixel_centre():
    """As image indices (centre minus .5), D3DFR's are half a pixel to the right and too high."""
    points = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0)) / 4
    ours = project_landmarks(points, torch.arange(5), height=224) - 0.5
    u, v_up = d3dfr_landmarks(points, torch.arange(5)).unbind(-1)
    theirs = torch.stack((u, 223 - v_up), dim=-1)
    torch.testing.assert_close(
        theirs - ours, torch.tensor([0.5, -0.5]).expand(1, 5, 2), atol=2e-5, rtol=0
    )


@pytest.mark.parametrize("z", [10.0, 11.5])
def test_a_point_behind_the_camera_lands_far_away_and_not_on_nan(z: float):
    behind = torch.tensor([[[0.1, 0.1, z]]])
    assert project_landmarks(behind, FIRST, height=64).abs().min() > 1e4
    assert d3dfr_landmarks(behind, FIRST).abs().min() > 1e4


def test_landmarks_fall_where_the_renderer_puts_its_vertices():
    """Two ranks-1 packages that may not import each other must share one camera."""
    points = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)) / 4
    for height, width in ((224, 224), (96, 128)):
        theirs = project(points, d3dfr_camera(height, width))[..., :2]
        ours = project_landmarks(points, torch.arange(5), height=height, width=width)
        # focal * x / depth, or x * (focal / depth): the last bits of values near 100.
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
