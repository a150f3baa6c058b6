"""Edits of a motion track: move, scale, smooth, mix, cut, retime, join; every edit a new value.

Frame i stands at i / fps seconds, so nothing drifts over an hour. Knows nothing about where a track
comes from, nor about files.
"""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.motion.keyframes import interpolate
from imagineid_core.motion.smooth import ORDER, WINDOW, savitzky_golay
from imagineid_core.values import MotionTrack


def still_track(
    num_frames: int, fps: Fraction, *, pose: Float[Tensor, " pose"] | None = None
) -> MotionTrack:
    """A head that does not move, eyes open; `pose` is zero (facing the camera) if not given."""
    if num_frames < 0:
        raise InputError(f"num_frames is {num_frames} but cannot be negative. Give 0 or more.")
    _check_fps(fps)
    pose = torch.zeros(6) if pose is None else _checked_pose(pose)
    return MotionTrack(
        pose=pose.expand(num_frames, 6).clone(), blink=pose.new_zeros(num_frames), fps=fps
    )


def offset(
    track: MotionTrack, *, pose: Float[Tensor, " pose"] | None = None, blink: float = 0.0
) -> MotionTrack:
    """Turn and move the whole track by `pose` (radians, dm) and close the eyes by `blink` more.

    Blink saturates: an eye is never more open than 0 nor more closed than 1.
    """
    change = track.pose.new_zeros(6) if pose is None else _checked_pose(pose).to(track.pose)
    return _with(track, pose=track.pose + change, blink=(track.blink + blink).clamp(0, 1))


def scale(
    track: MotionTrack,
    *,
    rotation: float = 1.0,
    translation: float = 1.0,
    blink: float = 1.0,
    about: Float[Tensor, " pose"] | None = None,
) -> MotionTrack:
    """More or less motion about a rest pose: about + factor * (pose - about).

    `about` is the first frame if not given; zeros scale about the camera axis. Blink is scaled
    about open eyes and saturates at 1.
    """
    if len(track.pose) == 0:
        return track
    centre = track.pose[0] if about is None else _checked_pose(about).to(track.pose)
    factors = track.pose.new_tensor([rotation] * 3 + [translation] * 3)
    return _with(
        track,
        pose=centre + factors * (track.pose - centre),
        blink=(track.blink * blink).clamp(0, 1),
    )


def smooth(track: MotionTrack, *, window: int = WINDOW, order: int = ORDER) -> MotionTrack:
    """Savitzky-Golay over the pose. Blink stays: a window that calms a head flattens a blink."""
    return _with(track, pose=savitzky_golay(track.pose, window=window, order=order))


def add(track: MotionTrack, change: MotionTrack) -> MotionTrack:
    """Turn and move each frame by that of `change`; an eye is as closed as either says."""
    _check_match(track, change)
    return _with(
        track,
        pose=track.pose + change.pose.to(track.pose),
        blink=torch.maximum(track.blink, change.blink.to(track.blink)),
    )


def mix(a: MotionTrack, b: MotionTrack, weight: float | Float[Tensor, " frames"]) -> MotionTrack:
    """(1 - weight) * a + weight * b, one weight for the clip or one a frame."""
    _check_match(a, b)
    weights = torch.as_tensor(weight).to(a.pose)
    if weights.ndim > 1 or weights.ndim == 1 and len(weights) != len(a.pose):
        raise InputError(
            f"weight is {tuple(weights.shape)} but the tracks have {len(a.pose)} frames. "
            "Give one number, or one a frame."
        )
    if not bool(((weights >= 0) & (weights <= 1)).all()):
        raise InputError(
            f"weight runs from {float(weights.min()):g} to {float(weights.max()):g} but must lie "
            "between 0 (only a) and 1 (only b). To exaggerate a motion, scale it."
        )
    weights = weights.expand(len(a.pose))
    return _with(
        a,
        pose=torch.lerp(a.pose, b.pose.to(a.pose), weights[:, None]),
        blink=torch.lerp(a.blink, b.blink.to(a.blink), weights),
    )


def cut(track: MotionTrack, start: int, stop: int) -> MotionTrack:
    """Frames start ... stop - 1."""
    num_frames = len(track.pose)
    if not 0 <= start <= stop <= num_frames:
        raise InputError(
            f"cut runs from frame {start} to {stop} but the track has {num_frames} frames. "
            f"Give 0 <= start <= stop <= {num_frames}."
        )
    return _with(track, pose=track.pose[start:stop].clone(), blink=track.blink[start:stop].clone())


def retime(track: MotionTrack, fps: Fraction) -> MotionTrack:
    """The same motion at another frame rate: every event keeps its second.

    The length is round(seconds * fps), an exact half rounded down, as everywhere in this library.
    """
    _check_fps(fps)
    if fps == track.fps or len(track.pose) == 0:
        return dataclasses.replace(track, fps=fps)
    num_frames = ceil(len(track.pose) / track.fps * fps - Fraction(1, 2))
    step = track.fps / fps
    return _resampled(track, [frame * step for frame in range(num_frames)], fps)


def stretch(track: MotionTrack, num_frames: int) -> MotionTrack:
    """The same motion slower or faster, first frame to first and last to last."""
    old = len(track.pose)
    if num_frames < 0 or (old == 0) != (num_frames == 0):
        raise InputError(
            f"num_frames is {num_frames} and the track has {old} frames, so there is nothing to "
            "stretch. Give a track and a length of at least one frame."
        )
    if num_frames == old:
        return track
    step = Fraction(old - 1, max(num_frames - 1, 1))
    return _resampled(track, [frame * step for frame in range(num_frames)], track.fps)


def concatenate(tracks: Sequence[MotionTrack]) -> MotionTrack:
    """One track after the other; the seam is as sharp as the tracks leave it."""
    if not tracks:
        raise InputError("tracks is empty, so there is nothing to join. Give at least one track.")
    rates = [track.fps for track in tracks]
    if len(set(rates)) > 1:
        raise InputError(
            f"the tracks run at {', '.join(map(str, rates))} fps and cannot be joined. "
            "Retime them to one frame rate first."
        )
    first = tracks[0]
    return _with(
        first,
        pose=torch.cat([track.pose.to(first.pose) for track in tracks]),
        blink=torch.cat([track.blink.to(first.blink) for track in tracks]),
    )


def _with(track: MotionTrack, **changes: Tensor) -> MotionTrack:
    return dataclasses.replace(track, **changes)


def _resampled(track: MotionTrack, places: list[Fraction], fps: Fraction) -> MotionTrack:
    """`places`: fractional frame numbers of `track`; the last frame holds after the end."""
    at = [float(place) for place in places]
    values = torch.cat([track.pose, track.blink[:, None]], dim=1)
    values = interpolate([float(i) for i in range(len(values))], values, at)
    return MotionTrack(pose=values[:, :6], blink=values[:, 6], fps=fps)


def _check_match(a: MotionTrack, b: MotionTrack) -> None:
    if len(a.pose) != len(b.pose) or a.fps != b.fps:
        raise InputError(
            f"the tracks do not match: a has {len(a.pose)} frames at {a.fps} fps, b has "
            f"{len(b.pose)} frames at {b.fps} fps. Retime one, then cut or stretch it."
        )


def _check_fps(fps: Fraction) -> None:
    if fps <= 0:
        raise InputError(f"fps is {fps} but must be positive. The paper uses 25.")


def _checked_pose(pose: Tensor) -> Tensor:
    if pose.shape != (6,) or not bool(pose.isfinite().all()):
        raise InputError(
            f"pose is {pose.tolist()} but must be six finite numbers. "
            "Give rotation x, y, z in radians, then translation x, y, z in dm."
        )
    return pose.float()
