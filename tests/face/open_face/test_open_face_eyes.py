"""Lids and eyeballs: nothing pokes through, nothing gapes, in any head and from any side."""

import numpy as np
import pytest
import torch

from imagineid_core.face.open_face import expression_from_controls, open_face_basis
from imagineid_core.face.open_face.eyes import MARGIN_LOOP
from imagineid_core.face.open_face.rest import rest_face
from imagineid_core.face.pose import pose_vertices
from imagineid_core.render.camera import d3dfr_camera, project
from imagineid_core.render.rasterize import rasterize


def heads(count: int, seed: int) -> list[torch.Tensor]:
    draw = np.random.default_rng(seed)
    rows = np.clip(draw.normal(size=(count, 80)) * 1.3, -2.5, 2.5)
    return [torch.tensor(row).float() for row in rows]


def face(shape: torch.Tensor, **controls: float) -> torch.Tensor:
    basis = open_face_basis()
    expression = expression_from_controls(controls)[0]
    return basis.mean_vertices + basis.shape_basis @ shape + basis.expression_basis @ expression


def eyeball_pixels(vertices: torch.Tensor, yaw: float) -> int:
    basis = open_face_basis()
    is_ball = torch.zeros(len(vertices), dtype=torch.bool)
    for ball in rest_face().eyeballs:
        is_ball[torch.from_numpy(ball)] = True
    screen = project(
        pose_vertices(vertices[None], torch.tensor([[0.0, yaw, 0.0, 0.0, 0.0, 0.0]])),
        d3dfr_camera(336),
    )
    triangle = rasterize(screen, basis.triangles, 336, 336).triangle
    return int(is_ball[basis.triangles[triangle[triangle >= 0]]].all(dim=1).sum())


@pytest.mark.parametrize("yaw", [-0.8, 0.0, 0.8])
def test_no_eyeball_is_seen_behind_shut_lids(yaw):
    draw = np.random.default_rng(1)
    for shape in heads(8, seed=1):
        gaze = {
            "gaze_right": float(draw.choice([-1, 0, 1])),
            "gaze_up": float(draw.choice([-1, 1])),
        }
        beside = {"squint_L": float(draw.random()) * 0.6, "smile_R": float(draw.random())}
        shut = face(shape, blink_L=1.0, blink_R=1.0, **gaze, **beside)
        assert eyeball_pixels(shut, yaw) == 0


def test_open_eyes_show_their_eyeballs():
    assert eyeball_pixels(face(torch.zeros(80)), 0.0) > 500


@pytest.mark.parametrize("blink", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_lids_stay_outside_the_eyeball_at_any_stage_of_a_blink(blink):
    """A lid moves on a chord and a turned eye swells a little; the lid's thickness allows both."""
    draw = np.random.default_rng(2)
    skin = rest_face().skin
    for shape in heads(12, seed=2):
        still = face(shape).double().numpy()
        gaze_right, gaze_up = draw.choice([-1.0, 1.0], 2)
        moved = (
            face(shape, blink_L=blink, blink_R=blink, gaze_right=gaze_right, gaze_up=gaze_up)
            .double()
            .numpy()
        )
        for patch, ball in zip(skin.eyes, rest_face().eyeballs, strict=True):
            centre = sphere_centre(still[ball])
            lids = np.linalg.norm(moved[patch[4 : MARGIN_LOOP + 1]] - centre, axis=-1)
            assert lids.min() > np.linalg.norm(moved[ball] - centre, axis=1).max()


@pytest.mark.parametrize("yaw", [-0.9, -0.5, 0.5, 0.9])
def test_no_inside_of_the_head_is_seen_beside_an_eyeball(yaw):
    """From any side an eye shows fronts of triangles only: skin, conjunctiva, eyeball."""
    basis = open_face_basis()
    near_eyes = basis.eyes[basis.triangles].all(dim=1)
    pose = torch.tensor([[0.3, yaw, 0.0, 0.0, 0.0, 0.0]])
    for shape in [torch.zeros(80), *heads(3, seed=3)]:
        screen = project(pose_vertices(face(shape)[None], pose), d3dfr_camera(336))
        triangle = rasterize(screen, basis.triangles, 336, 336).triangle[0]
        a, b, c = screen[0, basis.triangles].unbind(1)
        doubled = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        is_back = doubled > 0  # rows count downward
        visible = triangle[triangle >= 0]
        assert int((near_eyes & is_back)[visible].sum()) <= 2


def test_both_eyes_blink_alike():
    basis, mirror = open_face_basis(), rest_face().mirror
    left = basis.expression_basis @ expression_from_controls({"blink_L": 1.0})[0]
    right = basis.expression_basis @ expression_from_controls({"blink_R": 1.0})[0]
    # The fields are solved once and mirrored, so only rounding is left.
    assert torch.allclose(left, right[mirror] * torch.tensor([-1.0, 1.0, 1.0]), atol=1e-5)


def sphere_centre(points: np.ndarray) -> np.ndarray:
    """Least squares: |p|^2 = 2 p.c + const."""
    equations = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    return np.linalg.lstsq(equations, (points**2).sum(axis=1), rcond=None)[0][:3]
