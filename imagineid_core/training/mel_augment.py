"""Other microphones, told in mel: gain, a smooth tone control and steady noise.

In decibels gain adds and a tone curve adds; noise adds in power. Knows nothing about windows; time
does not move.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_DB = 2 * 4.0 / 100  # one decibel on the mel's scale of [-4, 4] for 100 dB
_GAIN, _TONE, _NOISE = 6.0, 4.0, (-45.0, -15.0)  # dB; noise below the loudest band
_TONE_KNOTS = 5
_UNCHANGED = 0.5  # of the windows stay as they are: clean sound is what will mostly be heard


def augment_mel(
    mel: Float[Tensor, "mels steps"], random: np.random.Generator
) -> Float[Tensor, "mels steps"]:
    """Half of the time another recording of the same sound; deterministic in the generator."""
    if random.random() < _UNCHANGED:
        return mel
    num_mels = mel.shape[0]
    curve = np.interp(
        np.linspace(0, _TONE_KNOTS - 1, num_mels),
        np.arange(_TONE_KNOTS),
        random.normal(0, _TONE, _TONE_KNOTS),
    )
    curve = torch.from_numpy(curve + random.uniform(-_GAIN, _GAIN)).to(mel)
    heard = mel + _DB * curve[:, None]
    floor = float(heard.max()) + _DB * random.uniform(*_NOISE)
    grain = torch.from_numpy(random.normal(0, 3 * _DB, tuple(mel.shape))).to(mel)
    # Two sounds in one band: their powers add, 10 log10(10^(a/10) + 10^(b/10)).
    nepers = np.log(10) / 10 / _DB
    both = torch.logaddexp(heard * nepers, (floor + grain) * nepers) / nepers
    return both.clamp(-4, 4)
