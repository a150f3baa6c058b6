"""How a model wants to be used: its prompt, steps and guidance, and how its films are shown.

A model's folder may say so in `recommended.json`; what it does not say is Stable Diffusion's. Knows
nothing about networks.
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from imagineid_core.checkpoint import config_from_json, config_to_json, write_whole
from imagineid_core.errors import WeightsError
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.textual_inversion import FACE_PROMPT

RECOMMENDED = "recommended.json"


@dataclass(frozen=True, kw_only=True)
class RecommendedConfig:
    """The defaults are the paper's prompt and steps, and SD's guidance."""

    prompt: str = FACE_PROMPT  # the predefined one, unless a TIA brings that of its training
    num_steps: int = ImagineConfig.num_steps
    guidance: float = ImagineConfig.first_guidance  # of the first frame
    guided_share: float = ImagineConfig.guided_share  # of its steps
    settles: int = ImagineConfig.settles  # of the first frame
    show_size: int | None = None  # pixels a side of a film; None: as imagined
    label: str = ""  # what a film says under its pictures

    def config(self, **chosen: Any) -> ImagineConfig:
        """How this model makes a clip; what is `chosen` wins, unless it is None."""
        told = {
            "num_steps": self.num_steps,
            "first_guidance": self.guidance,
            "guided_share": self.guided_share,
            "settles": self.settles,
        }
        wins = {name: value for name, value in chosen.items() if value is not None}
        return ImagineConfig(**(told | wins))


def load_recommended(folder: str | PathLike[str]) -> RecommendedConfig:
    """What a model's folder recommends; the defaults if it says nothing."""
    path = Path(folder) / RECOMMENDED
    if not path.is_file():
        return RecommendedConfig()
    try:
        return config_from_json(path.read_text(encoding="utf-8"), RecommendedConfig)
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} is not readable as recommendations: {error}. Mend it, or remove it for the "
            "paper's defaults."
        ) from error


def save_recommended(folder: str | PathLike[str], recommended: RecommendedConfig) -> None:
    write_whole(Path(folder) / RECOMMENDED, recommended_bytes(recommended))


def recommended_bytes(recommended: RecommendedConfig) -> bytes:
    """The content of `recommended.json`."""
    return (config_to_json(recommended) + "\n").encode()
