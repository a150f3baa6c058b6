import numpy as np
import pytest
import torch

from imagineid_core.face.open_face import open_face_basis
from imagineid_core.face.open_face.rest import rest_face

# iBUG partners: the same place on the other side of the face.
PARTNERS = [(i, 16 - i) for i in range(8)]
PARTNERS += [(17 + i, 26 - i) for i in range(5)]
PARTNERS += [(31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
PARTNERS += [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]
MIDDLE = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]

# Mean positions (dm) of the five points that align crops; FORMATS 1.8, from public code.
STANDARD = {
    "eye_left": (-0.311, 0.290, 0.134),
    "eye_right": (0.310, 0.290, 0.132),
    "nose": (0.003, -0.046, 0.552),
    "mouth_left": (-0.252, -0.381, 0.224),
    "mouth_right": (0.248, -0.381, 0.222),
}


@pytest.fixture
def points() -> torch.Tensor:
    basis = open_face_basis()
    return basis.mean_vertices[basis.landmarks]


def test_partners_are_mirror_images(points):
    face, marks = rest_face(), open_face_basis().landmarks.numpy()
    for left, right in PARTNERS:
        assert face.mirror[marks[left]] == marks[right], (left, right)
        assert points[left, 0] < 0 < points[right, 0], (left, right)
    assert points[MIDDLE, 0].abs().max() < 1e-4


def test_every_landmark_is_another_vertex():
    marks = open_face_basis().landmarks
    assert len(marks.unique()) == 68


def test_contour_runs_down_to_the_chin_and_up_again(points):
    heights = points[:17, 1]
    assert (heights[:8].diff() < 0).all()
    assert (heights[9:].diff() > 0).all()
    assert (points[:17, 0].diff() > 0).all()


def test_brows_eyes_nose_and_mouth_follow_each_other_downward(points):
    assert points[17:27, 1].min() > points[36:48, 1].max()
    assert points[36:48, 1].min() > points[31:36, 1].max()
    assert points[31:36, 1].min() > points[48:68, 1].max()
    assert (points[27:31, 1].diff() < 0).all()
    assert points[[37, 38], 1].min() > points[[40, 41], 1].max()
    assert points[49:54, 1].min() >= points[55:60, 1].max()


def test_the_five_points_of_alignment_lie_where_other_models_have_them(points):
    found = {
        "eye_left": points[[36, 39]].mean(0),
        "eye_right": points[[42, 45]].mean(0),
        "nose": points[30],
        "mouth_left": points[48],
        "mouth_right": points[54],
    }
    for name, place in STANDARD.items():
        # Heads differ by more; 0.1 dm keeps a crop aligned within ten pixels of 224.
        assert np.linalg.norm(found[name].numpy() - np.array(place)) < 0.10, name


def test_inner_lips_touch_at_rest(points):
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        assert torch.allclose(points[upper], points[lower], atol=1e-6)
