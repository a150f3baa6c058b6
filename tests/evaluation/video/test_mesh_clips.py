"""Clips whose mesh is known: regions, landmarks, warp and poses come from the performance."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.clip import open_clip
from imagineid_core.evaluation.video.clip_report import ClipFiles, Comparison, report_clip
from imagineid_core.evaluation.video.extractors import Extractors, coefficients_at
from imagineid_core.evaluation.video.face_places import film_mesh, load_landmarks
from imagineid_core.evaluation.video.observe import observe
from imagineid_core.face.landmarks import MOUTH
from imagineid_core.face.load import load_face
from imagineid_core.face.recon_net import ReconNet, ReconNetConfig
from imagineid_core.performance import save_performance
from imagineid_core.pipeline.imagined_film import MeshPictures
from imagineid_core.values import MotionTrack, Performance
from tests.evaluation.video.films import landmarks, write_film

COUNT, SIZE = 5, 64


def performance(num_frames: int = COUNT) -> Performance:
    """A head that goes aside by a pixel a frame, turns a little and opens its mouth."""
    basis = load_face()
    expression = torch.zeros(num_frames, basis.expression_basis.shape[-1])
    expression[:, :4] = torch.linspace(0, 1, num_frames)[:, None]
    pose = torch.zeros(num_frames, 6)
    pose[:, 1] = torch.linspace(-0.03, 0.03, num_frames)
    pose[:, 3] = torch.linspace(-0.1, 0.1, num_frames)
    motion = MotionTrack(pose=pose, blink=torch.zeros(num_frames), fps=Fraction(25))
    return Performance(
        shape=None,
        semantics=None,
        style=None,
        lip_expression=None,
        expression=expression,
        motion=motion,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The film of the mesh itself, and one that stands still while its mesh moves."""
    folder = tmp_path_factory.mktemp("mesh")
    save_performance(folder, performance(), source="test")
    meshes = MeshPictures(performance(), load_face(), size=SIZE)
    film = torch.cat([meshes.frame(number).colour for number in range(COUNT)])
    write_film(folder / "moving", film, with_sound=False)
    write_film(folder / "still", film[:1].expand(COUNT, -1, -1, -1), with_sound=False)
    return folder


def report(place, name: str) -> dict:
    files = ClipFiles(
        video=str(place / name),
        reference=str(place / "moving"),
        performance=str(place),
        reference_performance=str(place),
    )
    return dict(report_clip(files, Extractors(), Comparison()).content)


def test_a_film_of_its_mesh_moves_with_it_and_a_still_one_does_not(place):
    moving, still = report(place, "moving"), report(place, "still")
    warp = [one["metrics"]["warp_error"]["value"] for one in (moving, still)]
    assert warp[0] < 0.5 * warp[1]
    assert moving["metrics"]["warp_error"]["frames"] == COUNT - 1
    assert moving["metrics"]["lmd"]["value"] == 0.0  # both meshes are one
    assert moving["metrics"]["head_diversity"]["value"] > 0.3  # degrees, mean of three angles
    assert moving["metrics"]["flicker_face"]["value"] > 0.0
    assert still["metrics"]["flicker_face"]["value"] == 0.0  # and yet it is worse: read warp_error
    assert "mesh of the performance" in moving["video"]["read_by"]["landmarks"]


def test_masks_of_the_mesh_hold_its_landmarks(place):
    clip = open_clip(place / "moving")
    mesh = film_mesh(performance(), load_face(), clip)
    points, regions = mesh.see(slice(0, 2))
    mouth = points[0, MOUTH].mean(axis=0).astype(int)
    assert regions["mouth"][0, mouth[1], mouth[0]]
    assert regions["face"][0, mouth[1], mouth[0]]
    seen = observe(clip, Extractors(), mesh=mesh)
    assert seen.faces_found == COUNT
    assert np.allclose(seen.rows["landmarks"][:2], points)


def test_landmarks_of_a_file_are_taken_before_the_mesh_s(place):
    clip = open_clip(place / "moving")
    given = landmarks(COUNT, size=SIZE)
    mesh = film_mesh(performance(), load_face(), clip)
    seen = observe(clip, Extractors(), landmarks=given, mesh=mesh)
    assert np.array_equal(seen.rows["landmarks"], given)
    assert seen.origins["landmarks"] == "file"


def test_a_performance_of_another_film_is_refused(place):
    clip = open_clip(place / "moving")
    with pytest.raises(InputError, match="performance has 3 frames at 25 a second but moving has"):
        film_mesh(performance(3), load_face(), clip)


def test_landmarks_of_another_size_are_refused(tmp_path):
    np.save(tmp_path / "points.npy", np.zeros((3, 68, 2)))
    assert load_landmarks(tmp_path / "points.npy", 2).shape == (2, 68, 2)
    with pytest.raises(InputError, match=r"\(3, 68, 2\) but 4 frames need \(4, 68, 2\)"):
        load_landmarks(tmp_path / "points.npy", 4)
    (tmp_path / "broken.npz").write_bytes(b"no")
    with pytest.raises(InputError, match="broken.npz cannot be read as landmarks"):
        load_landmarks(tmp_path / "broken.npz", 1)


def test_coefficients_are_read_where_a_face_is_and_nan_elsewhere():
    torch.manual_seed(0)
    recon = ReconNet(ReconNetConfig(stem_dim=4, blocks=(1, 1))).eval()
    points = landmarks(2)
    points[1] = np.nan
    found = coefficients_at(recon, torch.zeros(2, 3, 96, 96), points)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert found.shape == (2, 257)
