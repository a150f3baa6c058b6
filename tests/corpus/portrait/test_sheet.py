import torch

from imagineid_core.corpus.portrait.sheet import control_sheet, face_sheet, portrait_sheet
from imagineid_core.face.open_face import CONTROLS, open_face_basis


def test_a_face_sheet_has_five_rows_of_eight_and_no_empty_cell():
    sheet = face_sheet(open_face_basis(), seed=1, size=24)
    assert sheet.shape == (3, 5 * 24, 8 * 24)
    cells = sheet.unfold(1, 24, 24).unfold(2, 24, 24)  # [3, rows, columns, 24, 24]
    assert (cells.std(dim=(0, 3, 4)) > 0.1).all()
    assert sheet.min() >= -1


def test_a_seed_draws_the_same_sheet_again():
    first, second, other = (face_sheet(open_face_basis(), seed, size=16) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_basis_without_named_controls_gets_a_sheet_too():
    from dataclasses import replace

    stranger = replace(open_face_basis(), name="stranger")
    assert face_sheet(stranger, seed=0, size=16).shape == (3, 80, 128)


def test_the_control_sheet_shows_every_control_at_its_extremes():
    count = sum(2 if control.is_signed else 1 for control in CONTROLS.values())
    sheet = control_sheet(open_face_basis(), size=16)
    assert sheet.shape == (3, -(-count // 8) * 16, 128)


def test_a_portrait_sheet_shows_a_person_a_cell():
    assert portrait_sheet(0, num_rows=1, size=16).shape == (3, 16, 128)
