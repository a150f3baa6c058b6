"""The rule that gives a voice its head: alpha from a speaker's parameters (Sec. 3.1, Eq. 2).

The rule is invented: physics suggests parts of it (a long vocal tract needs a long face), the rest
is a fixed smooth map, so that a network can learn every coefficient from the voice. It says nothing
about people. Knows nothing about sound.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.talker.voices import Speaker, place_of
from imagineid_core.face.open_face import shape_directions

LIMIT = 2.5  # of every coefficient, approached smoothly
_SPREAD = 0.95
_WAVES = 48
_SEED = 20240324
# How much each measure of a voice can be heard, so how much of the head may hang on it.
_AUDIBLE = {
    "pitch": 1.0, "pitch_span": 0.4, "tract": 1.3, "first_formant": 0.5, "second_formant": 0.5,
    "third_formant": 0.4, "brightness": 0.6, "bandwidth": 0.4, "breath": 0.5, "roughness": 0.4,
    "consonants": 0.3, "tempo": 0.3,
}  # fmt: skip
# Standard deviations of a measure of the head for one step of the voice from middle to highest.
_NAMED: dict[str, dict[str, float]] = {
    "face_length": {"tract": -1.7}, "neck_width": {"tract": -0.9, "pitch": -1.1},
    "head_depth": {"tract": -1.3}, "jaw_width": {"tract": -0.8, "pitch": -0.9},
    "chin_length": {"tract": -1.0, "pitch": -0.6}, "nose_length": {"tract": -1.2},
    "brow_ridge": {"pitch": -1.5}, "chin_forward": {"pitch": -0.9},
    "forehead_height": {"pitch": 1.1}, "eye_size": {"pitch": 1.0, "tract": 0.6},
    "mouth_width": {"first_formant": 1.4}, "mouth_height": {"first_formant": 0.8},
    "mouth_forward": {"second_formant": -1.4}, "jaw_taper": {"second_formant": 1.0},
    "upper_lip_fullness": {"third_formant": -1.4}, "lower_lip_fullness": {"third_formant": -1.1},
    "cheekbone_width": {"brightness": 1.4}, "nose_projection": {"brightness": 0.9},
    "nose_width": {"bandwidth": 1.4}, "cheek_fullness": {"breath": 1.3},
    "nasolabial_depth": {"roughness": 1.4}, "brow_height": {"pitch_span": 1.2},
}  # fmt: skip


def shape_of(speaker: Speaker) -> Float[Tensor, " shape=80"]:
    """alpha, every coefficient within +-2.5.

    The named measures are lines in the voice's parameters; to them is added, for every direction
    of the face, a sum of sine waves across the space of voices, none shorter than the space.
    """
    names = shape_directions().names
    place = 2 * place_of(speaker) - 1  # every measure of the voice as -1 ... 1
    amounts = _waves(place, len(names))
    order = list(_AUDIBLE)
    for name, slopes in _NAMED.items():
        line = sum(slope * place[order.index(measure)] for measure, slope in slopes.items())
        amounts[names.index(name)] = 0.5 * amounts[names.index(name)] + line
    coefficients = _SPREAD * (shape_directions().from_named @ amounts)
    return torch.from_numpy(LIMIT * np.tanh(coefficients / LIMIT)).float()


def _waves(place: np.ndarray, num_directions: int) -> np.ndarray:
    heard = place * np.array(list(_AUDIBLE.values()))
    directions, phases, mixing = _fixed_map(num_directions)
    return mixing @ np.sin(directions @ heard + phases)


@lru_cache(maxsize=1)
def _fixed_map(num_directions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(_SEED)
    directions = draw.normal(size=(_WAVES, len(_AUDIBLE)))
    phases = draw.uniform(-0.6, 0.6, size=_WAVES)
    mixing = draw.normal(size=(num_directions, _WAVES)) * np.sqrt(2 / _WAVES)
    return directions, phases, mixing
