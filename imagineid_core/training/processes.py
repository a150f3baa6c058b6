"""Work over several processes: who draws which rows of a batch, who makes which of many items,
and what all of them made.

Knows torch.distributed and what launchers leave in the environment, and nothing about batches or
losses.
"""

import atexit
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed

from imagineid_core.errors import InputError

LAUNCH = (
    "accelerate launch --multi_gpu --num_processes 2 -m imagineid_core.cli"  # works on CPUs too
)
Item = TypeVar("Item")
Made = TypeVar("Made")
_COUNTS = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


@dataclass(frozen=True, kw_only=True)
class Share:
    """Which of `num_processes` equal parts of a batch this process computes."""

    process: int = 0
    num_processes: int = 1

    def rows(self, num_rows: int) -> slice:
        size = num_rows // self.num_processes
        return slice(self.process * size, (self.process + 1) * size)


ALL = Share()


def is_first_process() -> bool:
    """True where there is one process only; the others leave files alone."""
    return not _are_many() or distributed.get_rank() == 0


def part_at_exit() -> None:
    """Processes that met over gloo part before Python ends.

    A thread of gloo may still let go of the last exchange; it would then find no interpreter, and
    abort a process that is done.
    """
    atexit.register(_part)


def gathered(rows: Float[Tensor, "batch dim"]) -> Float[Tensor, "whole dim"]:
    """The rows of all processes in order; gradients return to the process a row came from."""
    return _Gathered.apply(rows) if _are_many() else rows  # type: ignore[return-value]


def made_together(
    make: Callable[[Item], Made],
    items: Sequence[Item],
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Made]:
    """`make` of every item, in order, for all processes; each makes an equal part of them.

    What is made must be on the CPU, and must not depend on who makes it.
    """
    share = Share()
    if _are_many():
        share = Share(process=distributed.get_rank(), num_processes=distributed.get_world_size())
    mine = []
    for number in range(share.process, len(items), share.num_processes):
        mine.append(make(items[number]))
        if on_progress is not None:
            on_progress(min(number + share.num_processes, len(items)), len(items))
    if share.num_processes == 1:
        return mine
    parts: list[Any] = [None] * share.num_processes
    distributed.all_gather_object(parts, mine)
    whole: list[Any] = [None] * len(items)
    for process, part in enumerate(parts):
        whole[process :: share.num_processes] = part
    return whole


def is_so_everywhere(told: bool) -> bool:
    """Whether every process says so."""
    if not _are_many():
        return told
    answers: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(answers, told)
    return all(answers)


class _Gathered(torch.autograd.Function):
    """torch.distributed's all_gather has no gradient; that of the nn module is deprecated."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(gradient)  # every process used every row
        process, num_processes = distributed.get_rank(), distributed.get_world_size()
        return gradient[Share(process=process, num_processes=num_processes).rows(len(gradient))]


def num_launched(environment: Mapping[str, str] = os.environ) -> int:
    """How many processes a launcher (torchrun, accelerate, MPI) started; 1 without one."""
    return max(int(environment.get(name, 1)) for name in _COUNTS)


def was_meant_for_more(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `accelerate launch` was asked for several processes and started a single one.

    Without --multi_gpu it does so on a machine without GPUs; where the first process would be met
    (MASTER_ADDR) is then all that is left of the number.
    """
    is_single = "ACCELERATE_USE_CPU" in environment and num_launched(environment) == 1
    return is_single and "MASTER_ADDR" in environment


def is_cpu_machine() -> bool:
    """True where torch finds no accelerator."""
    if hasattr(torch, "accelerator"):  # torch 2.6
        return not torch.accelerator.is_available()
    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


def check_joined(num_processes: int) -> None:
    """Processes that train alone would write over one another: all that were launched must meet."""
    if num_processes != num_launched():
        raise InputError(
            f"{num_launched()} processes were launched but {num_processes} would train together, "
            "since there is no link between devices of this kind. Add --cpu, or launch one."
        )


def _part() -> None:
    if _are_many() and distributed.get_backend() == "gloo":
        distributed.destroy_process_group()


def _are_many() -> bool:
    if not (distributed.is_available() and distributed.is_initialized()):
        return False
    return distributed.get_world_size() > 1
