import dataclasses
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imagineid_core.errors import InputError
from imagineid_core.render.camera import d3dfr_camera, project
from imagineid_core.render.mesh_frame import MeshFrame, render_mesh_frame
from imagineid_core.render.rasterize import rasterize
from tests.render.heads import head

GOLDEN = Path(__file__).parent.parent / "golden" / "render"
IMAGES = ("colour", "untextured", "normals", "depth")
MASKS = ("mesh_mask", "front_mask", "mouth_mask", "dilated_mouth_mask")
CAMERA = d3dfr_camera(64)


@pytest.mark.parametrize("yaw", [0.0, 0.6, -1.2])
@pytest.mark.parametrize("open_mouth", [False, True])
def test_the_picture_of_a_head_is_the_golden_one(yaw, open_mouth):
    """Images side by side, then masks. IMAGINEID_UPDATE_GOLDEN=1 writes it; then look at it."""
    frame = render_mesh_frame(
        head(yaws=(yaw,), open_mouth=open_mouth), CAMERA, antialias=True, background=0.0
    )
    images = [getattr(frame, name)[0] for name in IMAGES]
    masks = [getattr(frame, name)[0].expand(3, -1, -1) * 2 - 1 for name in MASKS]
    sheet = torch.cat([torch.cat(images, -1), torch.cat(masks, -1)], 1)
    picture = ((sheet + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    path = GOLDEN / f"head_{'open' if open_mouth else 'closed'}_{yaw:+.1f}.png"
    if os.environ.get("IMAGINEID_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    golden = np.asarray(Image.open(path), dtype=np.float64)
    error = np.sqrt(np.mean((picture - golden) ** 2))
    # Half a grey level is rounding; a pixel of a mask that falls the other way adds 1.4.
    assert error <= 2.0, f"RMSE {error:.2f} of 255 against {path.name}"


def test_a_batch_is_its_parts_and_the_same_twice():
    mesh = head(yaws=(0.0, 0.7), open_mouth=True)
    before = {name: getattr(mesh, name).clone() for name in ("vertices", "normals", "albedo")}
    both = render_mesh_frame(mesh, CAMERA)
    again = render_mesh_frame(mesh, CAMERA)
    parts = [render_mesh_frame(head(yaws=(yaw,), open_mouth=True), CAMERA) for yaw in (0.0, 0.7)]
    for field in dataclasses.fields(MeshFrame):
        whole = getattr(both, field.name)
        assert whole.equal(getattr(again, field.name)), field.name
        joined = torch.cat([getattr(part, field.name) for part in parts])
        # The centre of the mouth's rim is a mean, summed in another order.
        torch.testing.assert_close(whole, joined, atol=1e-5, rtol=0)
    for name, value in before.items():
        assert getattr(mesh, name).equal(value), f"{name} was modified"


def test_colour_is_albedo_times_irradiance_within_the_range_of_images():
    mesh = head()
    bright = dataclasses.replace(
        mesh,
        albedo=torch.full_like(mesh.albedo, 0.5),
        irradiance=torch.tensor([0.4, 1.0, 9.0]).expand_as(mesh.irradiance),
    )
    colour = render_mesh_frame(bright, CAMERA).colour[0]
    # 0.5 * (0.4, 1, 9) in [0, 1] is (-0.6, 0, beyond white) in [-1, 1].
    torch.testing.assert_close(colour[:, 32, 32], torch.tensor([-0.6, 0.0, 1.0]))
    assert colour[:, 0, 0].eq(-1).all(), "background is black unless asked for"
    grey = render_mesh_frame(bright, CAMERA, background=0.25).colour[0]
    torch.testing.assert_close(grey[:, 0, 0], torch.full((3,), 0.25))


def test_the_untextured_image_shows_light_alone():
    mesh = head()
    painted = dataclasses.replace(mesh, albedo=torch.rand_like(mesh.albedo))
    frames = [render_mesh_frame(each, CAMERA) for each in (mesh, painted)]
    assert frames[0].untextured.equal(frames[1].untextured)
    assert not frames[0].colour.equal(frames[1].colour)


def test_antialiasing_averages_four_samples_and_leaves_the_rest_alone():
    mesh = head(open_mouth=True)
    plain, smooth = (render_mesh_frame(mesh, CAMERA, antialias=on) for on in (False, True))
    large = render_mesh_frame(mesh, d3dfr_camera(128)).colour
    means = large.view(1, 3, 64, 2, 64, 2).mean((3, 5))
    # The larger picture is projected, not scaled; coordinates of 128 pixels round at 1e-5.
    torch.testing.assert_close(smooth.colour, means, atol=1e-4, rtol=0)
    for name in ("normals", "depth", *MASKS):
        assert getattr(smooth, name).equal(getattr(plain, name)), name


def test_normals_are_red_to_the_left_green_upward_and_blue_toward_the_viewer():
    frame = render_mesh_frame(head(), CAMERA)
    normals, inside = frame.normals[0], frame.mesh_mask[0, 0].bool()
    rows, columns = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    far = 8  # pixels from the axes, where slopes are clear
    assert (normals[0][inside & (columns < -far)] > 0).all()
    assert (normals[0][inside & (columns > far)] < 0).all()
    assert (normals[1][inside & (rows < -far)] > 0).all()
    assert (normals[1][inside & (rows > far)] < 0).all()
    assert (normals[2][inside] > -0.2).all(), "vertex normals lean at most a little past the edge"
    torch.testing.assert_close(normals.norm(dim=0), torch.ones(64, 64))
    assert normals[:, 0, 0].equal(torch.tensor([0.0, 0.0, 1.0]))


def test_the_inside_seen_through_an_open_mouth_faces_the_viewer():
    mesh = head(open_mouth=True)
    column, row, _ = project(torch.tensor([[[0.0, -0.5, 0.6]]]), CAMERA)[0, 0].long().tolist()
    fragments = rasterize(project(mesh.vertices, CAMERA), mesh.triangles, 64, 64)
    assert fragments.depth[0, row, column] > 10, "the hole shows the back of the head"
    assert render_mesh_frame(mesh, CAMERA).normals[0, 2, row, column] > 0.5


def test_depth_is_near_bright_and_keeps_its_scale_when_the_head_moves():
    still = head(yaws=(math.pi,))  # the back of the head: smooth in the middle of the picture
    moved = dataclasses.replace(still, vertices=still.vertices - torch.tensor([0, 0, 0.3]))
    near, far = (render_mesh_frame(mesh, CAMERA).depth[0] for mesh in (still, moved))
    assert near[:, 0, 0].eq(-1).all()
    assert near[0, 32, 32] > near[0, 32, 48] > -1
    # 2.5 dm from white (1) to black (-1): 0.3 dm is 0.24. The triangles' facets round it off.
    darker = near[0, 32, 32] - far[0, 32, 32]
    torch.testing.assert_close(darker, torch.tensor(0.24), atol=5e-3, rtol=0)
    assert near[0].equal(near[1])


@pytest.mark.parametrize("yaw", [0.0, 0.5, -0.9])
def test_an_open_mouth_is_masked_whole(yaw):
    """The mask of the open mouth is the mask of the same mouth with the hole filled."""
    opened, closed = (
        render_mesh_frame(head(yaws=(yaw,), open_mouth=state), d3dfr_camera(128))
        for state in (True, False)
    )
    assert closed.mouth_mask.sum() > 200
    difference = (opened.mouth_mask - closed.mouth_mask).abs().sum()
    # The cover is flat where the lips bulge: near the silhouette a few pixels of it are hidden.
    assert difference <= 0.03 * closed.mouth_mask.sum()
    assert (opened.front_mask >= opened.mouth_mask).all()


def test_a_mouth_turned_away_or_behind_something_is_not_masked():
    behind = render_mesh_frame(head(yaws=(3.0,), open_mouth=True), CAMERA)
    assert behind.mouth_mask.sum() == 0
    assert behind.dilated_mouth_mask.sum() == 0
    mesh = head(open_mouth=True)
    screen = torch.tensor(
        [[-1.0, -1.0, 1.5], [1.0, -1.0, 1.5], [-1.0, 1.0, 1.5]]
    )  # covers the left
    front = len(mesh.mouth) + torch.tensor([[0, 1, 2]])

    def with_screen(values, added):
        return torch.cat([values, added.expand(len(values), 3, 3)], dim=1)

    hidden = dataclasses.replace(
        mesh,
        vertices=with_screen(mesh.vertices, screen),
        normals=with_screen(mesh.normals, torch.tensor([0.0, 0.0, 1.0])),
        albedo=with_screen(mesh.albedo, torch.zeros(1)),
        irradiance=with_screen(mesh.irradiance, torch.zeros(1)),
        triangles=torch.cat([mesh.triangles, front]),
        mouth=torch.cat([mesh.mouth, torch.zeros(3, dtype=torch.bool)]),
        front=torch.cat([mesh.front, torch.zeros(3, dtype=torch.bool)]),
    )
    mask = render_mesh_frame(hidden, CAMERA).mouth_mask
    open_mask = render_mesh_frame(mesh, CAMERA).mouth_mask
    assert open_mask[..., :32].sum() > 20
    assert mask[..., :32].sum() == 0
    assert mask[..., 50:].equal(open_mask[..., 50:])


def test_the_mouth_grows_by_a_fraction_of_the_height():
    mesh = head()
    for size in (64, 128):
        frame = render_mesh_frame(mesh, d3dfr_camera(size), mouth_dilation=1 / 16)
        rows = [
            mask[0, 0].any(1).nonzero() for mask in (frame.mouth_mask, frame.dilated_mouth_mask)
        ]
        assert rows[0].min() - rows[1].min() == size // 16
        assert rows[1].max() - rows[0].max() == size // 16


def test_landmarks_are_where_they_are_projected_and_hidden_behind_the_head():
    mesh = head(yaws=(0.0, 0.5, 3.1))
    frame = render_mesh_frame(mesh, CAMERA)
    expected = project(mesh.vertices, CAMERA)[:, mesh.landmarks, :2]
    torch.testing.assert_close(frame.landmarks, expected)
    nose, back = frame.landmarks_visible.T.tolist()
    assert nose == [True, True, False]
    assert back == [False, False, True]


@pytest.mark.parametrize("shift", [(9.0, 0.0, 0.0), (0.0, -9.0, 0.0), (0.0, 0.0, 20.0)])
def test_a_head_outside_the_picture_leaves_it_empty(shift):
    mesh = head(open_mouth=True)
    gone = dataclasses.replace(mesh, vertices=mesh.vertices + torch.tensor(shift))
    frame = render_mesh_frame(gone, CAMERA, antialias=True)
    for name in MASKS:
        assert getattr(frame, name).eq(0).all(), name
    for field in dataclasses.fields(MeshFrame):
        assert getattr(frame, field.name).isfinite().all(), field.name
    assert frame.colour.eq(-1).all()
    assert not frame.landmarks_visible.any()


def test_gradients_reach_light_and_vertices_as_finite_differences_say():
    """Directional derivatives, away from edges: only pixels that keep their triangle count."""
    mesh = head(num_vertices=300, num_segments=24)
    camera = d3dfr_camera(24)
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(1, 3, 24, 24, generator=generator)

    def render(name, offset):
        changed = dataclasses.replace(mesh, **{name: getattr(mesh, name) + offset})
        frame = render_mesh_frame(changed, camera)
        index = rasterize(project(changed.vertices, camera), mesh.triangles, 24, 24).triangle
        return frame.colour, index

    # Vertices move along a smooth field: slivers bend the difference under an uneven one.
    noise = torch.rand(mesh.albedo.shape, generator=generator) - 0.5
    directions = {"irradiance": noise, "albedo": noise, "vertices": mesh.vertices.roll(1, -1)}
    for (name, direction), step in zip(directions.items(), (1e-2, 1e-2, 1e-3), strict=True):
        (below, index_below), (above, index_above) = (
            render(name, sign * step * direction) for sign in (-1, 1)
        )
        along = torch.zeros((), requires_grad=True)
        colour, index = render(name, along * direction)
        kept = ((index == index_below) & (index == index_above))[:, None] * weights
        assert (kept > 0).float().mean() > 0.5
        (gradient,) = torch.autograd.grad((colour * kept).sum(), along)
        difference = ((above - below) * kept).sum() / (2 * step)
        # float32 over hundreds of pixels, divided by the step, is good to about 1e-3.
        torch.testing.assert_close(gradient, difference, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["vertices", "normals", "albedo", "irradiance"])
def test_nan_in_the_mesh_is_refused_by_name(name):
    mesh = head()
    broken = getattr(mesh, name).clone()
    broken[0, 5, 1] = float("nan")
    with pytest.raises(InputError, match=rf"mesh\.{name} holds NaN"):
        render_mesh_frame(dataclasses.replace(mesh, **{name: broken}), CAMERA)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"background": 1.5}, "background is 1.5"),
        ({"depth_range": (9.0, 9.0)}, r"depth_range is \(9.0, 9.0\)"),
        ({"mouth_dilation": -0.5}, "dilation radius is -0.5"),
    ],
)
def test_an_unusable_setting_is_named_with_its_value(change, message):
    with pytest.raises(InputError, match=message):
        render_mesh_frame(head(), CAMERA, **change)
