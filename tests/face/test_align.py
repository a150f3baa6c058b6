"""Five-point alignment beside the reference code, and the way back."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.face.align import (
    Alignment,
    align_face,
    crop_face,
    d3dfr_landmarks_in_crop,
    into_crop,
    out_of_crop,
)
from tests.parity import SEED, assert_parity, formula_weights

SIZES = {"align_a": (300, 340), "align_b": (640, 480)}  # width, height


@pytest.mark.parametrize("case", SIZES)
def test_crop_and_landmarks_are_those_of_the_reference(case: str):
    width, height = SIZES[case]
    pixels = formula_weights.image_u8(f"{case}:image", height, width, SEED)
    landmarks = torch.from_numpy(formula_weights.landmarks68(f"{case}:lm", width, height, SEED))
    image = torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1
    alignment = align_face(landmarks, height=height, width=width)
    crop = ((crop_face(image, alignment) + 1) * 127.5).round().permute(1, 2, 0)
    blocks = crop.reshape(28, 8, 28, 8, 3).mean(dim=(1, 3))
    # Limits of the golden README; another bicubic resampler may differ by one grey level.
    assert_parity(
        case,
        {
            "trans_params": torch.tensor(alignment.trans_params),
            "crop": crop,
            "crop_mean8": blocks,
            "landmarks_crop_yup": d3dfr_landmarks_in_crop(landmarks, alignment),
        },
        {"trans_params": 1e-3, "crop": 1.0, "crop_mean8": 5e-2, "landmarks_crop_yup": 2e-3},
    )


def test_five_points_give_what_the_sixty_eight_they_come_from_give():
    landmarks = torch.from_numpy(formula_weights.landmarks68("any:lm", 300, 340, SEED))
    eyes = [landmarks[[36, 39]].mean(0), landmarks[[42, 45]].mean(0)]
    five = torch.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]])
    assert align_face(five, height=340, width=300) == align_face(landmarks, height=340, width=300)


@settings(max_examples=50, deadline=None)
@given(
    size=st.tuples(st.integers(50, 4000), st.integers(50, 4000)),
    scale=st.floats(0.1, 8),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    position=st.tuples(st.floats(0, 224), st.floats(0, 224)),
)
def test_out_of_the_crop_undoes_into_the_crop(size, scale, place, position):
    alignment = Alignment(
        width=size[0],
        height=size[1],
        scale=scale,
        translation=(place[0] * size[0], place[1] * size[1]),
    )
    there = torch.tensor([position], dtype=torch.float64)
    back = into_crop(out_of_crop(there, alignment), alignment)
    torch.testing.assert_close(back, there, atol=1e-8, rtol=0)


def test_a_dot_of_the_photograph_is_found_where_into_crop_says():
    """A bright 8x8 square round (150, 120): its centre of light, through Pillow's filter."""
    image = torch.full((3, 240, 320), -1.0)
    image[:, 116:124, 146:154] = 1.0
    landmarks = torch.tensor(
        [[120.0, 90.0], [180.0, 90.0], [150.0, 120.0], [128.0, 150.0], [172.0, 150.0]]
    )
    alignment = align_face(landmarks, height=240, width=320)
    light = (crop_face(image, alignment)[0] + 1) / 2
    centres = torch.arange(224) + 0.5
    column = (light.sum(0) * centres).sum() / light.sum()
    row = (light.sum(1) * centres).sum() / light.sum()
    expected = into_crop(torch.tensor([[150.0, 120.0]]), alignment)[0]
    # Rounding to 8 bits leaves the square's rim uncertain by a hundredth of its 14 pixels.
    assert torch.stack([column, row]).tolist() == pytest.approx(expected.tolist(), abs=0.1)


def test_d3dfr_landmarks_in_the_crop_stay_within_a_pixel_of_the_pixels():
    landmarks = torch.from_numpy(formula_weights.landmarks68("align_a:lm", 300, 340, SEED))
    alignment = align_face(landmarks, height=340, width=300)
    u, v_up = d3dfr_landmarks_in_crop(landmarks, alignment).unbind(1)
    positions = into_crop(landmarks + 0.5, alignment)  # an index's centre is at .5
    # Cutting sizes and the corner to whole pixels: up to one pixel each, plus the half pixel.
    assert (torch.stack([u, 223 - v_up], 1) - positions).abs().max() < 2


def test_what_lies_outside_the_photograph_is_black():
    image = torch.ones(3, 60, 60)
    landmarks = torch.tensor([[5.0, 10.0], [25.0, 10.0], [15.0, 20.0], [8.0, 30.0], [22.0, 30.0]])
    crop = crop_face(image, align_face(landmarks, height=60, width=60))
    assert crop.shape == (3, 224, 224)
    assert crop[:, 0, 0].tolist() == [-1, -1, -1]
    assert crop[:, 112, 112].tolist() == [1, 1, 1]


def test_a_face_far_outside_the_photograph_gives_a_black_crop():
    alignment = Alignment(width=60, height=60, scale=3.0, translation=(500.0, 500.0))
    assert (crop_face(torch.ones(3, 60, 60), alignment) == -1).all()


def test_a_tiny_face_in_a_huge_photograph_is_refused_before_memory_is_spent():
    alignment = Alignment(width=4000, height=4000, scale=13.0, translation=(2000.0, 2000.0))
    with pytest.raises(InputError, match="image is 4000x4000 .* to 52000x52000"):
        crop_face(torch.empty(3, 4000, 4000, device="meta"), alignment)


@pytest.mark.parametrize("number", [0, 4, 67, 98])
def test_landmarks_of_another_kind_are_refused_by_count(number):
    with pytest.raises(InputError, match=rf"landmarks has {number} points .* 68"):
        align_face(torch.zeros(number, 2), height=64, width=64)


def test_landmarks_on_one_place_are_refused():
    with pytest.raises(InputError, match="landmarks span .* pixels, so there is no face"):
        align_face(torch.full((68, 2), 31.0), height=64, width=64)


def test_landmarks_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="landmarks holds NaN"):
        align_face(torch.full((68, 2), float("nan")), height=64, width=64)


def test_an_image_of_another_size_than_aligned_is_refused():
    alignment = Alignment(width=60, height=60, scale=1.0, translation=(30.0, 30.0))
    with pytest.raises(InputError, match="image is 64x60 but the alignment was made for 60x60"):
        crop_face(torch.zeros(3, 60, 64), alignment)
