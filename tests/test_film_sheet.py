"""A contact sheet shows what the film shows, under its meshes."""

from fractions import Fraction

import pytest
import torch

from imagineid_core.imagine.host import MeshPicture
from imagineid_core.pipeline.film_sheet import film_sheet, moments
from imagineid_core.values import Speech
from imagineid_core.video.open_writer import open_writer
from imagineid_core.video.shown import Shown

FPS = Fraction(25)


@pytest.mark.parametrize(
    ("num_frames", "most", "numbers"), [(75, 4, [0, 25, 49, 74]), (3, 8, [0, 1, 2]), (1, 8, [0])]
)
def test_moments_reach_from_the_first_frame_to_the_last(num_frames, most, numbers):
    assert moments(num_frames, most) == numbers


def test_each_column_shows_a_mesh_and_its_frame_without_the_films_label(tmp_path):
    levels = [-0.8, -0.4, 0.0, 0.4, 0.8]
    show = Shown(size=64, label="a label")
    with open_writer(tmp_path / "film", fps=FPS) as writer:
        for level in levels:
            writer.write(show(torch.full((3, 32, 32), level)))
    mouth = torch.zeros(1, 1, 32, 32)
    meshes = [
        MeshPicture(colour=torch.full((1, 3, 32, 32), -level), mouth_mask=mouth) for level in levels
    ]
    speech = Speech(waveform=torch.zeros(3_200), fps=FPS, num_frames=5)
    sheet = film_sheet(tmp_path / "film", meshes, speech, num_columns=3, width=50)
    gap = 2
    assert sheet.shape[2] == 3 * 50 + 4 * gap
    middles = [gap + 25 + column * (50 + gap) for column in range(3)]
    frames = [float(sheet[:, -gap - 25, middle].mean()) for middle in middles]
    above = [float(sheet[:, -2 * gap - 75, middle].mean()) for middle in middles]
    assert frames == pytest.approx([-0.8, 0.0, 0.8], abs=0.01)
    assert above == pytest.approx([0.8, 0.0, -0.8], abs=0.01)
    labelled = film_sheet(
        tmp_path / "film", meshes, speech, num_columns=3, width=50, label="whose it is"
    )
    assert labelled.shape[1] > sheet.shape[1]
    assert torch.equal(labelled[:, : sheet.shape[1]], sheet)
