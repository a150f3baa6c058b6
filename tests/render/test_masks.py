import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.render.masks import dilate, hole_cover, region_mask
from imagineid_core.render.rasterize import rasterize
from tests.render.heads import head


def square() -> tuple[torch.Tensor, torch.Tensor]:
    """Two triangles over a picture of 4 x 4 pixels, split along the diagonal."""
    corners = torch.tensor([[0.0, 0.0, 1.0], [4.0, 0.0, 1.0], [0.0, 4.0, 1.0], [4.0, 4.0, 1.0]])
    return corners[None], torch.tensor([[0, 2, 1], [1, 2, 3]])


def test_the_border_of_a_region_runs_midway_between_vertices():
    screen, triangles = square()
    fragments = rasterize(screen, triangles, 4, 5)
    mask = region_mask(torch.tensor([True, True, True, False]), triangles, fragments)
    expected = torch.tensor(
        [[1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], dtype=torch.float32
    )
    assert mask.equal(expected[None, None])


def test_the_cover_of_a_hole_joins_its_rim_to_its_middle():
    """A square with its centre cut out: the rim has four edges, so the cover four triangles."""
    outer = torch.tensor([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]])
    vertices = torch.cat([torch.cat([outer, outer / 2]), torch.ones(8, 1)], dim=-1)[None]
    side = torch.arange(4)
    following = (side + 1) % 4
    triangles = torch.cat(
        [
            torch.stack([side, following, side + 4], dim=-1),
            torch.stack([following, following + 4, side + 4], dim=-1),
        ]
    )
    inner = torch.arange(8) >= 4
    covered, cover = hole_cover(vertices, triangles, inner)
    assert covered[:, :8].equal(vertices)
    torch.testing.assert_close(covered[0, 8], torch.tensor([0.0, 0.0, 1.0]))
    assert sorted(map(tuple, cover.tolist())) == [(4, 5, 8), (4, 7, 8), (5, 6, 8), (6, 7, 8)]


def test_a_closed_mouth_needs_no_cover():
    mesh = head()
    _, cover = hole_cover(mesh.vertices, mesh.triangles, mesh.mouth)
    assert cover.shape == (0, 3)


@given(pixels=st.integers(0, 6), row=st.integers(0, 15), column=st.integers(0, 11))
def test_a_point_grows_to_a_square_of_the_asked_radius(pixels, row, column):
    mask = torch.zeros(1, 1, 16, 12)
    mask[0, 0, row, column] = 1
    rows = (torch.arange(16) - row).abs() <= pixels
    columns = (torch.arange(12) - column).abs() <= pixels
    expected = (rows[:, None] & columns).float()[None, None]
    assert dilate(mask, pixels / 16).equal(expected)


def test_a_negative_radius_is_refused_by_its_value():
    with pytest.raises(InputError, match="dilation radius is -0.1"):
        dilate(torch.zeros(1, 1, 4, 4), -0.1)
