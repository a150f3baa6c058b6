"""How a MODEL wants to be used, tied to its wire; one that says nothing is Stable Diffusion.

It stays with the MODEL through LoRAs and patches. Knows nothing about networks.
"""

from typing import Any

from imagineid_core.imagine.recommended import RecommendedConfig
from imagineid_core.video.shown import Shown

_KEY = "imagineid_recommended"


def recommend(model: Any, recommended: RecommendedConfig) -> None:
    model.set_attachments(_KEY, recommended)


def recommended_of(model: Any) -> RecommendedConfig:
    return model.get_attachment(_KEY) or RecommendedConfig()


def shown_as(model: Any, size: int, has_label: bool) -> Shown:
    """How the film of a MODEL shows its pictures; `size` 0: as the MODEL recommends."""
    recommended = recommended_of(model)
    return Shown(size=size or recommended.show_size, label=recommended.label if has_label else "")
