"""One safetensors file per trained part; its metadata says what it is and how to build it.

Metadata (strings only): `format_version`, `architecture`, `config` as JSON, `provenance` as JSON.
Knows nothing about any network: callers bring the config class and what builds the module.
"""

import dataclasses
import json
import os
import tempfile
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from imagineid_core.errors import WeightsError

FORMAT_VERSION = "1"
_LISTED_KEYS = 8  # a message with 300 keys helps nobody

Config = TypeVar("Config")
Module = TypeVar("Module", bound=nn.Module)


def save_checkpoint(
    path: str | Path,
    module: nn.Module,
    *,
    architecture: str,
    config: Any,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write weights, config and provenance; an existing file is replaced whole or not at all."""
    from safetensors.torch import save

    metadata = {
        "format_version": FORMAT_VERSION,
        "architecture": architecture,
        "config": config_to_json(config),
        "provenance": json.dumps(dict(provenance or {}), sort_keys=True),
    }
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in module.state_dict().items()}
    write_whole(Path(path), save(state, metadata=metadata))


def load_checkpoint(
    path: str | Path,
    build: Callable[[Config], Module],
    *,
    architecture: str,
    config_class: type[Config],
) -> Module:
    """Build the module the file describes and fill it, every key; returned in eval mode."""
    path = Path(path)
    metadata, state = read_tensors(path)
    _check_metadata(path, metadata, architecture)
    try:
        config = config_from_json(metadata["config"], config_class)
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{path.name} holds a config that {config_class.__name__} does not know: {error}. "
            "It was written by another version; convert or train it again."
        ) from error
    module = build(config)
    fill(module, state, source=path.name)
    return module.eval()


def read_tensors(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of any safetensors file, on the CPU."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise WeightsError(
            f"weights not found: {path} is {'a folder' if path.is_dir() else 'not there'}. "
            "Give the path of a .safetensors file. See README, Weights."
        )
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path.name} is not a readable safetensors file ({error}). "
            "It may be cut off or of another format; download or export it again."
        ) from error


def architecture_of(path: str | Path) -> str | None:
    """What one of our own files holds; None for any other file. Reads the header only."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            return (file.metadata() or {}).get("architecture")
    except (SafetensorError, OSError):
        return None


def fill(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Load `state` into `module`; keys that do not fit are one error that lists them."""
    expected = module.state_dict()
    problems = []
    if missing := sorted(set(expected) - set(state)):
        problems.append(f"missing {listed_keys(missing)}")
    if unexpected := sorted(set(state) - set(expected)):
        problems.append(f"unexpected {listed_keys(unexpected)}")
    resized = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected
        if key in state and state[key].shape != expected[key].shape
    ]
    if resized:
        problems.append(f"wrong size {listed_keys(resized)}")
    retyped = [
        f"{key} {state[key].dtype} instead of {expected[key].dtype}"
        for key in expected
        if key in state and state[key].is_floating_point() != expected[key].is_floating_point()
    ]
    if retyped:
        problems.append(f"wrong type {listed_keys(retyped)}")
    if problems:
        raise WeightsError(
            f"{source} does not fit {type(module).__name__}: {'; '.join(problems)}. "
            "Use the file made for this part and this size."
        )
    module.load_state_dict(dict(state))


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the target, then rename: a crash or a full disk leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def config_to_json(config: Any) -> str:
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def config_from_json(text: str, config_class: type[Config]) -> Config:
    """The inverse of `config_to_json`; JSON's lists become the tuples the fields declare."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"{text[:60]} is not an object")
    return _config_from(values, config_class)


def _config_from(values: Mapping[str, Any], config_class: type[Config]) -> Config:
    hints = typing.get_type_hints(config_class)
    if unknown := sorted(set(values) - set(hints)):
        raise ValueError(f"unknown fields {', '.join(unknown)}")
    restored = {name: _restored(value, hints[name]) for name, value in values.items()}
    for name, value in restored.items():
        if not _is_a(value, hints[name]):
            raise ValueError(f"{name} is {value!r}, which is not {hints[name]}")
    return config_class(**restored)


def _is_a(value: Any, hint: Any) -> bool:
    """Plain values only, so a few lines do: a width of '32' would fail deep inside a network."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(_is_a(value, option) for option in typing.get_args(hint))
    if _is_tuple(hint):
        inner = typing.get_args(hint)[:1]
        return type(value) is tuple and all(
            _is_a(item, option) for item in value for option in inner
        )
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return hint is Any or type(value) is hint


def _restored(value: Any, hint: Any) -> Any:
    if isinstance(value, list) and _is_tuple(hint):
        inner = typing.get_args(hint)[0] if typing.get_args(hint) else None
        return tuple(_restored(item, inner) for item in value)
    if isinstance(value, dict) and dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _config_from(value, hint)
    return value


def _is_tuple(hint: Any) -> bool:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(_is_tuple(option) for option in typing.get_args(hint))
    return hint is tuple or typing.get_origin(hint) is tuple


def _check_metadata(path: Path, metadata: Mapping[str, str], architecture: str) -> None:
    if "architecture" not in metadata or "config" not in metadata:
        raise WeightsError(
            f"{path.name} has no ImagineID metadata (no 'architecture'), so its part is unknown. "
            f"Give a file saved as '{architecture}'; others' releases load through interop."
        )
    if metadata["architecture"] != architecture:
        raise WeightsError(
            f"{path.name} holds '{metadata['architecture']}' but '{architecture}' is needed here. "
            "Connect the file of the right part."
        )
    if metadata.get("format_version") != FORMAT_VERSION:
        raise WeightsError(
            f"{path.name} has format version {metadata.get('format_version')} but this code reads "
            f"{FORMAT_VERSION}. Update ComfyUI-ImagineID."
        )


def listed_keys(names: Sequence[str]) -> str:
    """The first keys by name and how many more there are."""
    shown = ", ".join(names[:_LISTED_KEYS])
    rest = len(names) - _LISTED_KEYS
    return shown + (f" and {rest} more" if rest > 0 else "")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
