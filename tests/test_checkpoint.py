import json
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import imagineid_core
from imagineid_core.checkpoint import (
    config_from_json,
    config_to_json,
    load_checkpoint,
    save_checkpoint,
    write_whole,
)
from imagineid_core.errors import WeightsError


@dataclass(frozen=True, kw_only=True)
class PartConfig:
    width: int = 4
    sizes: tuple[int, ...] = (2, 3)
    nested: tuple[tuple[float, float], ...] = ((0.5, 1.0),)
    name: str | None = None


class Part(nn.Module):
    def __init__(self, config: PartConfig):
        super().__init__()
        self.config = config
        self.linear = nn.Linear(config.width, 2)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "папка é" / "part one.safetensors"
    save_checkpoint(
        path, Part(PartConfig(width=6)), architecture="part", config=PartConfig(width=6)
    )
    return path


def load(path):
    return load_checkpoint(path, Part, architecture="part", config_class=PartConfig)


def rewrite(path, state=None, **metadata):
    """Save the file again with other tensors or metadata."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    with safe_open(str(path), "pt") as old:
        kept = dict(old.metadata())
    tensors = state if state is not None else load_file(path)
    save_file(tensors, path, metadata={**kept, **metadata})


def test_save_then_load_is_identity(tmp_path):
    part = Part(PartConfig(name="x"))
    save_checkpoint(tmp_path / "a.safetensors", part, architecture="part", config=part.config)
    again = load(tmp_path / "a.safetensors")
    assert again.config == part.config
    assert torch.equal(again.linear.weight, part.linear.weight)
    assert not again.training


def test_metadata_says_what_the_file_is(file):
    from safetensors import safe_open

    with safe_open(str(file), "pt") as opened:
        metadata = opened.metadata()
    assert metadata["architecture"] == "part"
    assert metadata["format_version"] == "1"
    assert json.loads(metadata["config"])["width"] == 6


def test_every_config_class_survives_json():
    """JSON turns tuples into lists; the loader gives back what the fields declare."""
    for config_class in [PartConfig, *_config_classes()]:
        config = config_class(**_required(config_class))
        assert config_from_json(config_to_json(config), config_class) == config


def _required(config_class):
    """Some value for each field without a default."""
    examples = {int: 3, float: 0.5, str: "x", bool: True, tuple[str, ...]: ("x", "y")}
    return {
        field.name: examples[field.type]
        for field in fields(config_class)
        if field.default is MISSING and field.default_factory is MISSING
    }


def _config_classes():
    import importlib
    import pkgutil

    found = []
    for module in pkgutil.walk_packages(imagineid_core.__path__, "imagineid_core."):
        if "pytorch3d" in module.name or module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.endswith("Config") and is_dataclass(value) and value not in found:
                found.append(value)
    assert len(found) >= 2
    assert all(field.kw_only for config in found for field in fields(config))
    return found


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: f.unlink(), "weights not found"),
        (lambda f: f.write_bytes(f.read_bytes()[:-9]), "is not a readable safetensors file"),
        (lambda f: f.write_bytes(b""), "is not a readable safetensors file"),
        (lambda f: rewrite(f, architecture="other"), "holds 'other' but 'part' is needed"),
        (lambda f: rewrite(f, format_version="9"), "format version 9"),
        (lambda f: rewrite(f, config='{"depth": 3}'), "unknown fields depth"),
        (lambda f: rewrite(f, config="{"), "holds a config"),
        (lambda f: rewrite(f, config="[1, 2]"), "is not an object"),
        (lambda f: rewrite(f, config='{"width": "6"}'), "width is '6'"),
        (lambda f: rewrite(f, config='{"width": 6.5}'), "width is 6.5"),
        (
            lambda f: rewrite(
                f, state={k: v.int() for k, v in Part(PartConfig(width=6)).state_dict().items()}
            ),
            "wrong type .*torch.int32 instead of torch.float32",
        ),
        (
            lambda f: rewrite(f, config='{"width": 8}'),
            r"weight \(2, 6\) instead of \(2, 8\)",
        ),
        (lambda f: rewrite(f, state={"linear.bias": torch.zeros(2)}), "missing linear.weight"),
        (
            lambda f: rewrite(
                f, state={**Part(PartConfig(width=6)).state_dict(), "extra": torch.zeros(1)}
            ),
            "unexpected extra",
        ),
        (lambda f: save_file({"a": torch.zeros(1)}, f), "has no ImagineID metadata"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_reason(file, damage, told):
    damage(file)
    with pytest.raises(WeightsError, match=told) as error:
        load(file)
    assert "part one" in str(error.value)


def test_a_folder_instead_of_a_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match="is a folder"):
        load(tmp_path)


def test_long_lists_of_keys_are_cut(file):
    rewrite(file, state={f"key{i}": torch.zeros(1) for i in range(30)})
    with pytest.raises(WeightsError, match="and 22 more"):
        load(file)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(file, monkeypatch):
    before = file.read_bytes()

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"half")
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_configs_are_frozen():
    with pytest.raises(AttributeError):
        PartConfig().width = 3
    assert replace(PartConfig(), width=3).width == 3
