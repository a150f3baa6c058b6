from dataclasses import replace

import pytest
import torch

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.listen.content import ContentNet
from imagineid_core.listen.pad import build_pad, listen, load_pad, save_pad, stage_file
from tests.tiny import TINY, tiny_pad


def test_saved_networks_listen_as_before(tmp_path):
    pad = tiny_pad(seed=4)
    save_pad(tmp_path, pad, {"command": "none", "seed": 4})
    clip = torch.randn(40, 1280)
    before, after = listen(pad, clip), listen(load_pad(tmp_path), clip)
    assert torch.equal(before.identity.shape, after.identity.shape)
    assert torch.equal(before.emotion.expression, after.emotion.expression)


def test_a_missing_stage_is_named(tmp_path):
    save_pad(tmp_path, tiny_pad())
    stage_file(tmp_path, "content").unlink()
    with pytest.raises(WeightsError, match="Looked for: pad_content.safetensors"):
        load_pad(tmp_path)


def test_a_file_of_another_stage_is_refused(tmp_path):
    save_pad(tmp_path, tiny_pad())
    stage_file(tmp_path, "emotion").replace(stage_file(tmp_path, "content"))
    stage_file(tmp_path, "emotion").write_bytes(stage_file(tmp_path, "content").read_bytes())
    with pytest.raises(WeightsError, match="holds 'pad_emotion' but 'pad_content' is needed"):
        load_pad(tmp_path)


def test_stages_of_two_sizes_are_refused(tmp_path):
    save_pad(tmp_path, tiny_pad())
    wide = replace(TINY, width=32)
    save_checkpoint(
        stage_file(tmp_path, "content"), ContentNet(wide), architecture="pad_content", config=wide
    )
    with pytest.raises(WeightsError, match="width is content 32, emotion 16"):
        load_pad(tmp_path)


def test_building_leaves_the_global_random_state_alone():
    state = torch.get_rng_state()
    build_pad(TINY, seed=1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "wrong", [{"num_heads": 3}, {"width": 0}, {"num_layers": -1}, {"dropout": float("nan")}]
)
def test_sizes_that_make_no_network_are_named(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(InputError, match=f"{name}={value}.* is no network"):
        replace(TINY, **wrong)
