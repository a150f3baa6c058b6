"""The one clock: samples, mel steps and video frames by absolute index (Sec. 4.1: 25 fps, 16 kHz).

Exact arithmetic on fractions, so nothing accumulates over an hour. Knows no sound and no picture.
"""

from fractions import Fraction
from math import ceil, trunc

from imagineid_core.errors import InputError

MIN_FPS, MAX_FPS = 10, 60
MEL_STEPS_PER_SECOND = 80  # 16 kHz, hop 200
WINDOW_STEPS = 16  # 0.2 s of mel for each video frame

_HALF_WINDOW = Fraction(WINDOW_STEPS, 2 * MEL_STEPS_PER_SECOND)  # seconds

FrameRate = int | float | str | Fraction


def as_fps(fps: FrameRate) -> Fraction:
    """A frame rate as an exact fraction: 25, 29.97, '30000/1001'.

    Decimals, as floats or as text, snap to NTSC's x/1001; a text of two integers is taken as it is.
    """
    try:
        exact = Fraction(fps)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise InputError(
            f"fps is {fps!r}, which is not a number. Use {MIN_FPS} to {MAX_FPS}; the paper uses 25."
        ) from error
    if isinstance(fps, float) or (isinstance(fps, str) and "/" not in fps):
        exact = _snapped(exact)
    if not MIN_FPS <= exact <= MAX_FPS:
        raise InputError(
            f"fps is {fps} but must lie in {MIN_FPS} ... {MAX_FPS}. The paper uses 25."
        )
    return exact


def count_frames(num_samples: int, sample_rate: int, fps: Fraction) -> int:
    """Video frames for a sound: round(seconds * fps), at most half a frame off.

    An exact half rounds down: the sound is trimmed rather than silence invented.
    """
    return ceil(Fraction(num_samples) * fps / sample_rate - Fraction(1, 2))


def first_sample(frame: int, sample_rate: int, fps: Fraction) -> int:
    """The sample at which a frame begins; that of frame `num_frames` is where the clip ends."""
    return round(frame * Fraction(sample_rate) / fps)


def middle_of(frame: int, fps: Fraction) -> Fraction:
    """The time in seconds at the middle of a frame."""
    return (frame + Fraction(1, 2)) / fps


def window_starts(num_frames: int, fps: Fraction) -> list[int]:
    """First mel step of each frame's window."""
    return [window_start(frame, fps) for frame in range(num_frames)]


def window_start(frame: int, fps: Fraction) -> int:
    """The window is centred on the middle of the frame.

    At 25 fps this is SadTalker's int(80 * (i - 2) / 25). Starts may be negative: the reader clamps
    steps before and after the clip.
    """
    return trunc((middle_of(frame, fps) - _HALF_WINDOW) * MEL_STEPS_PER_SECOND)


def wav2lip_window_starts(num_steps: int, fps: Fraction) -> list[int]:
    """Wav2Lip's own rule: windows begin at int(80 * i / fps); the last one ends with the sound.

    Kept for networks trained on Wav2Lip's windows; ours are centred (decisions.md).
    """
    starts = []
    frame = 0
    while (start := trunc(frame * MEL_STEPS_PER_SECOND / fps)) + WINDOW_STEPS <= num_steps:
        starts.append(start)
        frame += 1
    return [*starts, num_steps - WINDOW_STEPS]


def _snapped(exact: Fraction) -> Fraction:
    ntsc = Fraction(round(exact * 1001 / 1000) * 1000, 1001)
    if abs(exact - ntsc) < Fraction(1, 200):
        whole = Fraction(round(exact))
        return whole if abs(exact - whole) < abs(exact - ntsc) else ntsc
    return exact.limit_denominator(1001)
