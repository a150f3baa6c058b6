"""Spherical-harmonics light gamma with D3DFR's constants."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.face.lighting import AMBIENT, default_lighting, harmonics, irradiance

FRONT = torch.tensor([[[0.0, 0.0, 1.0]]])
UP = torch.tensor([[[0.0, 1.0, 0.0]]])
DOWN = -UP


def test_constants_are_those_of_the_reference():
    """Products a_l c_l as counted from the reference: 0.886227, 1.772454, 2.427032, 0.700624."""
    oblique = torch.tensor([[[0.48, 0.6, 0.64]]], dtype=torch.float64)
    x, y, z = 0.48, 0.6, 0.64
    expected = [
        0.886227,
        -1.772454 * y,
        1.772454 * z,
        -1.772454 * x,
        2.427032 * x * y,
        -2.427032 * y * z,
        0.700624 * (3 * z * z - 1),
        -2.427032 * x * z,
        0.5 * 2.427032 * (x * x - y * y),
    ]
    got = harmonics(oblique)[0, 0]
    # The reference values are printed to six decimals.
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), atol=2e-6, rtol=0)


def test_zero_coefficients_are_even_white_light():
    normals = torch.nn.functional.normalize(torch.randn(1, 9, 3), dim=-1)
    light = irradiance(normals, torch.zeros(1, 27))
    expected = torch.full_like(light, AMBIENT * math.pi / math.sqrt(4 * math.pi))
    torch.testing.assert_close(light, expected)


def test_the_first_nine_coefficients_are_red_then_green_then_blue():
    for channel in range(3):
        lighting = torch.zeros(1, 27)
        lighting[0, 9 * channel] = 1.0
        difference = (irradiance(FRONT, lighting) - irradiance(FRONT, torch.zeros(1, 27)))[0, 0]
        assert difference.nonzero().flatten().tolist() == [channel]


def test_strong_light_is_not_clamped():
    lighting = torch.zeros(1, 27)
    lighting[0, 2] = 5.0
    assert irradiance(FRONT, lighting)[0, 0, 0] > 5
    assert irradiance(-FRONT, lighting)[0, 0, 0] < -5


def test_default_light_comes_from_above_and_in_front():
    light = default_lighting()
    front, up, down = (irradiance(n, light).mean().item() for n in (FRONT, UP, DOWN))
    assert front > up > down > 0.2
    assert front < 1  # a white surface facing the camera stays within a picture's range


@settings(max_examples=25, deadline=None)
@given(batch_size=st.integers(1, 5))
def test_default_light_has_one_row_a_frame(batch_size: int):
    assert default_lighting(batch_size).shape == (batch_size, 27)


def test_light_that_is_no_number_is_refused_by_row():
    lighting = torch.zeros(3, 27)
    lighting[2, 0] = math.inf
    with pytest.raises(InputError, match=r"lighting holds NaN or infinite .*row 2"):
        irradiance(FRONT.expand(3, -1, -1), lighting)
