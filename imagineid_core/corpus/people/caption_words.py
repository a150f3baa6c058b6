"""Every word that a caption of the dressed portraits can hold, and what a caption says as classes.

Knows nothing about tokens or networks.
"""

from collections.abc import Mapping
from dataclasses import replace

from imagineid_core.corpus.portrait.attributes import (
    BACKDROPS,
    BEARDS,
    COLOURS,
    EYE_COLOURS,
    GARMENTS,
    GLASSES,
    HAIR_COLOURS,
    HAIR_STYLES,
    SKIN_WORDS,
    PortraitAttributes,
    draw_attributes,
    skin_word,
)
from imagineid_core.corpus.portrait.caption import caption_of

_SKIN = tuple(word for _, word in SKIN_WORDS)
_SKIN_TONES = (-2.0, -1.0, 0.0, 1.0, 2.0)  # one for each word
_GLASSES_COLOURS = ("black", "brown", "red", "blue")
_HAS_NO_HAIR, _HAS_NO_COLOUR = "bald", ("none", "stubble")

CLASSES: dict[str, tuple[str, ...]] = {
    "hair_style": HAIR_STYLES,
    "hair_colour": tuple(HAIR_COLOURS),
    "beard": BEARDS,
    "glasses": GLASSES,
    "glasses_colour": _GLASSES_COLOURS,
    "skin": _SKIN,
    "eye_colour": tuple(EYE_COLOURS),
    "garment": GARMENTS,
    "garment_colour": tuple(COLOURS),
    "backdrop": BACKDROPS,
    "backdrop_colour": tuple(COLOURS),
}


def caption_words() -> tuple[str, ...]:
    """Sorted, as a caption spells them, with the commas and hyphens between them."""
    base = replace(draw_attributes(0), hair_style="bob", beard="full beard", glasses="round")
    options = {name: values for name, values in CLASSES.items() if name != "skin"}
    changed = [
        replace(base, garment_striped=striped, **{name: value})
        for name, values in options.items()
        for value in values
        for striped in (True, False)
    ]
    changed += [replace(base, skin_tone=tone) for tone in _SKIN_TONES]
    # 'an' comes before a vowel; which words stand there depends on the colour.
    changed += [replace(base, beard=b, hair_colour="auburn") for b in BEARDS]
    captions = [caption_of(attributes) for attributes in changed]
    return tuple(sorted({word for text in captions for word in text.replace(",", " , ").split()}))


def caption_classes(attributes: PortraitAttributes) -> Mapping[str, int | None]:
    """The class that the caption names for each attribute; None for what it does not say."""
    values: dict[str, str | None] = {
        name: getattr(attributes, name) for name in CLASSES if name != "skin"
    }
    values["skin"] = skin_word(attributes.skin_tone)
    if attributes.hair_style == _HAS_NO_HAIR and attributes.beard in _HAS_NO_COLOUR:
        values["hair_colour"] = None
    if attributes.glasses == "none":
        values["glasses_colour"] = None
    return {
        name: None if values[name] is None else names.index(values[name])
        for name, names in CLASSES.items()
    }
