"""The order of the stages: a voice becomes a performance, the performance a face (Fig. 2).

Networks hear at the paper's 25 fps; other frame rates are interpolated from that. Knows which stage
comes after which, and nothing about how any of them works.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.features import MelWindows, mel_windows
from imagineid_core.audio.timeline import middle_of
from imagineid_core.audio.waveform import speech_at
from imagineid_core.errors import InputError
from imagineid_core.face.lighting import default_lighting
from imagineid_core.listen.pad import Heard, Pad, listen
from imagineid_core.motion.blink import AT_REST, BlinkConfig, blink_curve, blinks_at
from imagineid_core.motion.head_pose import PoseVAE, head_motion
from imagineid_core.motion.keyframes import interpolate
from imagineid_core.motion.smooth import savitzky_golay
from imagineid_core.motion.track import cut, retime, still_track
from imagineid_core.values import (
    PAPER_FPS,
    FaceBasis,
    FaceCoefficients,
    MotionTrack,
    Performance,
    Speech,
)

_LOG = logging.getLogger(__name__)
_ADULT = blinks_at(AT_REST)
Progress = Callable[[str, int, int], None]  # stage, frames done, frames in all


def perform(
    speech: Speech,
    pad: Pad,
    *,
    seed: int,
    motion: MotionTrack | None = None,
    head: PoseVAE | None = None,
    pose_style: int = 0,
    style_seconds: float | None = None,
    on_progress: Progress | None = None,
) -> Performance:
    """Listen with PAD. Without a `motion` the head blinks at random by `seed` and moves with the
    voice if there is a `head` that was trained on this PAD's l-bar; else it is still.
    """
    heard = listen(
        pad,
        hear_windows(speech),
        style_frames=style_frames(style_seconds),
        on_progress=on_progress,
    )
    return perform_heard(speech, heard, seed=seed, motion=motion, head=head, pose_style=pose_style)


def perform_heard(
    speech: Speech,
    heard: Heard,
    *,
    seed: int,
    motion: MotionTrack | None = None,
    head: PoseVAE | None = None,
    pose_style: int = 0,
    blinks: BlinkConfig = _ADULT,
) -> Performance:
    """What `perform` does behind the networks: what was heard may come of several voices.

    The content is that of `speech`.
    """
    heard_at = speech_at(speech, PAPER_FPS)
    linguistic = heard.content.linguistic[0]
    if len(linguistic) != heard_at.num_frames:
        raise InputError(
            f"the content has {len(linguistic)} frames but the voice {heard_at.num_frames}. "
            "Give the voice whose content it is."
        )
    own = still_and_blinking(heard_at, seed, blinks)
    if head is not None and motion is None:
        own = replace(own, pose=_moving(head, linguistic, pose_style, seed))
    return _timed(
        Performance(
            shape=heard.identity.shape[0],
            semantics=heard.identity.semantics[0],
            style=heard.emotion.style[0],
            lip_expression=heard.content.lip_expression[0],
            expression=heard.emotion.expression[0],
            motion=own,
        ),
        speech,
        motion,
    )


def hear_windows(speech: Speech) -> MelWindows:
    """The windows of a voice at 25 fps, for any listener."""
    return mel_windows(speech_at(speech, PAPER_FPS))


def performance_from(
    speech: Speech,
    expression: Float[Tensor, "frames expression"],
    motion: MotionTrack,
    *,
    drawn: MotionTrack | None = None,
) -> Performance:
    """What another listener heard at 25 fps (SadTalker's, say): no identity, no parts."""
    heard = Performance(
        shape=None,
        semantics=None,
        style=None,
        lip_expression=None,
        expression=expression,
        motion=motion,
    )
    return _timed(heard, speech, drawn)


def still_and_blinking(speech: Speech, seed: int, blinks: BlinkConfig = _ADULT) -> MotionTrack:
    """A head that looks into the camera and blinks now and then."""
    generator = torch.Generator().manual_seed(seed)
    blink = blink_curve(speech.num_frames, speech.fps, generator, blinks)
    return replace(still_track(speech.num_frames, speech.fps), blink=blink)


def _moving(
    head: PoseVAE, linguistic: Float[Tensor, "frames linguistic"], style: int, seed: int
) -> Float[Tensor, "frames pose"]:
    generator = torch.Generator().manual_seed(seed)
    pose = head_motion(head, linguistic.float(), style=style, generator=generator)
    return savitzky_golay(pose)


def coefficients_from(
    performance: Performance, basis: FaceBasis, frames: slice
) -> FaceCoefficients:
    """Some frames of a performance on a face: no identity heard means the mean face.

    The blink track closes the eyes of a face that can blink by itself; one whose blinks are in its
    expression, as BFM's, has them there already.
    """
    expression = performance.expression[frames]
    pose, blink = performance.motion.pose[frames], performance.motion.blink[frames]
    if basis.blink_expression is not None:
        if expression.shape[-1] != len(basis.blink_expression):
            raise InputError(
                f"expression has {expression.shape[-1]} coefficients but face basis "
                f"'{basis.name}' has {len(basis.blink_expression)}. Use the face model the "
                "coefficients were made for."
            )
        expression = expression + blink[:, None] * basis.blink_expression
    count = len(expression)
    shape = performance.shape
    if shape is None:
        shape = expression.new_zeros(basis.shape_basis.shape[-1])
    return FaceCoefficients(
        shape=shape.expand(count, -1),
        expression=expression,
        texture=expression.new_zeros(count, basis.texture_basis.shape[-1]),
        lighting=default_lighting(count),
        pose=pose,
    )


def style_frames(seconds: float | None) -> int | None:
    """How many of the networks' frames a style follows; None is one style for the clip."""
    if seconds is None:
        return None
    if not 0 < seconds < float("inf"):
        raise InputError(
            f"style_seconds is {seconds:g} but must be a positive number of seconds. "
            "Leave it out for one style in the whole clip."
        )
    return max(1, round(seconds * PAPER_FPS))


def _timed(performance: Performance, speech: Speech, motion: MotionTrack | None) -> Performance:
    """Every track at the speech's own frame rate and length; a given `motion` replaces the own."""
    own = performance.motion if motion is None else motion
    lip = performance.lip_expression
    return replace(
        performance,
        expression=_at(performance.expression, speech.fps, speech.num_frames),
        lip_expression=None if lip is None else _at(lip, speech.fps, speech.num_frames),
        motion=_motion_at(own, speech, given=motion is not None),
    )


def _at(
    values: Float[Tensor, "frames dim"], fps: Fraction, num_frames: int
) -> Float[Tensor, "timed dim"]:
    """What was heard belongs to the middle of its frame, at any frame rate."""
    if fps == PAPER_FPS and len(values) == num_frames:
        return values
    return interpolate(
        [float(middle_of(frame, PAPER_FPS)) for frame in range(len(values))],
        values,
        [float(middle_of(frame, fps)) for frame in range(num_frames)],
    )


def _motion_at(motion: MotionTrack, speech: Speech, *, given: bool) -> MotionTrack:
    timed = retime(motion, speech.fps)
    if given and len(timed.pose) > speech.num_frames + 1:
        _LOG.warning(
            "the motion track lasts %.2f s but the voice %.2f s; its end is left out",
            float(len(timed.pose) / timed.fps),
            float(speech.num_frames / speech.fps),
        )
    missing = speech.num_frames - len(timed.pose)
    if missing > 0:
        if given and missing > 1:
            raise InputError(
                f"the motion track lasts {float(len(timed.pose) / timed.fps):.2f} s but the voice "
                f"{float(speech.num_frames / speech.fps):.2f} s. Stretch the track or draw more."
            )
        timed = replace(
            timed,
            pose=torch.cat([timed.pose, timed.pose[-1:].expand(missing, -1)]),
            blink=torch.cat([timed.blink, timed.blink[-1:].expand(missing)]),
        )
    return cut(timed, 0, speech.num_frames)
