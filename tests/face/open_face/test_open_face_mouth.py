"""Lips, teeth and tongue: shut is shut, open is round, and teeth stay behind lips."""

import numpy as np
import pytest
import torch

from imagineid_core.face.open_face import CONTROLS, expression_from_controls, open_face_basis
from imagineid_core.face.open_face.mouth import CONTACT_LOOP
from imagineid_core.face.open_face.rest import rest_face
from imagineid_core.face.pose import pose_vertices
from imagineid_core.render.camera import d3dfr_camera, project
from imagineid_core.render.rasterize import rasterize

KEEP_LIPS_SHUT = (
    "pucker", "stretch", "smile_L", "smile_R", "frown_L", "frown_R", "lip_press", "lip_roll_in",
    "mouth_left", "jaw_left", "jaw_forward", "chin_raise", "dimple_L", "dimple_R", "cheek_puff_L",
    "cheek_puff_R", "upper_lip_forward", "lower_lip_forward", "blink_L", "brow_down_L", "gaze_up",
    "tongue_up", "nose_wrinkle",
)  # fmt: skip


def face(controls: dict[str, float], shape: torch.Tensor | None = None) -> torch.Tensor:
    basis = open_face_basis()
    vertices = basis.mean_vertices + basis.expression_basis @ expression_from_controls(controls)[0]
    return vertices if shape is None else vertices + basis.shape_basis @ shape


def widest_gap(vertices: torch.Tensor) -> float:
    """Between the touching vertices of upper and lower lip, the largest distance (dm)."""
    contact = torch.from_numpy(rest_face().skin.mouth[CONTACT_LOOP])
    points = vertices[contact]
    return float((points - points.flip(0).roll(1, 0)).norm(dim=1).max())


def lip_gap(vertices: torch.Tensor) -> float:
    marks = open_face_basis().landmarks
    return float((vertices[marks[62]] - vertices[marks[66]])[1])


@pytest.mark.parametrize("name", KEEP_LIPS_SHUT)
def test_a_control_that_must_not_open_the_mouth_does_not(name):
    for amount in (-1.0, 1.0) if CONTROLS[name].is_signed else (1.0,):
        assert widest_gap(face({name: amount})) < 1e-5  # float32 rounding of sums near 1 dm


@pytest.mark.parametrize("amount", [0.1, 0.4, 1.0])
def test_lip_close_shuts_any_opening_of_the_jaw(amount):
    assert lip_gap(face({"jaw_open": amount})) > 0.2 * amount
    assert widest_gap(face({"jaw_open": amount, "lip_close": amount})) < 1e-5


def test_identity_does_not_open_the_mouth():
    draw = np.random.default_rng(0)
    for _ in range(20):
        shape = torch.tensor(np.clip(draw.normal(size=80) * 1.5, -2.5, 2.5)).float()
        assert widest_gap(face({}, shape)) < 1e-5


def test_the_mouth_opens_as_an_ellipse_and_the_chin_goes_down_and_back():
    rest, opened = face({}), face({"jaw_open": 1.0})
    contact = torch.from_numpy(rest_face().skin.mouth[CONTACT_LOOP])
    points = opened[contact]
    half_width = (points[:, 0].max() - points[:, 0].min()) / 2
    gap = (points - points.flip(0).roll(1, 0))[:, 1].abs()
    at_half_way = gap[(points[:, 0].abs() / half_width - 0.5).abs().argmin()]
    # An ellipse is 0.87 of its height half way to the corner; a V would be 0.5.
    assert 0.75 < at_half_way / gap.max() < 0.95
    chin = open_face_basis().landmarks[8]
    assert opened[chin, 1] < rest[chin, 1] - 0.15
    assert opened[chin, 2] < rest[chin, 2] - 0.1


def test_upper_teeth_and_skull_do_not_move_with_the_jaw():
    moved = (face({"jaw_open": 1.0}) - face({})).norm(dim=1)
    parts = rest_face()
    assert moved[parts.teeth[parts.teeth_upper]].max() < 1e-5
    assert moved[parts.skin.crown] < 1e-5
    assert moved[parts.teeth[~parts.teeth_upper]].min() > 0.1


def test_teeth_and_tongue_stay_behind_shut_lips():
    """In random heads and mixtures of controls, from three sides, no tooth is seen."""
    basis, parts = open_face_basis(), rest_face()
    hidden = torch.zeros(len(parts.vertices), dtype=torch.bool)
    hidden[parts.teeth] = hidden[parts.tongue] = True
    is_hidden = hidden[basis.triangles].all(dim=1)
    draw = np.random.default_rng(3)
    for index in range(12):
        names = draw.choice(KEEP_LIPS_SHUT, 3, replace=False)
        controls = {
            str(name): float(draw.uniform(-1 if CONTROLS[name].is_signed else 0, 1))
            for name in names
        }
        if index % 2:
            controls |= dict.fromkeys(("jaw_open", "lip_close"), float(draw.uniform(0, 0.5)))
        shape = torch.tensor(np.clip(draw.normal(size=80), -2.5, 2.5)).float()
        pose = torch.tensor([[0.0, (index % 3 - 1) * 0.6, 0.0, 0.0, 0.0, 0.0]])
        screen = project(pose_vertices(face(controls, shape)[None], pose), d3dfr_camera(336))
        triangle = rasterize(screen, basis.triangles, 336, 336).triangle
        assert int(is_hidden[triangle[triangle >= 0]].sum()) == 0, controls


def test_an_open_mouth_shows_upper_teeth():
    basis, parts = open_face_basis(), rest_face()
    is_tooth = torch.zeros(len(parts.vertices), dtype=torch.bool)
    is_tooth[parts.teeth[parts.teeth_upper]] = True
    screen = project(face({"jaw_open": 0.5, "upper_lip_raise": 0.5})[None], d3dfr_camera(224))
    triangle = rasterize(screen, basis.triangles, 224, 224).triangle
    assert int(is_tooth[basis.triangles[triangle[triangle >= 0]]].all(dim=1).sum()) > 60
