import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.render import rasterize as module
from imagineid_core.render.camera import d3dfr_camera, project
from imagineid_core.render.rasterize import rasterize
from tests.render.heads import head
from tests.render.slow_rasterizer import slow_rasterize

# Below this distance from an edge, or from the next triangle in relative depth, float32 (eps 1e-7)
# may decide otherwise than float64: those pixels are the ties.
TIE = 1e-5


def soup(seed: int, num_triangles: int, size: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    screen = torch.rand(1, 3 * num_triangles, 3, generator=generator)
    screen = screen * torch.tensor([2.0 * size, 2.0 * size, 5.0])
    screen = screen - torch.tensor([0.5 * size, 0.5 * size, -5.0])
    return screen, torch.arange(3 * num_triangles).view(-1, 3)


def assert_as_slow(screen, triangles, height, width):
    """All pixels but ties agree; yields, by item, which do and how far the barycentrics are off."""
    fast = rasterize(screen, triangles, height, width)
    for item in range(len(screen)):
        index, barycentrics, depth, margin = slow_rasterize(screen[item], triangles, height, width)
        same = fast.triangle[item].numpy() == index
        assert (same | (margin < TIE)).all(), "a pixel that is no tie differs"
        # Slivers amplify rounding by the inverse of their area: 1e-5 in the head, 1e-4 in a soup.
        np.testing.assert_allclose(fast.depth[item].numpy()[same], depth[same], rtol=1e-4, atol=0)
        yield same, np.abs(fast.barycentrics[item].numpy() - barycentrics)


def test_the_head_is_drawn_as_by_the_slow_reference():
    mesh = head(yaws=(0.0, 0.6))
    screen = project(mesh.vertices, d3dfr_camera(56, 48))
    for same, off in assert_as_slow(screen, mesh.triangles, 56, 48):
        assert same.mean() >= 0.9999
        # One pixel at 56 is as large as a triangle; its area in float32 is good to about 1e-6.
        assert off[same].max() <= 1e-5


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), num_triangles=st.integers(0, 12))
def test_any_soup_of_triangles_is_drawn_as_by_the_slow_reference(seed, num_triangles):
    screen, triangles = soup(seed, num_triangles)
    for same, _ in assert_as_slow(screen, triangles, 24, 20):
        assert same.mean() >= 0.99


@settings(max_examples=50, deadline=None)
@given(
    points=st.lists(
        st.tuples(st.integers(-2, 10), st.integers(-2, 10), st.integers(-1, 3)),
        min_size=3,
        max_size=9,
    ),
    seed=st.integers(0, 1000),
)
def test_degenerate_triangles_never_make_nan(points, seed):
    """Corners on a coarse grid: repeated points, lines, edges through pixel centres, depth 0."""
    screen = torch.tensor([points], dtype=torch.float32) / 2
    screen.requires_grad_()
    generator = torch.Generator().manual_seed(seed)
    triangles = torch.randint(len(points), (6, 3), generator=generator)
    fragments = rasterize(screen, triangles, 5, 5)
    (fragments.barycentrics.square().sum() + fragments.depth.sum()).backward()
    assert screen.grad is not None
    assert screen.grad.isfinite().all()
    covered = fragments.triangle >= 0
    sums = fragments.barycentrics.sum(-1)
    torch.testing.assert_close(sums, covered.float(), atol=1e-5, rtol=0)  # float32, three terms
    assert (fragments.barycentrics >= 0).all()
    assert ((fragments.depth > 0) == covered).all()


def test_a_closed_surface_has_no_cracks():
    """Random points joined to a mesh that covers the picture leave no pixel to the background."""
    from scipy.spatial import Delaunay

    points = torch.rand(400, 2, generator=torch.Generator().manual_seed(3)) * 40
    corners = torch.tensor([[-1.0, -1.0], [41.0, -1.0], [-1.0, 41.0], [41.0, 41.0]])
    points = torch.cat([points, corners, (points[:100] - 0.5).round() + 0.5])  # on pixel centres
    triangles = torch.from_numpy(Delaunay(points.numpy()).simplices).long()
    flipped = torch.where(
        torch.arange(len(triangles))[:, None] % 2 == 0, triangles, triangles.flip(1)
    )
    screen = torch.cat([points, torch.ones(len(points), 1)], dim=-1)[None]
    for order in (triangles, flipped):
        assert (rasterize(screen, order, 40, 40).triangle >= 0).all()


def test_the_same_picture_twice_and_a_batch_as_its_parts():
    mesh = head(yaws=(0.0, 0.9))
    screen = project(mesh.vertices, d3dfr_camera(40))
    before = screen.clone()
    both, again = (rasterize(screen, mesh.triangles, 40, 40) for _ in range(2))
    parts = [rasterize(screen[item : item + 1], mesh.triangles, 40, 40) for item in range(2)]
    for name in ("triangle", "barycentrics", "depth"):
        assert getattr(both, name).equal(getattr(again, name))
        assert getattr(both, name).equal(torch.cat([getattr(part, name) for part in parts]))
    assert screen.equal(before)


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_working_in_small_portions_changes_nothing(limit, monkeypatch):
    mesh = head(num_vertices=300, num_segments=24, yaws=(0.0, 0.9, -0.5))
    screen = project(mesh.vertices, d3dfr_camera(24))
    whole = rasterize(screen, mesh.triangles, 24, 24)
    monkeypatch.setattr(module, "_CANDIDATES_AT_ONCE", limit)
    monkeypatch.setattr(module, "_TRIANGLES_AT_ONCE", limit)
    portions = rasterize(screen, mesh.triangles, 24, 24)
    assert whole.triangle.equal(portions.triangle)
    assert whole.barycentrics.equal(portions.barycentrics)


def test_equal_depth_goes_to_the_lowest_index():
    screen = torch.tensor([[[0.0, 0.0, 2.0], [9.0, 0.0, 2.0], [0.0, 9.0, 2.0]]])
    triangles = torch.tensor([[0, 1, 2]] * 5)
    assert rasterize(screen, triangles, 4, 4).triangle.eq(0).all()


def test_the_nearer_triangle_hides_the_farther():
    square = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    far, near = (torch.cat([square, torch.full((3, 1), depth)], dim=-1) for depth in (7.0, 6.0))
    screen = torch.cat([far, near])[None]
    fragments = rasterize(screen, torch.arange(6).view(2, 3), 4, 4)
    assert fragments.triangle.eq(1).all()
    torch.testing.assert_close(fragments.depth, torch.full((1, 4, 4), 6.0))


def test_a_huge_triangle_covers_the_whole_picture():
    screen = torch.tensor([[[-1e4, -1e4, 5.0], [3e4, -1e4, 5.0], [-1e4, 3e4, 5.0]]])
    fragments = rasterize(screen, torch.tensor([[0, 1, 2]]), 64, 96)
    assert fragments.triangle.eq(0).all()
    # Areas of 1e9 square pixels in float32 are good to about 1e-7 of that.
    torch.testing.assert_close(fragments.depth, torch.full((1, 64, 96), 5.0), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    "depths", [(5.0, 5.0, -1.0), (0.0, 5.0, 5.0), (4.0, 6.0, 6.0), (6.0, 6.0, 16.0)]
)
def test_a_triangle_not_wholly_between_near_and_far_is_dropped(depths):
    corners = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    screen = torch.cat([corners, torch.tensor(depths)[:, None]], dim=-1)[None]
    fragments = rasterize(screen, torch.tensor([[0, 1, 2]]), 4, 4, near=5.0, far=15.0)
    assert fragments.triangle.eq(-1).all()
    assert fragments.depth.eq(0).all()
    assert fragments.barycentrics.eq(0).all()


@pytest.mark.parametrize("reach", [1e8, 1e14, 1e25, 1e37])
def test_a_triangle_of_any_reach_makes_no_nan(reach):
    """At 1e25 pixels the edge functions overflowed to infinity and depth was NaN."""
    corners = [[-reach, -reach, 10.0], [reach, -reach, 10.0], [0.0, reach, 10.0]]
    fragments = rasterize(torch.tensor([corners]), torch.tensor([[0, 1, 2]]), 8, 8)
    assert bool((fragments.triangle >= 0).all()) == (reach < 1e15)
    assert fragments.depth.isfinite().all()
    assert fragments.barycentrics.isfinite().all()


@pytest.mark.parametrize("shift", [(-50.0, 0.0), (50.0, 0.0), (0.0, -50.0), (0.0, 50.0)])
def test_what_lies_outside_the_picture_leaves_it_empty(shift):
    screen = torch.tensor([[[0.0, 0.0, 5.0], [9.0, 0.0, 5.0], [0.0, 9.0, 5.0]]])
    screen = screen + torch.tensor([*shift, 0.0])
    assert rasterize(screen, torch.tensor([[0, 1, 2]]), 8, 8).triangle.eq(-1).all()


def test_a_mesh_without_triangles_and_a_batch_without_items_are_empty_pictures():
    none = torch.zeros(0, 3, dtype=torch.long)
    assert rasterize(torch.ones(2, 4, 3), none, 3, 5).triangle.eq(-1).all()
    assert rasterize(torch.ones(0, 4, 3), none, 3, 5).triangle.shape == (0, 3, 5)


def test_back_faces_are_drawn_unless_culled():
    """Counter-clockwise to the viewer, on rows that count downward, is a front face."""
    screen = torch.tensor([[[0.0, 20.0, 5.0], [20.0, 0.0, 5.0], [0.0, 0.0, 5.0]]])
    front, back = torch.tensor([[0, 1, 2]]), torch.tensor([[0, 2, 1]])
    for triangles in (front, back):
        assert rasterize(screen, triangles, 4, 4).triangle.eq(0).all()
    assert rasterize(screen, front, 4, 4, cull_back_faces=True).triangle.eq(0).all()
    assert rasterize(screen, back, 4, 4, cull_back_faces=True).triangle.eq(-1).all()


def test_culling_a_closed_head_changes_nothing_that_is_seen():
    mesh = head(yaws=(0.4,))
    screen = project(mesh.vertices, d3dfr_camera(48))
    all_drawn = rasterize(screen, mesh.triangles, 48, 48).triangle
    culled = rasterize(screen, mesh.triangles, 48, 48, cull_back_faces=True).triangle
    # The silhouette of the coarse head has triangles seen exactly edge on.
    assert (all_drawn == culled).float().mean() >= 0.999


def test_gradients_reach_the_vertices_as_finite_differences_say():
    """float64, so that 1e-6 steps keep every pixel's triangle and the difference its digits."""
    screen, triangles = soup(seed=5, num_triangles=4, size=6)
    screen = screen.double().requires_grad_()

    def positions(points):
        fragments = rasterize(points, triangles, 6, 6)
        return fragments.barycentrics, fragments.depth

    assert torch.autograd.gradcheck(positions, (screen,), eps=1e-6, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "image size is 0 x 8"),
        ({"width": -1}, "image size is 8 x -1"),
        ({"near": 4.0, "far": 4.0}, "near is 4.0 and far is 4.0"),
        ({"near": -1.0}, "near is -1.0"),
        ({"screen": torch.full((1, 3, 3), float("nan"))}, "screen holds NaN"),
        ({"screen": torch.full((1, 3, 3), float("inf"))}, "screen holds NaN or infinite"),
        ({"screen": torch.ones(1, 3, 3, dtype=torch.float16)}, "screen is torch.float16"),
        ({"triangles": torch.tensor([[0, 1, 3]])}, "triangles name vertices 0 to 3"),
        ({"triangles": torch.tensor([[0, -1, 2]])}, "triangles name vertices -1 to 2"),
    ],
)
def test_an_unusable_input_is_named_with_its_value(change, message):
    arguments = {
        "screen": torch.ones(1, 3, 3),
        "triangles": torch.tensor([[0, 1, 2]]),
        "height": 8,
        "width": 8,
    }
    with pytest.raises(InputError, match=message):
        rasterize(**{**arguments, **change})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_sees_what_the_cpu_sees():
    mesh = head(yaws=(0.0, 0.6))
    screen = project(mesh.vertices, d3dfr_camera(128))
    here = rasterize(screen, mesh.triangles, 128, 128)
    there = rasterize(screen.cuda(), mesh.triangles.cuda(), 128, 128)
    # A GPU may fuse multiplication and addition, which moves ties on edges.
    assert (here.triangle == there.triangle.cpu()).float().mean() >= 0.9999


def test_a_triangle_larger_than_a_portion_is_drawn_whole(monkeypatch):
    """One triangle over a picture of 4096 took 3 GB: portions were cut between triangles only."""
    screen = torch.tensor([[[-50.0, -50.0, 10.0], [-50.0, 200.0, 10.0], [200.0, -50.0, 10.0]]])
    triangles = torch.tensor([[0, 1, 2]])
    whole = rasterize(screen, triangles, 40, 40)
    monkeypatch.setattr(module, "_CANDIDATES_AT_ONCE", 7)
    sizes = [
        len(owner)
        for owner, _, _ in module._candidates(
            torch.tensor([[0.0, 3.0], [0.0, 5.0]]), torch.tensor([[5, 4], [6, 3]])
        )
    ]
    assert sizes == [7, 7, 7, 7, 7, 7]
    portioned = rasterize(screen, triangles, 40, 40)
    assert (whole.triangle == 0).all()
    assert torch.equal(portioned.triangle, whole.triangle)
