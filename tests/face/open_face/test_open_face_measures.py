import pytest
import torch

from imagineid_core.face.open_face import (
    expression_from_controls,
    eye_opening,
    lip_gap,
    open_face_basis,
)


def faces(**controls):
    basis = open_face_basis()
    expression = expression_from_controls(controls)
    moved = torch.einsum("vci,bi->bvc", basis.expression_basis, expression)
    return basis.mean_vertices + moved


def test_the_lip_gap_grows_with_the_jaw_from_zero_to_three_centimetres():
    gaps = lip_gap(faces(jaw_open=torch.linspace(0, 1, 5)), open_face_basis())
    assert gaps[0] < 1e-5
    assert (gaps.diff() > 0).all()
    assert 0.25 < gaps[-1] < 0.36


def test_pressed_lips_have_no_gap_even_over_an_open_jaw():
    gap = lip_gap(faces(jaw_open=0.3, lip_close=0.3, lip_press=1.0), open_face_basis())
    assert gap.item() == pytest.approx(0, abs=1e-5)


def test_the_eye_opening_falls_with_a_blink_to_nothing():
    track = torch.linspace(0, 1, 5)
    openings = eye_opening(faces(blink_L=track, blink_R=track), open_face_basis())
    assert 0.08 < openings[0] < 0.14
    assert (openings.diff() < 0).all()
    assert openings[-1] <= 0
