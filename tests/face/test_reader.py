"""The face reader's arithmetic alone: maps to places, sizes, and what it refuses."""

import pytest
import torch

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.errors import InputError
from imagineid_core.face.landmarks import MIRRORED, eye_distance, mouth_opening
from imagineid_core.face.load import load_face
from imagineid_core.face.reader import (
    ARCHITECTURE,
    FaceReader,
    FaceReaderConfig,
    load_face_reader,
    mean_places,
)

TINY = FaceReaderConfig(channels=(8, 16), maps_at=0, size=16)


@pytest.fixture
def reader():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FaceReader(TINY).eval()


def test_a_landmark_lies_where_its_map_is_sure():
    maps = torch.full((1, 2, 4, 8), -50.0)
    maps[0, 0, 1, 6] = 50  # row 1 of 4, column 6 of 8
    maps[0, 1, 2, 3] = maps[0, 1, 2, 4] = 50  # between two cells
    expected = torch.tensor([[[6.5 / 8, 1.5 / 4], [4 / 8, 2.5 / 4]]])
    torch.testing.assert_close(mean_places(maps), expected)


def test_landmarks_are_pixels_of_the_picture_whatever_its_size(reader):
    drawn = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) - 0.5
    small = drawn.repeat_interleave(4, dim=-1).repeat_interleave(4, dim=-2)
    large = small.repeat_interleave(4, dim=-1).repeat_interleave(4, dim=-2)
    with torch.no_grad():
        one, other = reader(small), reader(large)
    assert one.landmarks.shape == (2, 68, 2)
    assert one.maps.shape == (2, 68, 8, 8)
    torch.testing.assert_close(other.landmarks, 4 * one.landmarks, atol=1.0, rtol=0)


def test_where_it_sees_no_face_every_landmark_is_nan(reader):
    images = torch.rand(3, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        reader.face.weight.zero_()
        reader.face.bias.fill_(-1.0)
        assert reader.places(images).isnan().all()
        reader.face.bias.fill_(1.0)
        torch.testing.assert_close(reader.places(images), reader(images).landmarks)


def test_pictures_that_are_no_squares_are_refused(reader):
    with pytest.raises(InputError, match="24 x 16 but the face reader reads squares"):
        reader(torch.zeros(1, 3, 16, 24))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"channels": (8, 12)}, r"channels are \(8, 12\)"),
        ({"maps_at": 5}, "maps_at is 5"),
        ({"size": 100}, "size is 100"),
    ],
)
def test_configs_that_cannot_be_built_are_refused(change, told):
    with pytest.raises(InputError, match=told):
        FaceReaderConfig(**change)


def test_what_is_saved_comes_back(reader, tmp_path):
    path = tmp_path / "face_reader.safetensors"
    save_checkpoint(path, reader, architecture=ARCHITECTURE, config=TINY, provenance={})
    images = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(load_face_reader(path)(images).landmarks, reader(images).landmarks)


def test_a_mirrored_face_has_its_landmarks_in_mirrored_order():
    """The open face is symmetric: mirrored and put in order, it is itself."""
    basis = load_face()
    points = basis.mean_vertices[basis.landmarks]
    mirrored = points[list(MIRRORED)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored, points, atol=0.02, rtol=0)
    assert [MIRRORED[other] for other in MIRRORED] == list(range(68))


def test_a_mouth_opens_by_what_its_lower_lip_goes_down():
    face = torch.zeros(2, 68, 2)
    face[:, 36:42, 0], face[:, 42:48, 0] = 10.0, 30.0
    face[1, 65:68, 1] = 5.0
    torch.testing.assert_close(eye_distance(face), torch.tensor([20.0, 20.0]))
    torch.testing.assert_close(mouth_opening(face), torch.tensor([0.0, 0.25]))
