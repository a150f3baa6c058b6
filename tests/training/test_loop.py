import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from imagineid_core.checkpoint import read_tensors
from imagineid_core.errors import InputError, MissingPackageError
from imagineid_core.training.loop import BEST, LoopConfig, train
from imagineid_core.training.run_log import PICTURE, curves, read_metrics
from imagineid_core.training.run_state import load_state, saved_states
from tests.training.lines import LineStage, points

pytest.importorskip("accelerate", reason="the loop runs on accelerate, of the `train` extra")
pytest.importorskip("tensorboard", reason="the loop logs to TensorBoard, of the `train` extra")

ROOT = Path(__file__).parents[2]
CONFIG = LoopConfig(
    num_steps=12,
    learning_rate=0.02,
    warmup_steps=2,
    average_decay=0.9,
    log_every=4,
    validate_every=3,
    num_validation_batches=2,
    checkpoint_every=2,
)


def run(folder, config=CONFIG, stage=None, **options):
    stage = LineStage() if stage is None else stage
    trained = train(stage, points, folder, config, validation=points, cpu=True, **options)
    return stage, trained


def assert_same_state(folder, other):
    """Compared by content: safetensors writes its metadata in any order."""
    a, b = (load_state(saved_states(path)[-1]) for path in (folder, other))
    for name in ("stage", "average", "optimizer", "random"):
        ours, theirs = getattr(a, name), getattr(b, name)
        torch.testing.assert_close(ours, theirs, atol=0, rtol=0)
    assert (a.step, a.best, a.setting, a.scaler) == (b.step, b.best, b.setting, b.scaler)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_two_halves_are_the_whole_bit_for_bit(tmp_path, optimizer):
    """Weights, average, optimiser, random states and metrics."""
    config = dataclasses.replace(CONFIG, optimizer=optimizer)
    whole, trained = run(tmp_path / "whole", config)
    _, paused = run(tmp_path / "halves", config, until_step=6)
    resumed, trained_in_halves = run(tmp_path / "halves", config)
    assert (paused.step, paused.is_finished) == (6, False)
    assert trained == trained_in_halves
    assert_same_state(tmp_path / "whole", tmp_path / "halves")
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name
    assert read_metrics(tmp_path / "whole") == read_metrics(tmp_path / "halves")


def test_a_run_may_end_before_its_rate_has_fallen(tmp_path):
    """As good as its best validation so far; and the rest can still be run."""
    whole, trained = run(tmp_path / "whole")
    stage, ended = run(tmp_path / "ended", until_step=6, ends_there=True)
    assert (ended.step, ended.is_finished) == (6, True)
    assert ended.best_step is not None
    assert ended.best_step <= 6
    _, best = read_tensors(tmp_path / "ended" / BEST)
    for name, weight in stage.learned.state_dict().items():
        assert torch.equal(weight, best[name]), name
    later, trained_on = run(tmp_path / "ended")
    assert trained_on == trained
    assert torch.equal(later.learned[0].weight, whole.learned[0].weight)


def test_a_crash_between_checkpoints_costs_the_steps_since_the_last_one(tmp_path):
    """Batch 7 fails once, as a full disk would; the run goes on from step 6 to the same end."""
    calls = []

    def failing(index, share):
        calls.append(index)
        if index == 7 and calls.count(7) == 1:
            raise KeyboardInterrupt
        return points(index, share)

    with pytest.raises(KeyboardInterrupt):
        train(LineStage(), failing, tmp_path / "a", CONFIG, validation=points, cpu=True)
    train(LineStage(), failing, tmp_path / "a", CONFIG, validation=points, cpu=True)
    assert calls == [*range(8), *range(6, 12)]
    run(tmp_path / "b")
    assert_same_state(tmp_path / "a", tmp_path / "b")
    assert read_metrics(tmp_path / "a") == read_metrics(tmp_path / "b")


def test_the_loss_falls_and_the_frozen_network_stays_bit_for_bit(tmp_path):
    stage = LineStage(dropout=0.0)
    before = {name: value.clone() for name, value in stage.teacher.state_dict().items()}
    config = dataclasses.replace(CONFIG, num_steps=150, validate_every=50, checkpoint_every=50)
    run(tmp_path, config, stage)
    loss = dict(curves(tmp_path)["loss"]["validation"])
    assert loss[150] < 0.2 * loss[0]
    for name, value in stage.teacher.state_dict().items():
        assert torch.equal(value, before[name])
    assert not any(weight.requires_grad for weight in stage.teacher.parameters())


def test_frozen_networks_never_drop_out():
    assert LineStage().train().learned.training
    assert not LineStage().train().teacher.training


def test_accumulated_halves_of_a_batch_give_the_gradient_of_the_whole(tmp_path):
    def halves(index, share):
        batch = points(index // 2, share)
        half = slice(4 * (index % 2), 4 * (index % 2) + 4)
        return dataclasses.replace(batch, x=batch.x[half], y=batch.y[half])

    config = dataclasses.replace(CONFIG, num_steps=3)
    whole, parts = LineStage(dropout=0.0), LineStage(dropout=0.0)
    train(whole, points, tmp_path / "whole", config, cpu=True)
    twice = dataclasses.replace(config, accumulation=2)
    train(parts, halves, tmp_path / "parts", twice, cpu=True)
    for name, weight in whole.state_dict().items():
        # AdamW divides by the gradient's size, so a rounding of 1e-7 grows to about 1e-5.
        torch.testing.assert_close(weight, parts.state_dict()[name], atol=1e-5, rtol=0)


def test_the_best_weights_are_the_ones_returned(tmp_path):
    """A learning rate far too high after a good start: the last weights are not the best ones."""
    config = dataclasses.replace(CONFIG, num_steps=30, learning_rate=3.0, schedule="constant")
    stage, trained = run(tmp_path, config)
    by_step = dict(curves(tmp_path)["loss"]["validation"])
    assert trained.metrics["loss"] == min(by_step.values())
    assert by_step[trained.best_step] == trained.metrics["loss"]
    assert (tmp_path / BEST).is_file()


def test_without_a_validation_the_average_is_returned(tmp_path):
    stage = LineStage()
    trained = train(stage, points, tmp_path, CONFIG, cpu=True)
    assert trained.best_step is None
    assert not (tmp_path / BEST).exists()
    paused = LineStage()
    train(paused, points, tmp_path / "b", CONFIG, cpu=True, until_step=CONFIG.num_steps - 1)
    assert not torch.equal(stage.learned[0].weight, paused.learned[0].weight)


def test_a_finished_run_is_read_not_repeated(tmp_path):
    stage, trained = run(tmp_path)

    def never(index, share):
        raise AssertionError("a finished run draws no batch")

    again = LineStage()
    assert train(again, never, tmp_path, CONFIG, validation=never, cpu=True) == trained
    assert torch.equal(again.learned[0].weight, stage.learned[0].weight)


def test_old_checkpoints_are_removed(tmp_path):
    run(tmp_path, dataclasses.replace(CONFIG, keep_checkpoints=3))
    steps = [path.stem for path in saved_states(tmp_path)]
    assert steps == ["step_00000008", "step_00000010", "step_00000012"]


def test_the_run_leaves_numbers_events_and_a_picture(tmp_path):
    run(tmp_path)
    assert (tmp_path / PICTURE).read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "tensorboard").glob("events*"))
    assert [step for step, _ in curves(tmp_path)["loss"]["train"]] == [1, 4, 8, 12]
    assert [step for step, _ in curves(tmp_path)["loss"]["validation"]] == [0, 3, 6, 9, 12]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"learning_rate": 0.5}, "loop.learning_rate is 0.5"),
        ({"optimizer": "muon"}, "loop.optimizer is 'muon'"),
        ({"num_steps": 20}, "loop.num_steps is 20"),
    ],
)
def test_another_config_is_refused_by_the_field_that_differs(tmp_path, changed, named):
    run(tmp_path, until_step=4)
    with pytest.raises(InputError, match="cannot be resumed") as error:
        run(tmp_path, dataclasses.replace(CONFIG, **changed))
    assert named in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_another_corpus_is_refused(tmp_path):
    run(tmp_path, until_step=4, setting={"corpus": "a1"})
    with pytest.raises(InputError, match="corpus is 'b2' but .* begun with 'a1'"):
        run(tmp_path, setting={"corpus": "b2"})


def test_a_cut_checkpoint_names_the_file(tmp_path):
    run(tmp_path, until_step=4)
    path = saved_states(tmp_path)[-1]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=path.name):
        run(tmp_path)


def test_a_loss_that_is_not_finite_says_where_and_what_to_do(tmp_path):
    def broken(index, share):
        batch = points(index, share)
        return dataclasses.replace(batch, y=batch.y / (0 if index == 2 else 1))

    with pytest.raises(InputError, match=r"not finite at step 3 .*Lower learning_rate \(now 0.02"):
        train(LineStage(), broken, tmp_path, CONFIG, cpu=True)


def test_a_metric_nobody_measures_is_named(tmp_path):
    config = dataclasses.replace(CONFIG, best_metric="accuracy")
    with pytest.raises(InputError, match="best_metric is 'accuracy' but .* loss, size"):
        run(tmp_path, config)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("optimizer", "sgd", "optimizer is 'sgd' but must be one of adamw, muon"),
        ("schedule", "step", "schedule is 'step' but must be one of cosine"),
        ("mixed_precision", "int8", "mixed_precision is 'int8' but must be one of no"),
        ("num_steps", 0, "num_steps is 0 but must be at least 1"),
        ("keep_checkpoints", 0, "keep_checkpoints is 0 but must be at least 1"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(CONFIG, **{field: value})


def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'comfyui-imagineid\[train\]'"):
        run(tmp_path)


@pytest.mark.slow
def test_two_processes_are_one_process_with_the_same_batch(tmp_path):
    """`accelerate launch` on two CPU processes: the loss of each step, and the weights."""
    script = ROOT / "tests" / "training" / "two_processes.py"
    results = {}
    for count in (1, 2):
        launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(count)]
        # Without this flag accelerate starts one process on a CPU, whatever the number.
        launch += ["--multi_gpu"] if count > 1 else ["--cpu"]
        launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
        launch += ["--main_process_port", "0"]  # any free one
        launch += [str(script), str(tmp_path / str(count))]
        run = subprocess.run(
            launch,
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )
        assert run.returncode == 0, run.stderr
        results[count] = json.loads((tmp_path / str(count) / "result.json").read_text())
    assert results[2]["num_processes"] == 2
    assert results[2]["parted"]
    assert results[1]["made"] == results[2]["made"] == [0, 1, 4, 9, 16]
    assert results[1]["made_here"] == [0, 1, 2, 3, 4]
    assert results[2]["made_here"] == [0, 2, 4]
    # Two means of half the rows are added in another order than one mean of all.
    for name in ("losses", "contrasts", "validations"):
        assert results[1][name][0] == pytest.approx(results[2][name][0], rel=1e-5)
        # AdamW divides by the gradient's size, so that rounding grows from step to step.
        assert results[1][name] == pytest.approx(results[2][name], rel=1e-3)
    assert results[1]["weights"] == pytest.approx(results[2]["weights"], abs=1e-3)
