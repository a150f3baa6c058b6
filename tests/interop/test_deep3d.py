"""D3DFR's weights through the two files users have, written here with the released keys."""

import pytest
import torch
from safetensors.torch import save_file

from imagineid_core.errors import WeightsError
from imagineid_core.face.coefficient_vector import vector_from_coefficients
from imagineid_core.face.recon_net import ReconNet, ReconNetConfig
from imagineid_core.interop.deep3d import load_recon_net, reconstruct
from tests.parity import SEED, assert_parity, formula_weights, weights

TINY = ReconNetConfig(stem_dim=4, blocks=(1, 1))


@pytest.fixture
def tiny_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return ReconNet(TINY).state_dict()


def assert_loaded(network: ReconNet, state: dict[str, torch.Tensor]) -> None:
    assert not network.training
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_the_released_keys_reach_the_coefficients_of_the_reference(tmp_path):
    path = tmp_path / "SadTalker_V0.0.2_256.safetensors"
    released = {
        f"face_3drecon.{key}": value.reshape(()) if key.endswith("num_batches_tracked") else value
        for key, value in weights("reconnet").items()  # by formula, counters have one axis
    }
    save_file(released, path)
    image = torch.from_numpy(formula_weights.image("recon:image", (2, 3, 224, 224), SEED))
    with torch.inference_mode():
        coefficients = load_recon_net(path)(image * 2 - 1)
    assert_parity("reconnet", {"coeff": vector_from_coefficients(coefficients)}, {"coeff": 1e-4})


def test_the_pickle_with_its_optimiser_is_read(tmp_path, tiny_state):
    path = tmp_path / "epoch_20.pth"
    optimiser = {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": []}
    torch.save({"net_recon": tiny_state, "opt_00": optimiser}, path)
    assert_loaded(load_recon_net(path, TINY), tiny_state)


def test_other_parts_of_the_container_are_left_alone(tmp_path, tiny_state):
    path = tmp_path / "container.safetensors"
    parts = {f"face_3drecon.{key}": value for key, value in tiny_state.items()}
    save_file({**parts, "generator.first.weight": torch.zeros(3)}, path)
    assert_loaded(load_recon_net(path, TINY), tiny_state)


def test_counters_of_batch_norm_may_be_missing(tmp_path, tiny_state):
    path = tmp_path / "epoch_20.pth"
    kept = {k: v for k, v in tiny_state.items() if not k.endswith("num_batches_tracked")}
    torch.save({"net_recon": kept}, path)
    assert_loaded(load_recon_net(path, TINY), tiny_state)


def test_a_missing_weight_is_named(tmp_path, tiny_state):
    path = tmp_path / "epoch_20.pth"
    del tiny_state["final_layers.4.bias"]
    torch.save({"net_recon": tiny_state}, path)
    with pytest.raises(WeightsError, match=r"epoch_20.pth .* missing final_layers.4.bias"):
        load_recon_net(path, TINY)


def test_weights_of_another_size_are_refused(tmp_path, tiny_state):
    path = tmp_path / "epoch_20.pth"
    torch.save({"net_recon": tiny_state}, path)
    with pytest.raises(
        WeightsError, match="epoch_20.pth does not fit ReconNet: wrong size backbone.conv1.weight"
    ):
        load_recon_net(path, ReconNetConfig(stem_dim=8, blocks=(1, 1)))


def test_a_container_without_the_network_is_refused(tmp_path):
    path = tmp_path / "mapping.safetensors"
    save_file({"generator.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"mapping.safetensors .* 'face_3drecon\.'"):
        load_recon_net(path)


def test_a_photograph_of_any_size_is_reconstructed():
    network = ReconNet(TINY).eval()
    image = torch.from_numpy(formula_weights.image_u8("deep3d:image", 300, 400, SEED))
    landmarks = torch.from_numpy(formula_weights.landmarks68("deep3d:lm", 400, 300, SEED))
    coefficients, alignment = reconstruct(network, image.permute(2, 0, 1) / 127.5 - 1, landmarks)
    assert coefficients.shape.shape == (1, 80)
    assert (alignment.width, alignment.height) == (400, 300)
