"""What the mouth looks like in each sound of American English, as controls of the open face.

Symbols are espeak-ng's mnemonics. Knows nothing about time.
"""

from dataclasses import dataclass, field

from imagineid_core.errors import InputError

# Parts of the mouth that move together, and the controls that move them. `tuck` is the lower lip
# under the upper teeth, the negative side of lower_lip_forward.
PARTS: dict[str, tuple[str, ...]] = {
    "jaw": ("jaw_open",),
    "lips": ("stretch", "upper_lip_raise", "lower_lip_down", "tuck"),
    "round": ("pucker", "funnel"),
    "tongue": ("tongue_up", "tongue_out"),
}
_PAUSES = ("_", "_:", "_|", "_!", "_^_")
# Share of the sound, from its start, in which the lips touch: a p's second half is its breath,
# and a b is released before it ends (measured on espeak's envelopes).
_CONTACT = {"p": 0.50, "b": 0.68, "m": 0.95, "m-": 0.95}


@dataclass(frozen=True, kw_only=True)
class MouthShape:
    """Where a sound draws the mouth (`place`, controls not named at 0) and how strongly."""

    place: dict[str, float]
    strength: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 1.0))
    is_vowel: bool = False


def mouth_shapes(symbol: str) -> tuple[MouthShape, ...]:
    """The places a sound passes through: one, or several for a diphthong."""
    for spelling in (symbol, symbol.rstrip("0123456789#-"), symbol.rstrip("0123456789#-:")):
        if spelling in _SOUNDS:
            return _SOUNDS[spelling]
    raise InputError(
        f"phoneme '{symbol}' is not one of American English's. "
        f"Known are: {' '.join(_SOUNDS)}, and pauses: {' '.join(_PAUSES)}."
    )


def is_pause(symbol: str) -> bool:
    return symbol in _PAUSES


def is_closure(symbol: str) -> bool:
    """Whether the lips shut."""
    return symbol in _CONTACT


def contact_share(symbol: str) -> float:
    """The part of a closure, from its start, in which the lips touch."""
    return _CONTACT[symbol]


def _vowel(jaw: float, **place: float) -> MouthShape:
    return MouthShape(place={"jaw_open": jaw, **place}, is_vowel=True)


def _consonant(
    *, jaw: float, lips: float, rounding: float, tongue: float = 1.0, **place: float
) -> MouthShape:
    """`jaw` ... `tongue` are strengths: how little this sound lets its neighbours decide."""
    strength = {"jaw": jaw, "lips": lips, "round": rounding, "tongue": tongue}
    return MouthShape(place=place, strength=strength)


_TRAP = _vowel(0.44, stretch=0.25, lower_lip_down=0.12)
_FATHER = _vowel(0.50)
_STRUT = _vowel(0.33)
_DRESS = _vowel(0.33, stretch=0.30, lower_lip_down=0.10)
_KIT = _vowel(0.18, stretch=0.32, lower_lip_down=0.12)
_FLEECE = _vowel(0.14, stretch=0.62, lower_lip_down=0.15)
_SCHWA = _vowel(0.19)
_WEAK = _vowel(0.22)
_NURSE = _vowel(0.18, pucker=0.32, funnel=0.15)
_THOUGHT = _vowel(0.36, pucker=0.35, funnel=0.25)
_GOAT = _vowel(0.26, pucker=0.55, funnel=0.15)
_FOOT = _vowel(0.19, pucker=0.60, funnel=0.10)
_GOOSE = _vowel(0.13, pucker=0.88, funnel=0.12)

_TIP = _consonant(jaw=0.45, lips=0.25, rounding=0.08, jaw_open=0.12, tongue_up=0.75)
_BACK = _consonant(jaw=0.20, lips=0.15, rounding=0.08, tongue=0.5, jaw_open=0.16)
_BREATH = _consonant(jaw=0.03, lips=0.03, rounding=0.03, tongue=0.2, jaw_open=0.18)
_LIPS = _consonant(jaw=0.8, lips=0.3, rounding=0.10, tongue=0.2, jaw_open=0.10)
_TEETH = _consonant(
    jaw=3.0, lips=3.0, rounding=0.30, tongue=0.2, jaw_open=0.05, tuck=0.85, upper_lip_raise=0.22
)
_HISS = _consonant(
    jaw=3.0, lips=1.0, rounding=0.30,
    jaw_open=0.05, stretch=0.25, upper_lip_raise=0.10, lower_lip_down=0.20, tongue_up=0.5,
)  # fmt: skip
_HUSH = _consonant(
    jaw=3.0, lips=1.0, rounding=1.6, jaw_open=0.07, funnel=0.70, pucker=0.30, tongue_up=0.3
)
_THIN = _consonant(
    jaw=0.9, lips=0.6, rounding=0.30, jaw_open=0.12, lower_lip_down=0.12, tongue_out=0.8
)
_LATERAL = _consonant(jaw=0.45, lips=0.25, rounding=0.10, jaw_open=0.20, tongue_up=0.95)
_RHOTIC = _consonant(jaw=0.5, lips=0.5, rounding=0.90, jaw_open=0.13, pucker=0.45, funnel=0.25)
_GLIDE_W = _consonant(jaw=0.9, lips=0.8, rounding=2.0, tongue=0.3, jaw_open=0.07, pucker=0.98)
_GLIDE_J = _consonant(jaw=0.6, lips=0.7, rounding=0.40, jaw_open=0.12, stretch=0.45)

_SOUNDS: dict[str, tuple[MouthShape, ...]] = {
    # vowels
    "a": (_TRAP,), "aa": (_TRAP,), "A:": (_FATHER,), "A": (_FATHER,), "0": (_FATHER,),
    "V": (_STRUT,), "E": (_DRESS,), "I": (_KIT,), "i": (_FLEECE,), "i:": (_FLEECE,),
    "@": (_SCHWA,), "a#": (_WEAK,), "I#": (_KIT,), "3": (_NURSE,), "3:": (_NURSE,),
    "O:": (_THOUGHT,), "O": (_THOUGHT,), "o": (_GOAT,), "U": (_FOOT,), "u": (_GOOSE,),
    "u:": (_GOOSE,),
    # diphthongs and vowels before r and l
    "eI": (_DRESS, _KIT), "e": (_DRESS,), "aI": (_FATHER, _KIT), "aU": (_FATHER, _FOOT),
    "OI": (_THOUGHT, _KIT), "oU": (_GOAT, _FOOT), "i@": (_FLEECE, _SCHWA),
    "i@3": (_FLEECE, _NURSE), "e@": (_DRESS, _NURSE), "U@": (_FOOT, _NURSE),
    "A@": (_FATHER, _NURSE), "O@": (_THOUGHT, _NURSE), "o@": (_THOUGHT, _NURSE),
    "aI@": (_FATHER, _KIT, _SCHWA), "aI3": (_FATHER, _KIT, _NURSE), "aU@": (_FATHER, _FOOT, _SCHWA),
    "@L": (_SCHWA, _LATERAL), "@l": (_SCHWA, _LATERAL), "@m": (_SCHWA, _LIPS),
    "@n": (_SCHWA, _TIP),
    # consonants
    "p": (_LIPS,), "b": (_LIPS,), "m": (_LIPS,), "f": (_TEETH,), "v": (_TEETH,),
    "T": (_THIN,), "D": (_THIN,), "t": (_TIP,), "d": (_TIP,), "n": (_TIP,),
    "s": (_HISS,), "z": (_HISS,), "S": (_HUSH,), "Z": (_HUSH,), "tS": (_HUSH,), "dZ": (_HUSH,),
    "k": (_BACK,), "g": (_BACK,), "N": (_BACK,), "x": (_BACK,), "h": (_BREATH,), "?": (_BREATH,),
    "l": (_LATERAL,), "r": (_RHOTIC,), "w": (_GLIDE_W,), "j": (_GLIDE_J,), ";": (_GLIDE_J,),
}  # fmt: skip
