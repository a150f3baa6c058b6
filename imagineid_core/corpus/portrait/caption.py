"""What a portrait shows, in the words of an image prompt.

Only what is seen is said: hair, beard, glasses, skin tone, eyes, clothes, background. Knows nothing
about how they are drawn.
"""

from imagineid_core.corpus.portrait.attributes import PortraitAttributes, skin_word

_HAIR = {
    "bald": "a bald head",
    "buzz cut": "a {colour} buzz cut",
    "short": "short {colour} hair",
    "side part": "short {colour} hair with a side part",
    "quiff": "a {colour} quiff",
    "short curly": "short curly {colour} hair",
    "afro": "a {colour} afro",
    "bob": "a {colour} bob",
    "bob with bangs": "a {colour} bob with bangs",
    "long straight": "long straight {colour} hair",
    "long wavy": "long wavy {colour} hair",
    "bun": "{colour} hair in a bun",
    "ponytail": "{colour} hair in a ponytail",
}
_BEARD = {
    "none": "",
    "stubble": "stubble",
    "moustache": "a {colour} moustache",
    "goatee": "a {colour} goatee",
    "short beard": "a short {colour} beard",
    "full beard": "a full {colour} beard",
}
_BACKDROP = {
    "plain": "plain {colour} background",
    "gradient": "soft {colour} gradient background",
    "stripes": "{colour} striped background",
    "circles": "{colour} background with circles",
    "bokeh": "blurred {colour} background with soft lights",
}


def caption_of(attributes: PortraitAttributes) -> str:
    """One sentence, always in the same order: hair, beard, glasses, skin, eyes, clothes, ground."""
    hair = _HAIR[attributes.hair_style].format(colour=attributes.hair_colour)
    beard = _BEARD[attributes.beard].format(colour=attributes.hair_colour)
    glasses = ""
    if attributes.glasses != "none":
        glasses = f"{attributes.glasses} {attributes.glasses_colour} glasses"
    pattern = "striped " if attributes.garment_striped else ""
    parts = [
        f"portrait of a person with {_article(hair)}",
        _article(beard),
        glasses,
        f"{skin_word(attributes.skin_tone)} skin",
        f"{attributes.eye_colour} eyes",
        _article(f"wearing a {attributes.garment_colour} {pattern}{attributes.garment}"),
        _BACKDROP[attributes.backdrop].format(colour=attributes.backdrop_colour),
    ]
    return ", ".join(part for part in parts if part)


def _article(words: str) -> str:
    """'an auburn bob', 'wearing an orange hoodie'."""
    for vowel in "aeiou":
        words = words.replace(f" a {vowel}", f" an {vowel}")
        if words.startswith(f"a {vowel}"):
            words = "an" + words[1:]
    return words
