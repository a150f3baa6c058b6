"""Regions told from landmark outlines."""

import torch

from imagineid_core.face.regions import depth_inside, eye_region, mouth_region
from tests.face.egg import egg_face

EGG = egg_face()

# An L, to show that outlines need not be convex.
OUTLINE = torch.tensor([[0, 0], [4, 0], [4, 1], [1, 1], [1, 3], [0, 3]]).float()


def test_depth_inside_is_the_distance_to_the_nearest_edge():
    probes = torch.tensor([[0.5, 2.0], [3.0, 0.25], [2.0, 2.0], [-1.0, 1.0], [0.5, 0.5], [5.0, 0]])
    expected = [0.5, 0.25, -1.0, -1.0, 0.5, -1.0]
    vertices = torch.nn.functional.pad(torch.cat([OUTLINE, probes]), (0, 1))
    depth = depth_inside(vertices, torch.arange(6))
    torch.testing.assert_close(depth[6:], torch.tensor(expected))
    assert depth[:6].abs().max() == 0


def test_an_outline_run_the_other_way_round_means_the_same():
    vertices = torch.nn.functional.pad(torch.cat([OUTLINE, torch.rand(50, 2) * 4]), (0, 1))
    forward = depth_inside(vertices, torch.arange(6))
    torch.testing.assert_close(depth_inside(vertices, torch.arange(6).flip(0)), forward)


def test_regions_hold_their_own_landmarks_and_no_others():
    mouth = mouth_region(EGG.mean_vertices, EGG.landmarks)
    eyes = eye_region(EGG.mean_vertices, EGG.landmarks)
    assert mouth[EGG.landmarks[48:]].all()
    assert eyes[EGG.landmarks[36:48]].all()
    assert not mouth[EGG.landmarks[:48]].any()
    assert not eyes[EGG.landmarks[:17]].any()
    assert not eyes[EGG.landmarks[48:]].any()


def test_the_mouth_takes_in_what_lies_behind_the_lips():
    behind = EGG.mean_vertices[EGG.landmarks[62]] - torch.tensor([0.0, 0.0, 0.3])
    vertices = torch.cat([EGG.mean_vertices, behind[None]])
    assert mouth_region(vertices, EGG.landmarks)[-1]
