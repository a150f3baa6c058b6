import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.face.open_face import (
    CONTROLS,
    EMOTIONS,
    controls_from_expression,
    expression_from_controls,
    open_face_basis,
)

AMOUNTS = st.dictionaries(
    st.sampled_from(sorted(CONTROLS)), st.floats(0.0, 1.0, width=32), max_size=8
)


@settings(max_examples=25, deadline=None)
@given(AMOUNTS)
def test_controls_come_back_from_their_coefficients(amounts):
    back = controls_from_expression(expression_from_controls(amounts))
    for name in CONTROLS:
        # float32, times the condition of the map (below a thousand)
        assert back[name].item() == pytest.approx(amounts.get(name, 0.0), abs=2e-4)


@settings(max_examples=10, deadline=None)
@given(AMOUNTS, AMOUNTS)
def test_the_map_is_linear(first, second):
    half = {name: 0.5 * amount for name, amount in first.items()}
    for name, amount in second.items():
        half[name] = half.get(name, 0.0) + 0.5 * amount
    mixed = 0.5 * expression_from_controls(first) + 0.5 * expression_from_controls(second)
    assert torch.allclose(expression_from_controls(half), mixed, atol=1e-4)


def test_no_controls_are_a_neutral_face():
    assert torch.equal(expression_from_controls({}), torch.zeros(1, 64))


def test_tracks_give_one_row_a_frame_and_numbers_hold_for_all():
    rows = expression_from_controls({"jaw_open": torch.linspace(0, 1, 5), "smile_L": 0.5})
    assert rows.shape == (5, 64)
    single = expression_from_controls({"jaw_open": 0.25, "smile_L": 0.5})
    assert torch.allclose(rows[1:2], single, atol=1e-6)


def test_every_control_moves_the_face_visibly():
    basis = open_face_basis()
    for name in CONTROLS:
        moved = basis.expression_basis @ expression_from_controls({name: 1.0})[0]
        # 1 mm is a pixel at 224.
        assert moved.norm(dim=1).max() > 0.015, name


def test_left_controls_move_the_viewers_right():
    basis = open_face_basis()
    for name in CONTROLS:
        if name.endswith("_L"):
            moved = (basis.expression_basis @ expression_from_controls({name: 1.0})[0]).norm(dim=1)
            right = moved[basis.mean_vertices[:, 0] > 0].square().sum()
            assert right > 0.9 * moved.square().sum(), name


def test_emotions_name_known_controls_and_differ_from_each_other():
    rows = torch.cat([expression_from_controls(controls) for controls in EMOTIONS.values()])
    distances = torch.cdist(rows, rows) + 10 * torch.eye(len(rows))
    assert distances.min() > 0.5


def test_an_unknown_control_is_named_with_the_known_ones():
    with pytest.raises(InputError, match=r"control 'jaw' is not .* Use one of: jaw_open"):
        expression_from_controls({"jaw": 0.5})


@pytest.mark.parametrize(
    ("name", "amount"), [("jaw_open", 1.2), ("jaw_open", -0.1), ("gaze_up", -1.5)]
)
def test_an_amount_out_of_range_is_named_with_its_value(name, amount):
    with pytest.raises(InputError, match=rf"control '{name}' is {amount} but its range is"):
        expression_from_controls({name: amount})


def test_not_a_number_is_refused():
    with pytest.raises(InputError, match="control 'pucker' is nan"):
        expression_from_controls({"pucker": float("nan")})


def test_tracks_of_different_length_are_named():
    with pytest.raises(InputError, match=r"different numbers of frames: .*'jaw_open': 3"):
        expression_from_controls({"jaw_open": torch.zeros(3), "pucker": torch.zeros(4)})
