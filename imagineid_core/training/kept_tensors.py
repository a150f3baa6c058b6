"""Tensors that are costly to make, kept in a file with what they were made with.

Knows nothing about what they are.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from imagineid_core.checkpoint import read_tensors, write_whole
from imagineid_core.training.processes import is_first_process, is_so_everywhere


def kept_tensors(path: Path, made_with: str) -> dict[str, Tensor] | None:
    """Those of `path`, if every process finds them there and they were `made_with` the same."""
    metadata, tensors = read_tensors(path) if path.is_file() else ({}, {})
    is_there = is_so_everywhere(metadata.get("made_with") == made_with)
    return tensors if is_there else None


def keep_tensors(path: Path, tensors: Mapping[str, Tensor], made_with: str) -> None:
    """The first process writes, the others leave the file alone."""
    from safetensors.torch import save

    if is_first_process():
        write_whole(path, save(dict(tensors), metadata={"made_with": made_with}))
