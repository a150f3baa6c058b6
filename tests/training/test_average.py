import torch
from torch import nn

from imagineid_core.training.average import WeightAverage


def test_the_average_is_the_recursion_written_out():
    module = nn.Linear(2, 1)
    average = WeightAverage(module)
    expected = module.weight.detach().clone()
    for value in (1.0, 3.0):
        with torch.no_grad():
            module.weight.fill_(value)
        average.update(0.75)
        expected = 0.75 * expected + 0.25 * value
    torch.testing.assert_close(average.weights["weight"], expected)


def test_the_network_gets_its_own_weights_back_bit_for_bit():
    module = nn.Linear(3, 3)
    average = WeightAverage(module)
    with torch.no_grad():
        module.weight.mul_(1.7)
    own = module.weight.detach().clone()
    with average.applied():
        assert torch.equal(module.weight, average.weights["weight"])
    assert torch.equal(module.weight, own)
