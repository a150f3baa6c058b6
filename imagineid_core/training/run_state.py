"""Everything a training needs to go on as if it had never stopped, in one safetensors file.

Weights, their average, optimiser, random states; step, best value and the setting as metadata.
Knows nothing about what is trained or how.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagineid_core.checkpoint import FORMAT_VERSION, read_tensors, write_whole
from imagineid_core.errors import InputError, WeightsError

ARCHITECTURE = "training_state"
_PATTERN = "step_{:08d}.safetensors"
_DIGESTS = ("corpus", "earlier_stages", "face")
_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class RunState:
    step: int  # optimiser steps done
    best: float | None  # of the metric that names the best checkpoint
    setting: Mapping[str, Any]  # what must be the same for a resume to be exact
    stage: Mapping[str, Tensor]  # without what is frozen
    average: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]  # as Optimizer.state_dict() gives it
    scaler: Mapping[str, Any] | None  # of float16 gradients
    random: tuple[Mapping[str, Tensor], ...]  # one entry a process


def save_state(folder: Path, state: RunState, *, keep: int) -> Path:
    """Write the file whole, then remove all but the `keep` latest ones."""
    from safetensors.torch import save

    slots, settings = _without_tensors(state.optimizer)
    tensors = {
        **_prefixed("stage", state.stage),
        **_prefixed("average", state.average),
        **_prefixed("optimizer", slots),
    }
    for process, random in enumerate(state.random):
        tensors.update(_prefixed(f"random/{process}", random))
    metadata = {
        "format_version": FORMAT_VERSION,
        "architecture": ARCHITECTURE,
        "run": json.dumps(
            {
                "step": state.step,
                "best": state.best,
                "setting": state.setting,
                "optimizer": settings,
                "scaler": state.scaler,
                "num_processes": len(state.random),
            },
            sort_keys=True,
        ),
    }
    path = folder / _PATTERN.format(state.step)
    copies = {key: tensor.detach().cpu().clone().contiguous() for key, tensor in tensors.items()}
    write_whole(path, save(copies, metadata=metadata))
    for old in saved_states(folder)[:-keep]:
        old.unlink()
    return path


def saved_states(folder: Path) -> list[Path]:
    """The state files of a folder, oldest first."""
    return sorted(folder.glob("step_*.safetensors"))


def load_state(path: Path) -> RunState:
    metadata, tensors = read_tensors(path)
    if metadata.get("architecture") != ARCHITECTURE:
        raise WeightsError(
            f"{path.name} holds '{metadata.get('architecture', 'unknown')}' but a training resumes "
            f"from '{ARCHITECTURE}'. Use the folder that the training wrote."
        )
    run = json.loads(metadata["run"])
    return RunState(
        step=run["step"],
        best=run["best"],
        setting=run["setting"],
        stage=_under("stage", tensors),
        average=_under("average", tensors),
        optimizer=_with_tensors(_under("optimizer", tensors), run["optimizer"]),
        scaler=run["scaler"],
        random=tuple(_under(f"random/{i}", tensors) for i in range(run["num_processes"])),
    )


def check_same_setting(path: Path, saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """A resume is exact or it is refused: the first field that differs is named."""
    wanted = json.loads(json.dumps(wanted))  # as the file has it: lists for tuples
    # A digest that differs says least, so it comes last.
    for field in sorted(set(saved) | set(wanted), key=lambda name: (name in _DIGESTS, name)):
        before, now = saved.get(field, _ABSENT), wanted.get(field, _ABSENT)
        if isinstance(before, dict) and isinstance(now, dict):
            check_same_setting(path, _named(field, before), _named(field, now))
        elif before != now:
            raise InputError(
                f"{field} is {_told(now)} but the training in {path} was begun with "
                f"{_told(before)}, so it cannot be resumed. Use the same value, or another folder."
            )


def random_state() -> dict[str, Tensor]:
    """Of this process: torch on the CPU, and on the GPU it computes on."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _without_tensors(optimizer: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    slots: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for weight, values in optimizer["state"].items():
        numbers[str(weight)] = {}
        for name, value in values.items():
            if isinstance(value, Tensor):
                slots[f"{weight}/{name}"] = value
            else:
                numbers[str(weight)][name] = value
    return slots, {"state": numbers, "param_groups": optimizer["param_groups"]}


def _with_tensors(slots: Mapping[str, Tensor], rest: Mapping[str, Any]) -> dict[str, Any]:
    state = {int(weight): dict(values) for weight, values in rest["state"].items()}
    for key, tensor in slots.items():
        weight, name = key.split("/")
        state[int(weight)][name] = tensor
    return {"state": state, "param_groups": rest["param_groups"]}


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{key}": tensor for key, tensor in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def _named(field: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{field}.{name}": value for name, value in values.items()}


def _told(value: Any) -> str:
    return "not given" if value is _ABSENT else repr(value)
