"""The keyframes that Head Motion's timeline holds, as text, to a track and strengths of emotion.

    {"v": 1, "keys": [{"t": 0.5, "yaw": 10, "pitch": 0, "roll": 0, "blink": 1, "emotion": 1.5}]}

`t` in seconds, angles in degrees, blink 0 open to 1 closed, emotion 1 as heard; a key names what it
sets, the rest goes on between its own keys. Knows nothing about what draws them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.motion.keyframes import interpolate
from imagineid_core.motion.track_json import TIME, track_from_keyframes
from imagineid_core.values import MotionTrack

VERSION = 1
EMPTY = '{"v":1,"keys":[]}'
STRONGEST = 3.0  # of emotion; beyond it no face holds together
_CHANNELS = {
    "yaw": "yaw_degrees",
    "pitch": "pitch_degrees",
    "roll": "roll_degrees",
    "blink": "blink",
}
_EMOTION = "emotion"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What was drawn: a change of the head's own track, and a factor of the emotion's strength."""

    change: MotionTrack
    emotion: Tensor  # one a frame


def drawn(text: str, num_frames: int, fps: Fraction) -> Drawn:
    """The keys at every frame; no keys change nothing."""
    keys = _keys(text)
    turns = [
        {TIME: key["t"], **{_CHANNELS[name]: key[name] for name in _CHANNELS if name in key}}
        for key in keys
    ]
    felt = [(key["t"], key[_EMOTION]) for key in keys if _EMOTION in key]
    strengths = torch.ones(num_frames)
    if felt:
        values = torch.tensor([[float(value)] for _, value in felt])
        at = [float(frame / fps) for frame in range(num_frames)]
        strengths = interpolate([time for time, _ in felt], values, at)[:, 0]
    return Drawn(change=track_from_keyframes(turns, num_frames, fps), emotion=strengths)


def check_keyframes(text: str) -> None:
    """Refuse what `drawn` would refuse, whatever the length of the clip."""
    drawn(text, 1, Fraction(25))


def _keys(text: str) -> list[Mapping[str, Any]]:
    if not text.strip():
        return []
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"keyframes are not JSON ({error}): {text[:60]}. Draw them on the timeline, or clear "
            "the field."
        ) from error
    if not isinstance(held, dict) or held.get("v") != VERSION or not _is_list(held.get("keys")):
        raise InputError(
            f"keyframes are {text[:60]} but must look like {EMPTY}. Draw them on the timeline, or "
            "clear the field."
        )
    keys = held["keys"]
    for index, key in enumerate(keys):
        _check_key(key, index)
    return sorted(keys, key=lambda key: key["t"])


def _is_list(keys: Any) -> bool:
    return isinstance(keys, list) and all(isinstance(key, dict) for key in keys)


def _check_key(key: Mapping[str, Any], index: int) -> None:
    known = {"t", _EMOTION, *_CHANNELS}
    if unknown := sorted(set(key) - known):
        raise InputError(
            f"keyframe {index} has unknown {', '.join(unknown)}. "
            f"Known are {', '.join(sorted(known))}."
        )
    if "t" not in key:
        raise InputError(f"keyframe {index} has no time 't'. Give it in seconds.")
    for name, value in key.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (is_number and abs(value) < float("inf")):
            raise InputError(
                f"'{name}' of keyframe {index} is {value!r:.60}. Give a finite number."
            )
    if not 0 <= key.get(_EMOTION, 1) <= STRONGEST:
        raise InputError(
            f"'emotion' of keyframe {index} is {key[_EMOTION]:g}. "
            f"Give 0 (none) to {STRONGEST:g}; 1 is as heard."
        )
