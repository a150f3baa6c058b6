"""Any FaceBasis: checked, and kept as one safetensors file (supplement Eq. 2: means and bases).

Knows nothing about where a basis comes from; the loaders (bfm, ict, open_face) do.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagineid_core.checkpoint import FORMAT_VERSION, read_tensors, write_whole
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.values import FaceBasis

ARCHITECTURE = "face_basis"
NUM_LANDMARKS = 68
_HEAD_SIZE = (0.5, 10.0)  # dm: the longest side a face or head may have; cm and mm fall outside


def validate_basis(basis: FaceBasis) -> None:
    """Refuse a basis that the renderer or a fit would turn into nonsense, naming the field."""
    _check_sizes(basis)
    _check_finite(basis)
    _check_indices("triangles", basis.triangles, basis)
    _check_indices("landmarks", basis.landmarks, basis)
    _check_units(basis)
    _check_regions(basis)
    _check_winding(basis)


def save_basis(
    path: str | Path, basis: FaceBasis, *, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write the basis whole; `provenance` says what it was made from and comes back as metadata."""
    from safetensors.torch import save

    validate_basis(basis)
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in dataclasses.asdict(basis).items()
        if isinstance(tensor, Tensor)
    }
    metadata = {
        "format_version": FORMAT_VERSION,
        "architecture": ARCHITECTURE,
        "config": json.dumps({"name": basis.name}),
        "provenance": json.dumps(dict(provenance or {}), sort_keys=True),
    }
    write_whole(Path(path), save(tensors, metadata=metadata))


def load_basis(path: str | Path) -> FaceBasis:
    """Read what `save_basis` wrote, on the CPU."""
    path = Path(path)
    metadata, tensors = read_tensors(path)
    if metadata.get("architecture") != ARCHITECTURE:
        raise WeightsError(
            f"{path.name} holds '{metadata.get('architecture', 'unknown')}' but a face basis "
            f"('{ARCHITECTURE}') is needed here. Connect a file written by save_basis."
        )
    if metadata.get("format_version") != FORMAT_VERSION:
        raise WeightsError(
            f"{path.name} has format version {metadata.get('format_version')} but this code reads "
            f"{FORMAT_VERSION}. Build the basis again from its source."
        )
    expected = {field.name for field in dataclasses.fields(FaceBasis)} - {"name"}
    if different := sorted((expected ^ set(tensors)) - {"blink_expression"}):
        raise WeightsError(
            f"{path.name} lacks or adds {', '.join(different)} compared with a face basis. "
            "Build the basis again from its source."
        )
    basis = FaceBasis(name=json.loads(metadata["config"])["name"], **tensors)
    validate_basis(basis)
    return basis


def move_basis(basis: FaceBasis, device: str | torch.device) -> FaceBasis:
    """The same basis with every tensor on `device`."""
    moved = {
        field.name: value.to(device)
        for field in dataclasses.fields(basis)
        if isinstance(value := getattr(basis, field.name), Tensor)
    }
    return dataclasses.replace(basis, **moved)


def _check_sizes(basis: FaceBasis) -> None:
    count = basis.mean_vertices.shape[0]
    per_vertex = ("shape_basis", "expression_basis", "mean_albedo", "texture_basis")
    for name in (*per_vertex, "mouth", "eyes", "front"):
        if getattr(basis, name).shape[0] != count:
            raise InputError(
                f"{name} of face basis '{basis.name}' has {getattr(basis, name).shape[0]} vertices "
                f"but mean_vertices has {count}. Cut both to the same vertices."
            )
    blink, num_expressions = basis.blink_expression, basis.expression_basis.shape[-1]
    if blink is not None and len(blink) != num_expressions:
        raise InputError(
            f"blink_expression of face basis '{basis.name}' has {len(blink)} coefficients but "
            f"expression_basis has {num_expressions}. Give one for each expression."
        )
    if basis.landmarks.numel() != NUM_LANDMARKS:
        raise InputError(
            f"landmarks of face basis '{basis.name}' has {basis.landmarks.numel()} entries but "
            f"iBUG order has {NUM_LANDMARKS}. Give one vertex for each landmark."
        )


def _check_finite(basis: FaceBasis) -> None:
    for field in dataclasses.fields(basis):
        value = getattr(basis, field.name)
        if isinstance(value, Tensor) and not torch.isfinite(value).all():
            raise InputError(
                f"{field.name} of face basis '{basis.name}' holds NaN or infinite values. "
                "The source file is damaged; get it again."
            )


def _check_indices(name: str, indices: Tensor, basis: FaceBasis) -> None:
    count = basis.mean_vertices.shape[0]
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= count:
        hint = "It counts from 1; subtract 1." if (low, high) == (1, count) else "Check the source."
        raise InputError(
            f"{name} of face basis '{basis.name}' holds vertices {low}..{high} but there are "
            f"0..{count - 1}. {hint}"
        )


def _check_units(basis: FaceBasis) -> None:
    low, high = basis.mean_vertices.min(dim=0).values, basis.mean_vertices.max(dim=0).values
    longest = (high - low).max().item()
    if not _HEAD_SIZE[0] <= longest <= _HEAD_SIZE[1]:
        raise InputError(
            f"mean_vertices of face basis '{basis.name}' spans {longest:.3g} dm; a face spans "
            f"{_HEAD_SIZE[0]}..{_HEAD_SIZE[1]} dm. Convert the unit to decimetres."
        )
    if basis.mean_albedo.max() > 2 or basis.mean_albedo.min() < -1:
        raise InputError(
            f"mean_albedo of face basis '{basis.name}' reaches {basis.mean_albedo.max():.3g}; "
            "albedo is RGB in [0, 1]. Divide values of 0..255 by 255."
        )


def _check_regions(basis: FaceBasis) -> None:
    for name in ("mouth", "eyes", "front"):
        if not getattr(basis, name).any():
            raise InputError(
                f"{name} of face basis '{basis.name}' marks no vertex, so its mask would always "
                "be empty. Mark the vertices of that region."
            )


def _check_winding(basis: FaceBasis) -> None:
    triangles = basis.triangles[basis.front[basis.triangles].all(dim=1)]
    a, b, c = basis.mean_vertices[triangles].unbind(1)
    toward_viewer = torch.linalg.cross(b - a, c - a)[:, 2].sum().item()
    if toward_viewer <= 0:
        raise InputError(
            f"triangles of face basis '{basis.name}' show their back on the front of the face "
            f"(summed area toward the viewer {toward_viewer:.3g} dm2). Swap two columns."
        )
