"""One batch over several processes: who draws which rows, and rows of all processes together.

Knows torch.distributed and nothing about accelerate, batches or losses.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, distributed


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


def gathered(rows: Float[Tensor, "batch dim"]) -> Float[Tensor, "whole dim"]:
    """The rows of all processes in order; gradients return to the process a row came from."""
    if not _are_many():
        return rows
    from torch.distributed.nn.functional import all_gather

    return torch.cat(list(all_gather(rows)))  # type: ignore[arg-type]


def _are_many() -> bool:
    if not (distributed.is_available() and distributed.is_initialized()):
        return False
    return distributed.get_world_size() > 1
