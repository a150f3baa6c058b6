"""Others' released weights into our modules: read one part of a file, rename, compare, fill.

Knows nothing about any network; each release brings its own table of names.
"""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from imagineid_core.checkpoint import listed_keys
from imagineid_core.errors import WeightsError

_COUNTER = "num_batches_tracked"  # of batch norm; missing or of another size in some files


def has_prefixes(path: str | Path, prefixes: Sequence[str]) -> bool:
    """Whether the header of this safetensors file has keys under every prefix."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            keys = list(file.keys())
    except (SafetensorError, OSError):
        return False
    return all(any(key.startswith(prefix) for key in keys) for prefix in prefixes)


def read_part(path: str | Path, prefix: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file under `prefix`, without it; the rest is never read."""
    from safetensors import SafetensorError, safe_open

    path = _existing(path)
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            found = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118
            part = {key[len(prefix) :]: file.get_tensor(key) for key in found}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path.name} is not a readable safetensors file ({error}). "
            "It may be cut off or of another format; download it again."
        ) from error
    if not part:
        raise WeightsError(
            f"{path.name} has no keys under '{prefix}', so the part needed here is not in it. "
            "Give the released file that holds this part."
        )
    return part


def read_pickle(path: str | Path, *, key: str | None) -> dict[str, Tensor]:
    """The state dict under `key` of a PyTorch file, which may hold nothing but data.

    Without a `key` the file is the state dict.
    """
    path = _existing(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path.name} holds more than tensors and plain values (or is no PyTorch file) and is "
            "not opened: a pickle can run code. Use the safetensors release of these weights."
        ) from error
    except Exception as error:  # a file of another kind makes the unpickler stumble in any way
        raise WeightsError(
            f"{path.name} is not a readable PyTorch file ({type(error).__name__}: {error}). "
            "It may be cut off or of another format; download it again."
        ) from error
    state = content
    if key is not None:
        state = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping):
        holds = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content)
        wanted = "state dict" if key is None else f"'{key}'"
        raise WeightsError(
            f"{path.name} has no {wanted} (it holds {str(holds)[:200]}). "
            "Give the released file of this part."
        )
    return {str(name): value for name, value in state.items() if isinstance(value, Tensor)}


def fill_renamed(
    module: nn.Module,
    released: Mapping[str, Tensor],
    names: Mapping[str, str],
    *,
    part: str,
    source: str,
    ignored: Sequence[str] = (),
) -> None:
    """Fill `module`, every tensor; what does not fit is one error that lists the released keys.

    `names`: our submodule or parameter to theirs. `part`: what the user calls it. `ignored`:
    prefixes of released keys without a place here. Batch counters are never read: not weights.
    """
    ours = {key: value for key, value in module.state_dict().items() if _is_weight(key)}
    theirs = {key: _their_key(key, names) for key in ours}
    known = set(theirs.values())
    given = {
        key: value
        for key, value in released.items()
        if _is_weight(key) and not key.startswith(tuple(ignored))
    }
    problems = {
        "missing": sorted(known - set(given)),
        "unexpected": sorted(set(given) - known),
        "wrong size": [
            f"{their_key} {tuple(given[their_key].shape)} instead of {tuple(ours[key].shape)}"
            for key, their_key in theirs.items()
            if their_key in given and given[their_key].shape != ours[key].shape
        ],
    }
    if any(problems.values()):
        told = "; ".join(f"{what} {listed_keys(keys)}" for what, keys in problems.items() if keys)
        raise WeightsError(
            f"{source} does not fit {part}: {told}. "
            "Use the file as it was released, of the right part."
        )
    counters = {key: value for key, value in module.state_dict().items() if not _is_weight(key)}
    module.load_state_dict({**counters, **{key: given[theirs[key]] for key in ours}})


def _is_weight(key: str) -> bool:
    return not key.endswith(_COUNTER)


def _their_key(key: str, names: Mapping[str, str]) -> str:
    if key in names:
        return names[key]
    owner, leaf = key.rsplit(".", 1)
    return f"{names[owner]}.{leaf}"


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise WeightsError(
            f"weights not found: {path} is {'a folder' if path.is_dir() else 'not there'}. "
            "Give the path of the released file. See README, Weights."
        )
    return path
