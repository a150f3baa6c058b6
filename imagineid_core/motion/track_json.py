"""A motion track as JSON for people and their tools: degrees and dm outside, radians inside.

    {"format": "imagineid-motion", "version": 1, "fps": "25", "num_frames": 50,
     "frames":    {"pitch_degrees": [50 numbers], "yaw_degrees": [...], ..., "blink": [...]}}
or   "keyframes": [{"time_seconds": 0, "yaw_degrees": -10}, {"time_seconds": 1.5, "blink": 1}, ...]

`fps` is a fraction as text ("30000/1001"). Pitch, yaw and roll turn about x, y (up) and z: positive
pitch looks down, positive yaw looks to the viewer's right, positive roll leans counter-clockwise as
the viewer sees it. A keyframe names the channels it sets; the others go on between their own keys.
Knows nothing about where the file lies in ComfyUI, nor about what draws the keyframes.
"""

import json
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError
from imagineid_core.motion.keyframes import interpolate
from imagineid_core.values import MotionTrack

FORMAT = "imagineid-motion"
VERSION = 1
CHANNELS = (
    "pitch_degrees",
    "yaw_degrees",
    "roll_degrees",
    "x_dm",
    "y_dm",
    "z_dm",
    "blink",  # 0 open ... 1 closed
)
TIME = "time_seconds"
_MOST_FRAMES = 10_000_000  # two days at 60 fps; a slip of the keyboard would fill the memory
_LARGEST = 1e9  # degrees or dm; float32 holds it, and no head is there
_SLOWEST, _FASTEST = 1, 1000  # fps
_TO_INSIDE = (math.pi / 180,) * 3 + (1.0,) * 4


def to_json(track: MotionTrack) -> str:
    """Every frame; nine digits, so reading it back gives the same float32 values."""
    rows = torch.cat([track.pose, track.blink[:, None]], dim=1).detach().cpu().double()
    if not bool(rows.isfinite().all()):
        bad = int((~rows.isfinite()).any(dim=1).nonzero()[0])
        raise InputError(
            f"the track has a value that is not a finite number in frame {bad}: "
            f"{rows[bad].tolist()}. Find the stage that made it; JSON cannot hold it."
        )
    rows = rows / torch.tensor(_TO_INSIDE, dtype=torch.float64)
    columns = {
        name: [float(f"{value:.9g}") for value in rows[:, i].tolist()]
        for i, name in enumerate(CHANNELS)
    }
    document = {
        "format": FORMAT,
        "version": VERSION,
        "fps": str(track.fps),
        "num_frames": len(track.pose),
        "frames": columns,
    }
    return json.dumps(document, indent=1)


def from_json(text: str) -> MotionTrack:
    """Read either form; anything unknown, missing or not finite is an error that names it."""
    document = _object(_parsed(text), "the document")
    _check_header(document)
    body = {"frames", "keyframes"} & set(document)
    if len(body) != 1:
        raise InputError(
            f"the motion JSON has {' and '.join(sorted(body)) or 'neither frames nor keyframes'}. "
            "Give either 'frames' or 'keyframes'."
        )
    _refuse_unknown(document, {"format", "version", "fps", "num_frames", *body}, "motion JSON")
    fps = _fps(document.get("fps"))
    num_frames = document.get("num_frames")
    if type(num_frames) is not int or not 0 <= num_frames <= _MOST_FRAMES:
        raise InputError(
            f"num_frames is {num_frames!r} in the motion JSON. "
            f"Give a whole number, 0 to {_MOST_FRAMES}."
        )
    if "keyframes" in body:
        keys = document["keyframes"]
        if not isinstance(keys, list):
            raise InputError(f"'keyframes' is {str(keys)[:60]} but must be a list. Give [...].")
        keys = [_object(key, f"keyframe {index}") for index, key in enumerate(keys)]
        return track_from_keyframes(keys, num_frames, fps)
    return _track_from_frames(document["frames"], num_frames, fps)


def track_from_keyframes(
    keyframes: Sequence[Mapping[str, Any]], num_frames: int, fps: Fraction
) -> MotionTrack:
    """A smooth track through sparse keys; a channel that no key names stays at zero.

    `keyframes`: {"time_seconds": ..., and any of CHANNELS}, in rising time. A channel rests before
    its first and after its last key; keys after the end of the track shape what leads to them.
    """
    keys = [_keyframe(key, index) for index, key in enumerate(keyframes)]
    times = [key[TIME] for key in keys]
    for index in range(1, len(times)):
        if times[index] <= times[index - 1]:
            raise InputError(
                f"keyframe {index} is at {times[index]:g} s, not after keyframe {index - 1} at "
                f"{times[index - 1]:g} s. Sort the keyframes and leave one at each time."
            )
    at = [float(frame / fps) for frame in range(num_frames)]
    rows = torch.zeros(num_frames, len(CHANNELS), dtype=torch.float64)
    for column, name in enumerate(CHANNELS):
        keyed = [(key[TIME], key[name]) for key in keys if name in key]
        if keyed:
            # At rest before the first key and after the last, so the head eases out and in.
            keyed = [(keyed[0][0] - 1, keyed[0][1]), *keyed, (keyed[-1][0] + 1, keyed[-1][1])]
            values = torch.tensor([[value] for _, value in keyed], dtype=torch.float64)
            rows[:, column] = interpolate([time for time, _ in keyed], values, at)[:, 0]
    return _track(rows, fps)


def save_track(path: str | Path, track: MotionTrack) -> None:
    """Write the JSON; an existing file is replaced whole or not at all."""
    write_whole(Path(path), to_json(track).encode("utf-8"))


def load_track(path: str | Path) -> MotionTrack:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # with or without Windows' mark
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"motion track {path} cannot be read ({error}). Give a JSON file in UTF-8."
        ) from error
    return from_json(text)


def _track_from_frames(frames: Any, num_frames: int, fps: Fraction) -> MotionTrack:
    columns = _object(frames, "'frames'")
    _refuse_unknown(columns, set(CHANNELS), "'frames'")
    if missing := [name for name in CHANNELS if name not in columns]:
        raise InputError(
            f"'frames' lacks {', '.join(missing)}. Give every channel, one value a frame; "
            "to set a few only, use 'keyframes'."
        )
    rows = torch.zeros(num_frames, len(CHANNELS), dtype=torch.float64)
    for column, name in enumerate(CHANNELS):
        values = columns[name]
        if not isinstance(values, list) or len(values) != num_frames:
            size = f"{len(values)} values" if isinstance(values, list) else f"{str(values)[:60]}"
            raise InputError(
                f"'{name}' has {size} but num_frames is {num_frames}. Give one value a frame."
            )
        numbers = [_number(v, name, f"frame {i}") for i, v in enumerate(values)]
        rows[:, column] = torch.tensor(numbers, dtype=torch.float64)
    return _track(rows, fps)


def _track(rows: Float[Tensor, "frames channels=7"], fps: Fraction) -> MotionTrack:
    inside = (rows * torch.tensor(_TO_INSIDE, dtype=torch.float64)).float()
    return MotionTrack(pose=inside[:, :6].contiguous(), blink=inside[:, 6].contiguous(), fps=fps)


def _keyframe(key: Mapping[str, Any], index: int) -> dict[str, float]:
    place = f"keyframe {index}"
    _refuse_unknown(key, {TIME, *CHANNELS}, place)
    if TIME not in key:
        raise InputError(f"{place} has no '{TIME}': {str(key)[:80]}. Give its time in seconds.")
    numbers = {name: _number(value, name, place) for name, value in key.items()}
    if numbers[TIME] < 0:
        raise InputError(
            f"{place} is at {numbers[TIME]:g} s, before the clip begins. Use 0 or later."
        )
    return numbers


def _number(value: Any, name: str, place: str) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and abs(value) <= _LARGEST):  # NaN fails this too
        raise InputError(
            f"'{name}' is {value!r:.60} in {place}. Give a finite number within +-{_LARGEST:g}."
        )
    if name == "blink" and not 0 <= value <= 1:
        raise InputError(f"'blink' is {value!r} in {place}. Give 0 (open) to 1 (closed).")
    return float(value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of 5000 digits
        raise InputError(
            f"the motion track is not JSON: {error}. See motion/track_json.py for the two forms."
        ) from error


def _check_header(document: Mapping[str, Any]) -> None:
    if document.get("format") != FORMAT:
        raise InputError(
            f"'format' is {document.get('format')!r} but a motion track says '{FORMAT}'. "
            "Give a file saved as a motion track."
        )
    if document.get("version") != VERSION:
        raise InputError(
            f"'version' is {document.get('version')!r} but this code reads {VERSION}. "
            "Update ComfyUI-ImagineID, or save the track again."
        )


def _fps(value: Any) -> Fraction:
    try:
        fps = Fraction(value) if type(value) in (str, int) else None
    except (ValueError, ZeroDivisionError):
        fps = None
    if fps is None or not _SLOWEST <= fps <= _FASTEST:
        raise InputError(
            f"'fps' is {value!r} in the motion JSON. Give a fraction as text, {_SLOWEST} to "
            f"{_FASTEST}, for example '25' or '30000/1001'."
        )
    return fps


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(
            f"{place} is {str(value)[:60]} but must be an object. Give {{name: value}}."
        )
    return dict(value)


def _refuse_unknown(given: Mapping[str, Any], known: set[str], place: str) -> None:
    if unknown := sorted(set(given) - known):
        raise InputError(
            f"{place} has unknown {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
        )
