"""The first pose of a fit, from a simpler camera than the true one."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.face.landmarks import project_landmarks
from imagineid_core.face.pose import pose_vertices, rotation_matrices
from imagineid_core.face.pose_from_points import angles_from_rotation, pose_from_points
from tests.face.egg import egg_face

EGG = egg_face()


@settings(max_examples=50, deadline=None)
@given(pitch=st.floats(-1.2, 1.2), yaw=st.floats(-1.5, 1.5), roll=st.floats(-3.1, 3.1))
def test_angles_survive_their_rotation(pitch: float, yaw: float, roll: float):
    angles = torch.tensor([[pitch, yaw, roll]], dtype=torch.float64)
    back = angles_from_rotation(rotation_matrices(angles))
    torch.testing.assert_close(back, angles, atol=1e-9, rtol=0)


@settings(max_examples=30, deadline=None)
@given(
    pitch=st.floats(-0.5, 0.5),
    yaw=st.floats(-0.9, 0.9),
    roll=st.floats(-1.5, 1.5),
    x=st.floats(-0.5, 0.5),
    z=st.floats(-3.0, 1.0),
)
def test_a_pose_is_found_within_a_few_degrees(pitch, yaw, roll, x, z):
    pose = torch.tensor([[pitch, yaw, roll, x, 0.1, z]])
    points = pose_vertices(EGG.mean_vertices[None], pose)
    landmarks = project_landmarks(points, EGG.landmarks, height=100, width=120)
    found = pose_from_points(EGG.mean_vertices[EGG.landmarks], landmarks, height=100, width=120)
    difference = (found - pose).abs()[0]
    # The camera left out: depth varies by a dm in ten, so perspective bends sizes by a tenth.
    assert difference[:3].max() < 0.2
    assert difference[3:5].max() < 0.15
    assert difference[5] < 1.2
