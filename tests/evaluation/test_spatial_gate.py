import argparse
import json

import pytest
import torch

from imagineid_core.cli import gate as gate_commands
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.gates import GateMissedError, check_gate
from imagineid_core.evaluation.imagine.samples import denoised, noise_for
from imagineid_core.evaluation.imagine.spatial_gate import (
    SteeredFrames,
    _likeness,
    _triples,
    measure_spatial,
)
from imagineid_core.imagine.spatial_condition import (
    SpatialConditionAdapter,
    SpatialConditionConfig,
)
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from tests.imagine.tiny_diffusion import save_tiny_suite


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    build_people_corpus(folder, num_people=13, num_frames=3, size=64)
    return open_people_corpus(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_tiny_suite(folder)
    return folder


def test_an_adapter_that_adds_nothing_misses_every_goal(corpus, folder):
    model = load_stable_diffusion(folder)
    adapter = SpatialConditionAdapter(
        SpatialConditionConfig(channels=(8, 8, 16, 16), num_blocks=1, zero_outputs=True)
    )
    before = torch.random.get_rng_state()
    figures, frames = measure_spatial(model, adapter, corpus, prompt="a face", num_steps=2)
    assert torch.equal(before, torch.random.get_rng_state())
    assert figures["of_none"] == pytest.approx(1, abs=1e-6)
    assert figures["wrong_mesh_penalty"] == pytest.approx(0, abs=1e-6)
    assert figures["num_people"] == figures["num_frames"] == 2
    with pytest.raises(GateMissedError, match=r"of_none .* wrong_mesh_penalty .* mouth_gain_db"):
        check_gate("spatial", figures)
    assert frames.sheet().shape == (3, 5 * 64, 2 * 64)


def test_the_command_writes_its_figures_and_a_sheet(corpus, folder, tmp_path):
    out, sheet = tmp_path / "gate.json", tmp_path / "sheet.png"
    with pytest.raises(GateMissedError, match="'spatial' is missed"):
        run(folder, corpus, out, "--sheet", sheet, "--frames", 1, "--steps", 1)
    told = json.loads(out.read_text())
    assert told["goals"]["of_none"]["most"] == 0.75
    assert told["figures"]["num_frames"] == 1
    assert {"mouth_psnr", "mouth_psnr_copied", "psnr", "psnr_copied"} <= set(told["figures"])
    assert sheet.is_file()


def test_a_folder_without_sca_is_an_error(corpus, folder, tmp_path):
    lone = tmp_path / "lone"
    lone.mkdir()
    (lone / "mask_blending.safetensors").write_bytes(
        (folder / "mask_blending.safetensors").read_bytes()
    )
    with pytest.raises(InputError, match="no spatial_condition.safetensors"):
        run(folder, corpus, tmp_path / "gate.json", adapters=lone)


def run(folder, corpus, out, *more, adapters=None):
    parser = argparse.ArgumentParser()
    gate_commands.add_commands(parser.add_subparsers())
    words = [
        "gate", "spatial", "--model", folder, "--adapters", adapters or folder,
        "--corpus", corpus.folder, "--out", out, *more,
    ]  # fmt: skip
    options = parser.parse_args([*map(str, words)])
    options.run(options)


def test_the_drawn_frame_has_a_neighbour_and_i_id_is_another():
    triples = _triples(torch.tensor([[-1, 2, 1], [1, 0, -1], [1, 0, 3]]))
    assert triples.frame.tolist() == [2, 1, 2]
    assert triples.previous.tolist() == [1, 0, 3]
    assert triples.identity.tolist() == [0, 2, 0]


def test_the_truth_beats_a_copy_and_a_copy_gains_nothing():
    draw = torch.Generator().manual_seed(0)
    truth, copied = (torch.rand(2, 3, 128, 128, generator=draw) * 2 - 1 for _ in range(2))
    boxes = torch.tensor([[50, 80, 80, 100]] * 2)

    def gain(generated):
        frames = SteeredFrames(
            mesh=truth, truth=truth, identity=copied, previous=copied, generated=generated
        )
        return _likeness(frames, boxes)

    assert gain(truth)["mouth_gain_db"] > 50
    assert gain(copied)["mouth_gain_db"] == pytest.approx(0, abs=1e-6)
    mouth_only = copied.clone()
    mouth_only[:, :, 70:110, 40:90] = truth[:, :, 70:110, 40:90]
    told = gain(mouth_only)
    assert told["mouth_gain_db"] > 50
    assert told["psnr"] < told["psnr_copied"] + 3


def test_a_batch_is_drawn_as_its_rows_alone(folder):
    model = load_stable_diffusion(folder)
    noise = noise_for(model, 2, 64, 5)
    states = torch.randn(2, 4, 12, generator=torch.Generator().manual_seed(1))
    maps = tuple(torch.full((2, width, side, side), 0.1) for width, side in
                 zip((8, 8, 16, 16), (8, 4, 2, 1), strict=True))  # fmt: skip
    both = denoised(model, noise, states, num_steps=2, features=maps)
    alone = denoised(
        model, noise[1:], states[1:], num_steps=2, features=tuple(one[1:] for one in maps)
    )
    torch.testing.assert_close(both[1:], alone, atol=1e-4, rtol=1e-4)
    plain = denoised(model, noise, states, num_steps=2)
    assert not torch.allclose(both, plain, atol=1e-3)
