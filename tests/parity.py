"""Golden outputs of public reference implementations: weights by formula, results by comparison.

`tests/golden/index.json` describes the cases; tests write the input formulas out themselves.
"""

import json
import sys
from pathlib import Path

import numpy as np
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))

import formula_weights  # noqa: E402

INDEX = json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))
SEED = INDEX["seed"]


def weights(case: str) -> dict[str, Tensor]:
    """The case's state dict by formula, checked against the checksum of the reference run."""
    entry = INDEX["cases"][case]
    keys = json.loads((GOLDEN / entry["keys"]).read_text(encoding="utf-8"))
    shapes = {key: tuple(shape) for key, shape in keys.items()}
    state = formula_weights.fill(shapes, SEED, entry["gains"], entry["alias"])
    assert formula_weights.checksum(state) == entry["weights_crc32"], f"{case}: formula drifted"
    return state


def stored(case: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / INDEX["cases"][case]["file"]) as file:
        return {name: file[name] for name in file.files}


def assert_parity(case: str, got: dict[str, Tensor | np.ndarray], tolerances: dict[str, float]):
    """Every output named in `tolerances` agrees with the reference within that absolute limit.

    The limits are those of the golden README: twenty times the reference's own rounding in float32.
    """
    arrays = {
        name: (value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value))
        for name, value in got.items()
        if name in tolerances
    }
    assert set(arrays) == set(tolerances)
    differences = formula_weights.compare(stored(case), arrays, SEED)
    for name, limit in tolerances.items():
        worst = max(off for key, (off, _) in differences.items() if key.split("#")[0] == name)
        assert worst <= limit, f"{case}.{name} differs by {worst:.2e}, allowed {limit:.0e}"
