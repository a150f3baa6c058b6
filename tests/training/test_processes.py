"""What launchers leave in the environment, and the command under a real one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagineid_core.corpus.talker.espeak import has_espeak
from imagineid_core.errors import InputError
from imagineid_core.training.processes import LAUNCH, check_joined, num_launched, was_meant_for_more

ROOT = Path(__file__).parents[2]
ALONE = {"ACCELERATE_USE_CPU": "False", "ACCELERATE_MIXED_PRECISION": "no"}


@pytest.mark.parametrize(
    ("environment", "count"),
    [({}, 1), ({"WORLD_SIZE": "4", "LOCAL_RANK": "0"}, 4), ({"PMI_SIZE": "2"}, 2)],
)
def test_the_number_of_processes_is_what_the_launcher_says(environment, count):
    assert num_launched(environment) == count


@pytest.mark.parametrize(
    ("environment", "is_meant"),
    [
        ({}, False),
        (ALONE, False),  # accelerate launch, or with --num_processes 1
        ({**ALONE, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}, True),
        ({**ALONE, "MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2"}, False),
        ({"MASTER_ADDR": "127.0.0.1"}, False),  # somebody else's
    ],
)
def test_a_launcher_that_started_too_few_is_known(environment, is_meant):
    assert was_meant_for_more(environment) is is_meant


def test_processes_that_would_train_alone_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_joined(2)
    with pytest.raises(InputError, match="2 processes were launched but 1 would train together"):
        check_joined(1)


@pytest.mark.slow
@pytest.mark.skipif(not has_espeak(), reason="needs libespeak-ng.so.1 of espeak-ng")
def test_the_command_trains_in_two_processes_without_a_gpu_and_without_more_options(tmp_path):
    """They used to train side by side, unjoined, into one folder, unless --cpu was added."""
    pytest.importorskip("accelerate", reason="of the `train` extra")
    words = LAUNCH.split()
    assert words[0] == "accelerate"
    assert words[-2:] == ["-m", "imagineid_core.cli"]
    script = str(ROOT / "tests" / "training" / "short_smoke.py")  # the same command, two steps
    told = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.accelerate_cli", *words[1:-2]),
            *("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"),
            *("--main_process_port", "0", script, "train", "listen", "--preset", "smoke"),
            *("--out", str(tmp_path)),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        },
    )
    assert told.stdout.count('"head_motion"') == 1  # the first process tells, nobody else
    assert (tmp_path / "pad_emotion.safetensors").is_file()
    from imagineid_core.training.run_state import load_state, saved_states

    for stage in ("lip_reader", "emotion", "head_motion"):
        state = load_state(saved_states(tmp_path / stage)[-1])
        assert state.setting["num_processes"] == 2
        assert state.step == 2
    assert json.loads(told.stdout[: told.stdout.rindex("}") + 1])["identity"]["loss"] > 0
