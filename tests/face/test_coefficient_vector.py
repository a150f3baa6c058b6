"""D3DFR's 257 numbers and our five names for them."""

import pytest
import torch

from imagineid_core.errors import InputError
from imagineid_core.face.coefficient_vector import (
    coefficients_from_vector,
    vector_from_coefficients,
)
from tests.face.egg import coefficients_for, egg_face


def test_each_slice_lands_in_its_name():
    """FORMATS of D3DFR: id 0:80, exp 80:144, tex 144:224, angles 224:227, gamma :254, t :257."""
    coefficients = coefficients_from_vector(torch.arange(257.0)[None])
    assert coefficients.shape[0].tolist() == list(range(0, 80))
    assert coefficients.expression[0].tolist() == list(range(80, 144))
    assert coefficients.texture[0].tolist() == list(range(144, 224))
    assert coefficients.lighting[0].tolist() == list(range(227, 254))
    assert coefficients.pose[0].tolist() == [224, 225, 226, 254, 255, 256]


def test_splitting_then_joining_is_identity():
    vector = torch.randn(3, 257, generator=torch.Generator().manual_seed(0))
    assert torch.equal(vector_from_coefficients(coefficients_from_vector(vector)), vector)


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(InputError, match="vector has 70 values .* 257"):
        coefficients_from_vector(torch.zeros(1, 70))


def test_coefficients_of_another_basis_are_refused():
    with pytest.raises(InputError, match=r"sizes \(6, 5, 4, 3, 27, 3\)"):
        vector_from_coefficients(coefficients_for(egg_face()))
