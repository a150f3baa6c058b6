"""A FaceBasis is refused when it is wrong, and survives its file when it is right."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file, save_file

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.face.basis import load_basis, move_basis, save_basis, validate_basis
from imagineid_core.values import FaceBasis
from tests.face.egg import egg_face

EGG = egg_face()


def changed(name: str, value: object) -> FaceBasis:
    return dataclasses.replace(EGG, **{name: value})


def with_nan(name: str) -> FaceBasis:
    value = getattr(EGG, name).clone()
    value[0] = float("nan")
    return changed(name, value)


def test_a_sound_basis_passes():
    assert validate_basis(EGG) is None  # it raises otherwise


@pytest.mark.parametrize(
    ("basis", "message"),
    [
        (changed("landmarks", EGG.landmarks[:60]), "landmarks .* has 60 entries .* 68"),
        (with_nan("mean_vertices"), "mean_vertices .* holds NaN"),
        (with_nan("expression_basis"), "expression_basis .* holds NaN"),
        (changed("triangles", EGG.triangles - 1), "triangles .* holds vertices -1"),
        (changed("triangles", EGG.triangles + 1), r"triangles .* 1\.\.1602 .* subtract 1"),
        (changed("landmarks", EGG.landmarks + 2000), "landmarks .* there are 0..1601"),
        (changed("mean_vertices", EGG.mean_vertices * 100), "spans 200 dm"),
        (changed("mean_vertices", EGG.mean_vertices / 10), "spans 0.2 dm"),
        (changed("mean_albedo", EGG.mean_albedo * 255), "mean_albedo .* 255"),
        (changed("mouth", torch.zeros_like(EGG.mouth)), "mouth .* marks no vertex"),
        (changed("triangles", EGG.triangles.flip(1)), "show their back"),
    ],
)
def test_an_unsound_basis_is_refused_by_field(basis, message):
    with pytest.raises(InputError, match=message):
        validate_basis(basis)


def test_fields_of_different_vertex_counts_are_refused():
    # jaxtyping refuses this at construction in tests; users run without it.
    basis = dataclasses.replace(EGG)
    object.__setattr__(basis, "front", EGG.front[:-1])
    with pytest.raises(InputError, match="front .* has 1601 vertices but mean_vertices has 1602"):
        validate_basis(basis)


def test_a_blink_of_another_size_is_refused():
    basis = dataclasses.replace(EGG)
    object.__setattr__(basis, "blink_expression", torch.ones(64))
    with pytest.raises(InputError, match="blink_expression .* has 64 .* expression_basis has 5"):
        validate_basis(basis)


@pytest.mark.parametrize("blink", [None, torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0])])
def test_saving_then_loading_changes_nothing(tmp_path, blink):
    path = tmp_path / "visages 顔" / "egg face.safetensors"
    basis = changed("blink_expression", blink)
    save_basis(path, basis, provenance={"made": "by a test"})
    loaded = load_basis(path)
    for field in dataclasses.fields(basis):
        before, after = getattr(basis, field.name), getattr(loaded, field.name)
        same = torch.equal(before, after) if isinstance(before, torch.Tensor) else before == after
        assert same, field.name


def test_an_unsound_basis_is_not_written(tmp_path):
    with pytest.raises(InputError, match="mean_vertices"):
        save_basis(tmp_path / "bad.safetensors", with_nan("mean_vertices"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_part_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(1)}, path, metadata={"architecture": "spatial_condition"})
    with pytest.raises(WeightsError, match="other.safetensors holds 'spatial_condition'"):
        load_basis(path)


def test_a_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "old.safetensors"
    save_basis(path, EGG)
    metadata = {"architecture": "face_basis", "format_version": "0", "config": "{}"}
    save_file(load_file(path), path, metadata=metadata)
    with pytest.raises(WeightsError, match="old.safetensors has format version 0"):
        load_basis(path)


def test_a_file_with_a_tensor_less_is_refused_by_name(tmp_path):
    path = tmp_path / "cut.safetensors"
    save_basis(path, EGG)
    tensors = load_file(path)
    del tensors["eyes"]
    metadata = {"architecture": "face_basis", "format_version": "1", "config": '{"name": "egg"}'}
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(WeightsError, match="cut.safetensors lacks or adds eyes"):
        load_basis(path)


def test_moving_a_basis_moves_every_tensor():
    moved = move_basis(EGG, "meta")
    tensors = [v for v in vars(moved).values() if isinstance(v, torch.Tensor)]
    assert len(tensors) == 10
    assert {tensor.device.type for tensor in tensors} == {"meta"}
