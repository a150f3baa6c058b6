"""What a synthetic person looks like and wears, drawn from a seed.

Every attribute is visible and is named by what is seen: hair, glasses, cloth, colours. Nothing is
said or inferred about who a person is. Knows nothing about meshes or pixels.
"""

from dataclasses import dataclass

import numpy as np

from imagineid_core.errors import InputError

Colour = tuple[float, float, float]

HAIR_COLOURS: dict[str, Colour] = {
    "black": (0.065, 0.055, 0.055),
    "dark brown": (0.17, 0.105, 0.075),
    "brown": (0.31, 0.19, 0.115),
    "auburn": (0.40, 0.16, 0.085),
    "ginger": (0.66, 0.32, 0.12),
    "blonde": (0.80, 0.62, 0.34),
    "grey": (0.55, 0.55, 0.56),
    "white": (0.88, 0.87, 0.85),
}
HAIR_STYLES = (
    "bald", "buzz cut", "short", "side part", "quiff", "short curly", "afro", "bob",
    "bob with bangs", "long straight", "long wavy", "bun", "ponytail",
)  # fmt: skip
BEARDS = ("none", "stubble", "moustache", "goatee", "short beard", "full beard")
GLASSES = ("none", "round", "square")
GARMENTS = ("t-shirt", "sweater", "turtleneck", "shirt", "hoodie", "v-neck")
BACKDROPS = ("plain", "gradient", "stripes", "circles", "bokeh")
COLOURS: dict[str, Colour] = {
    "red": (0.72, 0.14, 0.13),
    "orange": (0.88, 0.45, 0.12),
    "yellow": (0.93, 0.79, 0.22),
    "green": (0.18, 0.52, 0.25),
    "teal": (0.10, 0.52, 0.53),
    "blue": (0.16, 0.33, 0.74),
    "navy": (0.09, 0.12, 0.30),
    "purple": (0.43, 0.20, 0.58),
    "pink": (0.90, 0.52, 0.62),
    "brown": (0.40, 0.25, 0.15),
    "beige": (0.80, 0.71, 0.57),
    "white": (0.91, 0.91, 0.90),
    "grey": (0.52, 0.53, 0.55),
    "black": (0.08, 0.08, 0.09),
}
# Amounts of the texture directions iris_blue, iris_green, iris_light.
EYE_COLOURS: dict[str, tuple[float, float, float]] = {
    "dark brown": (-2.4, -0.3, -1.7),
    "brown": (-2.2, 0.0, -0.7),
    "hazel": (-1.3, 1.3, 0.2),
    "green": (0.0, 2.3, 0.2),
    "blue": (1.9, -0.2, 0.4),
    "grey": (0.5, -0.3, 0.9),
}
# Upper ends of the skin_tone amounts that each word covers; the range itself is continuous.
SKIN_WORDS = ((-1.5, "dark brown"), (-0.6, "brown"), (0.3, "tan"), (1.2, "light"), (9.9, "fair"))
SKIN_RANGE = (-2.3, 2.1)


@dataclass(frozen=True, kw_only=True)
class PortraitAttributes:
    """All that dresses a head. Colours are RGB in [0, 1]; `seed` draws the small irregularities."""

    seed: int
    hair_style: str
    hair_colour: str
    hair_rgb: Colour
    beard: str
    glasses: str
    glasses_colour: str
    garment: str
    garment_colour: str
    garment_rgb: Colour
    garment_striped: bool
    backdrop: str
    backdrop_colour: str
    backdrop_rgb: Colour
    skin_tone: float  # amount of the texture direction: negative darker, positive lighter
    eye_colour: str
    eye_amounts: tuple[float, float, float]  # of iris_blue, iris_green, iris_light


def draw_attributes(seed: int) -> PortraitAttributes:
    """A person's looks; the same seed always draws the same. Attributes are independent."""
    if seed < 0:
        raise InputError(f"seed is {seed}, but a draw needs 0 or more. Use a natural number.")
    draw = np.random.default_rng([seed, 1])
    hair_colour = _choose(draw, HAIR_COLOURS, (0.17, 0.18, 0.16, 0.09, 0.10, 0.14, 0.10, 0.06))
    garment_colour = _choose(draw, COLOURS)
    backdrop_colour = _choose(draw, COLOURS)
    eye_colour = _choose(draw, EYE_COLOURS)
    iris = np.array(EYE_COLOURS[eye_colour]) + draw.normal(0, 0.18, 3)
    style = _choose(draw, HAIR_STYLES)
    return PortraitAttributes(
        seed=seed,
        hair_style=style,
        hair_colour=hair_colour,
        hair_rgb=_varied(draw, HAIR_COLOURS[hair_colour], 0.10),
        beard=_choose(draw, BEARDS, (0.52, 0.10, 0.08, 0.08, 0.11, 0.11)),
        glasses=_choose(draw, GLASSES, (0.74, 0.13, 0.13)),
        glasses_colour=_choose(draw, ("black", "brown", "red", "blue"), (0.55, 0.2, 0.12, 0.13)),
        garment=_choose(draw, GARMENTS),
        garment_colour=garment_colour,
        garment_rgb=_varied(draw, COLOURS[garment_colour], 0.06),
        garment_striped=bool(draw.random() < 0.2),
        backdrop=_choose(draw, BACKDROPS, (0.34, 0.22, 0.16, 0.13, 0.15)),
        backdrop_colour=backdrop_colour,
        backdrop_rgb=_varied(draw, COLOURS[backdrop_colour], 0.06),
        skin_tone=float(draw.uniform(*SKIN_RANGE)),
        eye_colour=eye_colour,
        eye_amounts=tuple(np.clip(iris, -2.5, 2.5).tolist()),
    )


def skin_word(skin_tone: float) -> str:
    return next(word for upper_end, word in SKIN_WORDS if skin_tone <= upper_end)


def _choose(draw: np.random.Generator, among, weights: tuple | None = None) -> str:  # noqa: ANN001
    names = list(among)
    return names[int(draw.choice(len(names), p=weights))]


def _varied(draw: np.random.Generator, colour: Colour, amount: float) -> Colour:
    """A little lighter or darker, and a little off in hue."""
    factor = 1 + amount * draw.uniform(-1, 1) + 0.3 * amount * draw.uniform(-1, 1, 3)
    red, green, blue = np.clip(np.array(colour) * factor, 0.02, 0.97).tolist()
    return red, green, blue
