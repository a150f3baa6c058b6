"""Pose of supplement Eq. 1: R = Rz Ry Rx, then the translation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from imagineid_core.errors import InputError
from imagineid_core.face.pose import (
    pose_from_degrees,
    pose_normals,
    pose_vertices,
    rotation_matrices,
)

NOSE = torch.tensor([[[0.0, 0.0, 1.0]]])  # a point in front of the face's centre
ANGLE = st.floats(-math.pi, math.pi)


@settings(max_examples=50, deadline=None)
@given(x=ANGLE, y=ANGLE, z=ANGLE)
def test_rotations_agree_with_scipy_and_are_proper(x: float, y: float, z: float):
    matrix = rotation_matrices(torch.tensor([[x, y, z]], dtype=torch.float64))[0]
    expected = Rotation.from_euler("xyz", [x, y, z]).as_matrix()  # extrinsic: Rz Ry Rx
    np.testing.assert_allclose(matrix.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose((matrix @ matrix.T).numpy(), np.eye(3), atol=1e-12)
    assert torch.linalg.det(matrix).item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("turn", "axis", "sign"),
    [({"pitch": 20.0}, 1, -1), ({"yaw": 20.0}, 0, 1)],
    ids=["positive pitch nods down", "positive yaw turns to the viewer's right"],
)
def test_angles_turn_the_nose_as_documented(turn, axis, sign):
    nose = pose_vertices(NOSE, pose_from_degrees(**turn))[0, 0]
    assert nose[axis].item() == pytest.approx(sign * math.sin(math.radians(20)), abs=1e-6)


def test_a_positive_roll_tilts_the_head_counter_clockwise():
    crown = pose_vertices(torch.tensor([[[0.0, 1.0, 0.0]]]), pose_from_degrees(roll=90.0))
    torch.testing.assert_close(crown, torch.tensor([[[-1.0, 0.0, 0.0]]]), atol=1e-6, rtol=0)


def test_a_translation_moves_vertices_and_leaves_normals():
    pose = pose_from_degrees(translation=(0.1, -0.2, 0.3))
    torch.testing.assert_close(pose_vertices(NOSE, pose), torch.tensor([[[0.1, -0.2, 1.3]]]))
    torch.testing.assert_close(pose_normals(NOSE, pose), NOSE)


def test_each_row_of_a_batch_has_its_own_pose():
    pose = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    points = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1))
    together = pose_vertices(points, pose)
    for row in range(4):
        alone = pose_vertices(points[row : row + 1], pose[row : row + 1])[0]
        torch.testing.assert_close(together[row], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("apply", [pose_vertices, pose_normals])
def test_a_pose_that_is_no_number_is_refused_by_row(apply):
    pose = torch.zeros(2, 6)
    pose[1, 4] = math.nan
    with pytest.raises(InputError, match=r"pose holds NaN .*row 1"):
        apply(NOSE.expand(2, -1, -1), pose)
