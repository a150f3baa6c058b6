import json
from dataclasses import replace

import pytest

from imagineid_core.bench.count import count_calls, full_size_tflop
from imagineid_core.cli import main
from imagineid_core.errors import InputError
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.diffusers_host import DiffusersHost

CONFIG = ImagineConfig(num_steps=2)
FRAME = {"vae_encode": 1, "mesh_encode": 1, "sca": 1, "unet": 2, "vae_decode": 1, "text": 0}


def test_a_coherent_frame_costs_what_algorithm_1_allows():
    once, frame = count_calls(CONFIG)
    assert frame == FRAME
    # The decoding is that of the frame the background is anchored to.
    assert once == {"vae_encode": 2, "sca": 0, "unet": 0, "vae_decode": 1, "text": 2}
    once, frame = count_calls(replace(CONFIG, anchors_background=False))
    assert frame == FRAME
    assert once["vae_decode"] == 0


def test_what_the_host_does_twice_is_counted_twice(monkeypatch):
    encode, condition = DiffusersHost.encode, DiffusersHost.condition

    def encode_twice(self, images):
        encode(self, images)
        return encode(self, images)

    def condition_twice(self, *given):
        condition(self, *given)
        return condition(self, *given)

    monkeypatch.setattr(DiffusersHost, "encode", encode_twice)
    monkeypatch.setattr(DiffusersHost, "condition", condition_twice)
    _, frame = count_calls(CONFIG)
    assert frame == FRAME | {"vae_encode": 2, "mesh_encode": 2, "sca": 2}


def test_frames_that_cost_differently_are_refused():
    with pytest.raises(InputError, match="cost differently"):
        count_calls(ImagineConfig(num_steps=1, resync=2))


def test_operations_at_full_size_are_those_of_sd15():
    each = full_size_tflop()
    assert each["unet"] == pytest.approx(0.8033, abs=1e-4)
    assert each["vae_encode"] == pytest.approx(1.1167, abs=1e-4)
    assert each["vae_decode"] == pytest.approx(2.5145, abs=1e-4)
    assert each["sca"] == pytest.approx(0.1945, abs=1e-4)


def test_the_command_gives_one_object(capsys):
    main(["bench", "count", "--steps", "2", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert FRAME.items() <= told.items()
    assert told["steps"] == told["unet"] == 2
    assert told["sca_parameters"] == 282_973_440
    parts = 2 * told["unet_tflop"] + told["sca_tflop"]
    parts += 2 * told["vae_encode_tflop"] + told["vae_decode_tflop"]
    assert told["tflop"] == pytest.approx(parts, abs=2e-3)
