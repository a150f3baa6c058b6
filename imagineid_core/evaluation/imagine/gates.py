"""Gates: what a part of the mini suite must reach before the next part is trained on it.

A gate is a list of figures with their goals; it is passed by all of them or missed. Knows nothing
about how a figure is measured.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError


class GateMissedError(InputError):
    """A part that is not good enough to build on; the figures were written all the same."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A figure must reach `least`."""

    least: float
    what: str

    def is_met(self, value: float) -> bool:
        return value >= self.least  # NaN never is


GATES: dict[str, dict[str, Goal]] = {
    "vae": {
        "psnr": Goal(least=31.5, what="dB, mean over the frames of people never seen"),
        "mouth_psnr": Goal(least=29.0, what="dB in the crop round the mouth"),
        "mouth_psnr_p10": Goal(least=26.0, what="dB, the tenth percentile of those crops"),
    },
    "captions": {
        "background": Goal(least=0.95, what="share of samples with the background asked for"),
        "hair_colour": Goal(least=0.95, what="share with the hair colour asked for"),
        "skin": Goal(least=0.95, what="share with the skin tone asked for, or its neighbour"),
        "hair_style": Goal(least=0.92, what="share with the hair style asked for"),
        "caption_gap": Goal(least=0.11, what="error of the noise that others' captions add"),
    },
}


def gate_document(gate: str, figures: Mapping[str, float]) -> dict[str, object]:
    """Figures, goals and whether each is met, as the manifest keeps them."""
    goals = GATES[gate]
    return {
        "gate": gate,
        "is_passed": all(goal.is_met(figures[name]) for name, goal in goals.items()),
        "figures": dict(figures),
        "goals": {name: {"least": goal.least, "what": goal.what} for name, goal in goals.items()},
    }


def write_gate(path: Path, document: Mapping[str, object]) -> None:
    write_whole(path, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())


def check_gate(gate: str, figures: Mapping[str, float]) -> None:
    """An error that names every figure that misses its goal."""
    missed = [
        f"{name} is {figures[name]:.3f} but {goal.least:g} are needed ({goal.what})"
        for name, goal in GATES[gate].items()
        if not goal.is_met(figures[name])
    ]
    if missed:
        raise GateMissedError(
            f"the gate '{gate}' is missed: {'; '.join(missed)}. Train that part longer before "
            "anything is built on it."
        )
