"""ExpNet and its audio encoder at tiny size; parity with the release is in tests/interop."""

import pytest
import torch

from imagineid_core.checkpoint import config_from_json, config_to_json
from imagineid_core.errors import InputError
from imagineid_core.listen.expnet import ExpNet, ExpNetConfig
from imagineid_core.listen.mel_encoder import MelEncoder, MelEncoderConfig

TINY = (2, 3, 4, 5, 6)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ExpNet(ExpNetConfig(audio_channels=TINY, expression_dim=7)).eval()


def test_the_released_size_has_the_released_number_of_parameters():
    network = ExpNet(ExpNetConfig())
    assert sum(p.numel() for p in network.parameters()) == 2_849_664


@pytest.mark.parametrize("num_frames", [0, 1, 63, 64, 65, 130])
def test_slices_change_no_value(network, num_frames):
    windows = torch.randn(num_frames, 80, 16)
    blink = torch.rand(num_frames)
    with torch.no_grad():
        together = network(windows, torch.randn(1, 7), blink)
        assert together.shape == (num_frames, 7)
        encoder = network.audio_encoder
        whole = encoder.blocks(windows[:, None]).flatten(1)
    # Convolutions of another batch size may sum in another order: a few float32 roundings.
    torch.testing.assert_close(encoder(windows), whole, rtol=1e-5, atol=1e-6)


def test_one_reference_for_the_clip_equals_the_same_one_a_frame(network):
    windows, reference, blink = torch.randn(5, 80, 16), torch.randn(1, 7), torch.rand(5)
    torch.testing.assert_close(
        network(windows, reference, blink),
        network(windows, reference.repeat(5, 1), blink),
        rtol=0,
        atol=0,
    )


def test_each_frame_hears_only_its_own_window(network):
    windows, reference, blink = torch.randn(6, 80, 16), torch.randn(6, 7), torch.rand(6)
    whole = network(windows, reference, blink)
    order = torch.tensor([3, 1, 0, 5, 4, 2])
    shuffled = network(windows[order], reference[order], blink[order])
    torch.testing.assert_close(shuffled, whole[order], rtol=1e-5, atol=1e-6)


def test_training_sees_the_whole_batch_at_once():
    """Sliced batch normalisation would normalise 64 + 1 windows apart, the last one by itself."""
    encoder = MelEncoder(MelEncoderConfig(channels=TINY)).train()
    sizes = []
    encoder.blocks[0].register_forward_hook(
        lambda module, inputs, output: sizes.append(len(output))
    )
    encoder(torch.randn(65, 80, 16))
    assert sizes == [65]


def test_gradients_reach_every_parameter():
    network = ExpNet(ExpNetConfig(audio_channels=TINY, expression_dim=7)).train()
    network(torch.randn(8, 80, 16), torch.randn(1, 7), torch.rand(8)).square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    first = next(network.parameters()).grad
    assert first is not None
    assert first.abs().sum() > 0


@pytest.mark.parametrize(
    "config", [MelEncoderConfig(channels=TINY), ExpNetConfig(audio_channels=TINY)]
)
def test_configs_survive_json(config):
    assert config_from_json(config_to_json(config), type(config)) == config


def test_bad_inputs_are_named(network):
    good = (torch.zeros(3, 80, 16), torch.zeros(1, 7), torch.zeros(3))
    for index, bad, message in (
        (0, torch.zeros(3, 16, 80), "mel windows are 16 x 80"),
        (1, torch.zeros(1, 64), r"reference expression is \(1, 64\) but must be \(1, 7\)"),
        (1, torch.zeros(2, 7), r"reference expression is \(2, 7\)"),
        (2, torch.zeros(2), "blink has 2 values but there are 3"),
    ):
        with pytest.raises(InputError, match=message):
            network(*good[:index], bad, *good[index + 1 :])
    with pytest.raises(InputError, match=r"channels is \(1, 2\), which is 2 numbers"):
        MelEncoderConfig(channels=(1, 2))
