"""Head motion, drift, flicker and the mesh-warp error: cases whose answer is known."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from imagineid_core.evaluation.video.drift import (
    colour_curve,
    drift,
    identity_curve,
    sharpness_curve,
)
from imagineid_core.evaluation.video.flicker import flicker, regions_from_landmarks
from imagineid_core.evaluation.video.head_motion import (
    beat_align,
    head_diversity,
    motion_beats,
    voice_beats,
    without_gaps,
)
from imagineid_core.evaluation.video.mesh_warp import mesh_flow, warp_error
from imagineid_core.render.camera import d3dfr_camera
from imagineid_core.values import Speech


def test_diversity_is_the_spread_over_frames():
    still, nodding = np.zeros((10, 3)), np.array([[-2.0, 0.0, 0.0], [2.0, 0.0, 0.0]] * 5)
    assert head_diversity(still) == 0.0
    assert head_diversity(nodding) == pytest.approx(2.0 / 3)
    assert head_diversity(3 * nodding) == pytest.approx(2.0)
    lost = np.concatenate([nodding, np.full((4, 3), np.nan)])
    assert head_diversity(lost) == pytest.approx(2.0 / 3)


def test_beats_that_fall_together_align_and_fall_off_with_their_distance():
    voice = np.array([0.4, 1.2, 2.0])
    assert beat_align(voice, voice) == pytest.approx(1.0)
    three_frames = beat_align(voice + 0.12, voice)
    assert three_frames == pytest.approx(np.exp(-0.5))
    values = [beat_align(voice + late, voice) for late in (0.0, 0.04, 0.12, 0.2)]
    assert values == sorted(values, reverse=True)
    assert beat_align(np.zeros(0), voice) == 0.0
    assert np.isnan(beat_align(voice, np.zeros(0)))


def test_a_head_that_swings_pauses_at_its_turning_points():
    """A swing of one second turns at 0.25 s, 0.75 s, ..."""
    seconds = np.arange(100) / 25
    poses = np.stack([np.sin(2 * np.pi * seconds), np.zeros(100), np.zeros(100)], axis=1)
    beats = motion_beats(poses, 25.0)
    assert beats == pytest.approx(np.arange(0.25, 4, 0.5)[: len(beats)], abs=0.04)
    assert len(beats) >= 7


def test_a_voice_s_beats_are_its_onsets():
    sound, times = np.zeros(32000, np.float32), (0.3, 0.9, 1.5)
    for start in times:
        first = round(start * 16000)
        fading = np.exp(-np.arange(8000) / 500) * np.sin(np.arange(8000) * 0.3)
        sound[first : first + 8000] += fading.astype(np.float32)
    speech = Speech(waveform=torch.from_numpy(sound), fps=Fraction(25), num_frames=50)
    assert voice_beats(speech) == pytest.approx(np.array(times), abs=0.05)


def test_gaps_are_bridged_in_a_straight_line():
    poses = np.array([[0.0], [np.nan], [2.0], [np.nan]])
    assert without_gaps(poses)[:, 0].tolist() == [0.0, 1.0, 2.0, 2.0]


def test_a_steady_clip_does_not_drift():
    features = np.tile([1.0, 2.0, 3.0], (60, 1))
    assert drift(identity_curve(features), 25) == pytest.approx(0.0)
    assert drift(colour_curve(np.full((60, 3), 90.0)), 25) == 0.0
    assert sharpness_curve(np.full(60, 7.0)).tolist() == [1.0] * 60


def test_drift_grows_with_what_is_added_each_frame():
    frames = np.arange(100)[:, None]
    values = []
    for step in (0.001, 0.01, 0.05):
        features = np.concatenate([np.ones((100, 1)), step * frames], axis=1)
        values.append(drift(identity_curve(features), 25))
    assert values == sorted(values)
    reddening = np.concatenate([100 + 0.5 * frames, np.full((100, 2), 90.0)], axis=1)
    assert drift(colour_curve(reddening), 25) == pytest.approx(0.5 * 75)
    blurring = np.linspace(10, 5, 100)
    assert drift(sharpness_curve(blurring), 25) < -0.3


def test_a_clip_of_less_than_two_seconds_has_no_drift():
    assert np.isnan(drift(np.zeros(49), 25))
    assert np.isfinite(drift(np.zeros(50), 25))


def test_a_face_that_is_lost_has_no_identity():
    features = np.tile([1.0, 2.0], (60, 1))
    features[[0, 5]] = np.nan
    assert np.isnan(identity_curve(features)).sum() == 2
    assert drift(identity_curve(features), 25) == pytest.approx(0.0)
    assert np.isnan(identity_curve(np.full((4, 2), np.nan))).all()


def face() -> np.ndarray:
    """An oval of 17 contour points, brows, and a mouth low in the middle, in 96 x 96 pixels."""
    found = np.full((68, 2), 48.0)
    angle = np.linspace(np.pi, 0, 17)
    found[:17] = 48 + np.stack([28 * np.cos(angle), 36 * np.sin(angle)], axis=1)
    found[17:27] = np.stack([np.linspace(26, 70, 10), np.full(10, 34.0)], axis=1)
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    found[48:68] = (48, 68) + np.stack([10 * np.cos(turn), 5 * np.sin(turn)], axis=1)
    return found


def regions(num_frames: int):
    return regions_from_landmarks(np.tile(face(), (num_frames, 1, 1)), 96, 96)


def test_regions_of_a_face_do_not_overlap_with_what_is_behind():
    found = regions(1)
    mouth, whole, behind = (found[name][0] for name in ("mouth", "face", "background"))
    assert mouth[68, 48]
    assert whole[68, 48]
    assert (mouth & ~whole).sum() == 0
    assert not (whole & behind).any()
    assert behind[2, 2]
    assert whole[24, 48]  # a forehead above the brows


def test_a_lost_face_has_no_regions():
    landmarks = np.full((1, 68, 2), np.nan)
    assert not any(mask.any() for mask in regions_from_landmarks(landmarks, 20, 20).values())


def test_still_and_evenly_brightening_films_do_not_flicker():
    frames = torch.rand(1, 3, 96, 96).expand(6, -1, -1, -1) * 0.1
    brightening = frames + torch.linspace(0, 0.5, 6).view(-1, 1, 1, 1)
    for film in (frames, brightening):
        for curve in flicker(film, regions(6)).values():
            assert curve.tolist() == pytest.approx([0.0] * 4, abs=1e-3)


def test_what_shakes_in_one_region_flickers_there_only():
    """One level up and down: every second difference is 2 levels."""
    found = regions(6)
    level = 1 / 127.5
    sign = torch.tensor([1.0, -1.0] * 3).view(-1, 1, 1, 1) * level / 2
    frames = torch.zeros(6, 3, 96, 96) + sign * found["background"][:, None]
    curves = flicker(frames, found)
    assert curves["background"].tolist() == pytest.approx([2.0] * 4, abs=1e-4)
    assert curves["mouth"].tolist() == [0.0] * 4
    assert curves["face"].tolist() == [0.0] * 4


def test_flicker_grows_with_the_noise():
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(8, 3, 96, 96))).float()
    values = [float(flicker(a * noise, regions(8))["face"].mean()) for a in (0.0, 0.01, 0.05, 0.1)]
    assert values == sorted(values)
    assert values[0] == 0.0


def plane(num_frames: int, step: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A square before the camera that moves `step` dm to the right with every frame."""
    corners = torch.tensor([[-0.6, -0.6, 0.0], [0.6, -0.6, 0.0], [0.6, 0.6, 0.0], [-0.6, 0.6, 0.0]])
    moves = step * torch.arange(num_frames).view(-1, 1, 1) * torch.tensor([1.0, 0.0, 0.0])
    return corners[None] + moves, torch.tensor([[0, 1, 2], [0, 2, 3]])


CAMERA = d3dfr_camera(64)
PIXEL = 10.0 / CAMERA.focal  # dm that one pixel shows of a plane at z = 0


def test_flow_of_a_moving_plane_is_its_motion():
    vertices, triangles = plane(3, 3 * PIXEL)
    flow, visible = mesh_flow(vertices, triangles, CAMERA)
    assert flow.shape == (2, 64, 64, 2)
    assert 0.5 < visible.float().mean() / ((1.2 / PIXEL) ** 2 / 64**2) <= 1.05
    rows, columns = visible[0].nonzero().T
    here = torch.stack([columns + 0.5, rows + 0.5], dim=1)
    assert torch.allclose(flow[0][rows, columns], here - torch.tensor([3.0, 0.0]), atol=1e-3)


def test_a_picture_that_moves_with_its_mesh_has_no_warp_error_and_one_that_stays_has():
    vertices, triangles = plane(4, 2 * PIXEL)
    texture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    moving = torch.cat([texture.roll(2 * number, -1) for number in range(4)])
    flow, visible = mesh_flow(vertices, triangles, CAMERA)
    assert warp_error(moving, flow, visible).tolist() == pytest.approx([0.0] * 3, abs=0.01)
    sticking = warp_error(texture.expand(4, -1, -1, -1), flow, visible)
    assert bool((sticking > 30).all())


def test_warp_error_is_a_root_mean_square_and_grows_with_the_noise():
    """Frames one level brighter each time, on a mesh that stands still: one level."""
    vertices, triangles = plane(4, 0.0)
    flow, visible = mesh_flow(vertices, triangles, CAMERA)
    brighter = (torch.arange(4).view(-1, 1, 1, 1) / 127.5).expand(4, 3, 64, 64)
    assert warp_error(brighter, flow, visible).tolist() == pytest.approx([1.0] * 3, abs=1e-4)
    noise = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    values = [float(warp_error(a * noise, flow, visible).mean()) for a in (0.0, 0.01, 0.1)]
    assert values == sorted(values)


def test_what_was_hidden_a_frame_ago_is_not_compared():
    """A plane behind comes out from under one in front that jumps aside."""
    vertices, triangles = plane(2, 0.0)
    front = vertices + torch.tensor([0.0, 0.0, 1.0])
    front[1] += torch.tensor([3.0, 0.0, 0.0])
    both = torch.cat([vertices, front], dim=1)
    _, visible = mesh_flow(both, torch.cat([triangles, triangles + 4]), CAMERA)
    _, alone = mesh_flow(vertices, triangles, CAMERA)
    assert alone[0, 32, 32]
    assert not visible[0, 32, 32]


def test_a_mesh_out_of_sight_has_no_error():
    vertices, triangles = plane(2, 0.0)
    flow, visible = mesh_flow(vertices + 50, triangles, CAMERA)
    assert not visible.any()
    camera = replace(CAMERA)
    assert torch.isnan(
        warp_error(torch.zeros(2, 3, camera.height, camera.width), flow, visible)
    ).all()
