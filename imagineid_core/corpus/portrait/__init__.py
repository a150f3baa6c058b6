"""The portrait dresser: open faces with hair, clothes and a background, drawn from a seed."""

from imagineid_core.corpus.portrait.attributes import PortraitAttributes, draw_attributes
from imagineid_core.corpus.portrait.caption import caption_of
from imagineid_core.corpus.portrait.person import (
    Person,
    coefficients_of,
    draw_person,
    portrait_pose,
)
from imagineid_core.corpus.portrait.portrait import Portrait, render_portrait

__all__ = [
    "Person",
    "Portrait",
    "PortraitAttributes",
    "caption_of",
    "coefficients_of",
    "draw_attributes",
    "draw_person",
    "portrait_pose",
    "render_portrait",
]
