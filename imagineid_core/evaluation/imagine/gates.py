"""Gates: what a part of the mini suite must reach before the next part is trained on it.

A gate is a list of figures with their goals; it is passed by all of them or missed. Who judges must
be better than what is judged, so judges have goals too. Knows nothing about how a figure is
measured.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError


class GateMissedError(InputError):
    """A part that is not good enough to build on; the figures were written all the same."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A figure must reach `least`, or stay below `most`, or both."""

    least: float = -math.inf
    most: float = math.inf
    what: str

    def is_met(self, value: float) -> bool:
        return self.least <= value <= self.most  # NaN never is

    @property
    def bounds(self) -> dict[str, float]:
        """Those that are set, by name."""
        both = {"least": self.least, "most": self.most}
        return {name: bound for name, bound in both.items() if math.isfinite(bound)}


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
        **{
            f"{name}_of_real": Goal(least=0.97, what="share of true portraits that the probe reads")
            for name in ("background", "hair_colour", "skin", "hair_style")
        },
        "caption_gap": Goal(least=0.11, what="error of the noise that others' captions add"),
    },
    "face": {
        "whole": Goal(least=0.90, what="share of samples with two eyes alike and a whole mouth"),
        "real_passed": Goal(least=0.95, what="share of true portraits that the judge lets pass"),
        "spoilt_failed": Goal(least=0.85, what="share of spoilt ones that it does not"),
    },
    "spatial": {
        "of_none": Goal(most=0.75, what="error of v with SCA over that without"),
        "wrong_mesh_penalty": Goal(least=0.05, what="error of v that another's mesh adds"),
        "mouth_gain_db": Goal(least=1.0, what="dB round the mouth above a copy of I_id"),
    },
}


def gate_document(gate: str, figures: Mapping[str, float]) -> dict[str, object]:
    """Figures, goals and whether each is met, as the manifest keeps them."""
    goals = GATES[gate]
    return {
        "gate": gate,
        "is_passed": all(goal.is_met(figures[name]) for name, goal in goals.items()),
        "figures": dict(figures),
        "goals": {name: {**goal.bounds, "what": goal.what} for name, goal in goals.items()},
    }


def write_gate(path: Path, document: Mapping[str, object]) -> None:
    write_whole(path, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())


def check_gate(gate: str, figures: Mapping[str, float]) -> None:
    """An error that names every figure that misses its goal."""
    missed = [
        f"{name} is {figures[name]:.3f} but {_told(goal)} ({goal.what})"
        for name, goal in GATES[gate].items()
        if not goal.is_met(figures[name])
    ]
    if missed:
        raise GateMissedError(
            f"the gate '{gate}' is missed: {'; '.join(missed)}. Train that part longer before "
            "anything is built on it."
        )


def _told(goal: Goal) -> str:
    told = {"least": "{:g} are needed", "most": "at most {:g} are allowed"}
    return " and ".join(told[name].format(bound) for name, bound in goal.bounds.items())
