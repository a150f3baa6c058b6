"""ReconNet beside the reference network on the same weights."""

import pytest
import torch

from imagineid_core.checkpoint import config_from_json, config_to_json
from imagineid_core.errors import InputError
from imagineid_core.face.coefficient_vector import vector_from_coefficients
from imagineid_core.face.recon_net import ReconNet, ReconNetConfig
from tests.parity import SEED, assert_parity, formula_weights, weights

TINY = ReconNetConfig(stem_dim=4, blocks=(1, 1), image_size=32)


def test_the_network_gives_the_coefficients_of_the_reference():
    network = ReconNet(ReconNetConfig()).eval()
    network.load_state_dict(weights("reconnet"))
    image = torch.from_numpy(formula_weights.image("recon:image", (2, 3, 224, 224), SEED))
    with torch.inference_mode():
        coefficients = network(image * 2 - 1)  # the reference reads RGB in [0, 1]
    # Limit of the golden README: twenty times the reference's own rounding in float32.
    assert_parity("reconnet", {"coeff": vector_from_coefficients(coefficients)}, {"coeff": 1e-4})
    assert sum(p.numel() for p in network.parameters()) == 24_034_625


def test_a_batch_of_two_is_two_batches_of_one():
    network = ReconNet(TINY).eval()
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    both = vector_from_coefficients(network(images))
    alone = torch.cat([vector_from_coefficients(network(image[None])) for image in images])
    # Convolutions may sum in another order for another batch size.
    torch.testing.assert_close(both, alone, atol=1e-5, rtol=0)


def test_the_config_survives_its_json():
    assert config_from_json(config_to_json(TINY), ReconNetConfig) == TINY


def test_an_image_that_is_no_aligned_crop_is_refused():
    with pytest.raises(InputError, match="image is 64x48 but ReconNet reads .* 32x32"):
        ReconNet(TINY)(torch.zeros(1, 3, 48, 64))


@pytest.mark.parametrize("value", [255.0, float("nan")])
def test_an_image_of_another_range_is_refused(value):
    with pytest.raises(InputError, match=r"image holds values .* RGB lies in \[-1, 1\]"):
        ReconNet(TINY)(torch.full((1, 3, 32, 32), value))
