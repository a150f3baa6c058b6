"""A performance on disk: tensors as safetensors, the same for people as JSON.

Knows nothing about who made the performance or what draws it.
"""

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagineid_core.checkpoint import read_tensors, write_whole
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.values import MotionTrack, Performance

FORMAT = "imagineid-performance"
VERSION = "1"
TENSORS, TEXT = "coefficients.safetensors", "coefficients.json"

_OPTIONAL = ("shape", "semantics", "style", "lip_expression")
_DIGITS = 6


def save_performance(
    folder: str | PathLike[str], performance: Performance, *, source: str
) -> tuple[Path, Path]:
    """Write both files into `folder`, each whole or not at all; returns their paths."""
    from safetensors.torch import save

    tensors = {
        "expression": performance.expression,
        "pose": performance.motion.pose,
        "blink": performance.motion.blink,
        **{name: value for name in _OPTIONAL if (value := getattr(performance, name)) is not None},
    }
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(
                f"{name} of {source} has values that are NaN or infinite, so nothing was written. "
                "The weights are damaged or of another network; check them with a clip you know."
            )
    metadata = {
        "format": FORMAT,
        "format_version": VERSION,
        "fps": str(performance.motion.fps),
        "source": source,
    }
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    paths = Path(folder) / TENSORS, Path(folder) / TEXT
    write_whole(paths[0], save(stored, metadata=metadata))
    write_whole(paths[1], _text(performance, metadata).encode())
    return paths


def load_performance(path: str | PathLike[str]) -> Performance:
    """Read the safetensors file, or the folder it lies in."""
    path = Path(path)
    if path.is_dir():
        path = path / TENSORS
    if not path.is_file():
        raise InputError(
            f"coefficients {path} are not there. Give the folder that 'imagineid listen' wrote, "
            f"or its {TENSORS}."
        )
    try:
        metadata, tensors = read_tensors(path)
    except WeightsError as error:
        raise InputError(str(error)) from error
    if metadata.get("format") != FORMAT or metadata.get("format_version") != VERSION:
        raise InputError(
            f"{path.name} is not a performance of version {VERSION}. "
            "Make one with 'imagineid listen'."
        )
    _check_tensors(path, tensors)
    return Performance(
        **{name: tensors.get(name) for name in _OPTIONAL},
        expression=tensors["expression"],
        motion=MotionTrack(
            pose=tensors["pose"], blink=tensors["blink"], fps=_fps(path, metadata.get("fps"))
        ),
    )


def _check_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Every track as long as the expression, at least one frame."""
    if missing := [name for name in ("expression", "pose", "blink") if name not in tensors]:
        raise InputError(
            f"{path.name} lacks {', '.join(missing)}. Make it again with 'imagineid listen'."
        )
    num_frames = len(tensors["expression"])
    sizes: dict[str, tuple[int, ...]] = {"pose": (num_frames, 6), "blink": (num_frames,)}
    if num_frames == 0 or tensors["expression"].ndim != 2:
        raise InputError(
            f"expression in {path.name} has size {tuple(tensors['expression'].shape)} but must "
            "hold one row a frame, at least one. Make it again with 'imagineid listen'."
        )
    for name, size in sizes.items():
        if tensors[name].shape != size:
            raise InputError(
                f"{name} in {path.name} has size {tuple(tensors[name].shape)} but {num_frames} "
                f"frames of expression need {size}. Make it again with 'imagineid listen'."
            )


def _fps(path: Path, text: str | None) -> Fraction:
    try:
        fps = Fraction(text or "")
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if fps <= 0:
        raise InputError(
            f"fps in {path.name} is {text!r} but must be a positive fraction. "
            "Make it again with 'imagineid listen'."
        )
    return fps


def _text(performance: Performance, metadata: dict[str, str]) -> str:
    """One line a frame, so that people and diff can read it. Pose in degrees and dm."""
    head: dict[str, Any] = {**metadata, "num_frames": len(performance.expression)}
    if performance.shape is not None:
        head["shape"] = _rounded(performance.shape)
    degrees = torch.tensor([180 / math.pi] * 3 + [1.0] * 3)
    poses = performance.motion.pose.detach().cpu() * degrees
    rows = []
    for frame, expression in enumerate(performance.expression.detach().cpu()):
        row = {
            "seconds": round(float(frame / performance.motion.fps), _DIGITS),
            "pose_degrees_dm": _rounded(poses[frame]),
            "blink": round(float(performance.motion.blink[frame]), _DIGITS),
            "expression": _rounded(expression),
        }
        if performance.lip_expression is not None:
            row["lip_expression"] = _rounded(performance.lip_expression[frame])
        rows.append(json.dumps(row))
    return json.dumps(head, indent=1)[:-2] + ',\n "frames": [\n' + ",\n".join(rows) + "\n]}\n"


def _rounded(values: Tensor) -> list[float]:
    return [round(value, _DIGITS) for value in values.tolist()]
