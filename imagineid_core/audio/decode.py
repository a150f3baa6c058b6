"""Any file PyAV opens to float chunks at its own rate and channels, in bounded memory.

Knows nothing about 16 kHz, mono, frames or networks. Damaged files are refused, not mended.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float

from imagineid_core.errors import InputError

_WITHOUT_DURATION = {"aac", "ac3", "eac3", "dts"}  # formats; FFmpeg guesses from size and bit rate
_MISSING_SECONDS = 0.1  # containers round their durations to a codec frame; more than this is loss

Chunk = Float[np.ndarray, "channels samples"]
Progress = Callable[[float, float | None], None]  # seconds done, seconds in all if known


@dataclass(frozen=True, kw_only=True)
class SoundTrack:
    """What the file says about its first sound track, before anything is decoded."""

    path: Path
    codec: str
    sample_rate: int
    num_channels: int
    declared_seconds: float | None
    is_guessed: (
        bool  # the file declares no length; `declared_seconds` follows from its first frames
    )
    ends_with_padding: bool


def probe_sound(path: str | PathLike[str]) -> SoundTrack:
    """Read the headers; an error here names what the file is instead of a sound."""
    path = Path(path)
    with _opened(path) as container:
        return _describe(path, container)


def decode_sound(
    path: str | PathLike[str],
    *,
    allow_damaged: bool = False,
    on_progress: Progress | None = None,
) -> Iterator[Chunk]:
    """Chunks of float32, nominally in [-1, 1], channel by channel, until the sound ends.

    A packet that cannot be decoded, or an end well before the declared one, is an error unless
    `allow_damaged`: then the part that is there is used.
    """
    path = Path(path)
    with _opened(path) as container:
        track = _describe(path, container)
        num_decoded, limit = 0, _limit(track)
        for chunk in _chunks(container, track, allow_damaged):
            kept = chunk if limit is None else chunk[:, : max(0, limit - num_decoded)]
            num_decoded += kept.shape[1]
            if kept.shape[1]:
                yield kept
            if on_progress is not None:
                on_progress(num_decoded / track.sample_rate, track.declared_seconds)
    _check_length(track, num_decoded, allow_damaged)


def _opened(path: Path):
    import av
    from av.error import FFmpegError

    if not path.exists():
        raise InputError(f"Sound file {path} does not exist. Check the path.")
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a sound file. Give one file.")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty (0 bytes). Export or copy the file again.")
    try:
        # Absolute, as FFmpeg takes the 'a' of a file named 'a:b.wav' for a protocol.
        return av.open(str(path.absolute()), metadata_errors="replace")
    except (FFmpegError, OSError) as error:
        raise InputError(
            f"{path.name} cannot be read as sound or video ({_reason(error)}). "
            "Use wav, mp3, flac, ogg, m4a, mp4 or mkv; a file cut short has to be exported again."
        ) from error


def _describe(path: Path, container) -> SoundTrack:
    if not container.streams.audio:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no streams"
        raise InputError(
            f"{path.name} has no sound track (it holds: {kinds}). Give a file with sound."
        )
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or not context.sample_rate or not context.channels:
        raise InputError(
            f"{path.name} has a sound track of unknown rate, channels or codec. "
            "Convert it to wav, flac or mp3 first."
        )
    if stream.duration is not None:
        declared = float(stream.duration * stream.time_base)
    else:
        declared = container.duration / 1_000_000 if container.duration else None
    return SoundTrack(
        path=path,
        codec=context.name,
        sample_rate=context.sample_rate,
        num_channels=context.channels,
        declared_seconds=declared,
        is_guessed=_is_guessed(container.format.name, stream.start_time),
        ends_with_padding="mp4" in container.format.name,
    )


def _is_guessed(format_name: str, start_time: int | None) -> bool:
    """An mp3's header of lengths holds the encoder's delay too, so a start at 0 means no header."""
    return format_name in _WITHOUT_DURATION or (format_name == "mp3" and not start_time)


def _chunks(container, track: SoundTrack, allow_damaged: bool) -> Iterator[Chunk]:
    import av
    from av.error import FFmpegError

    stream = container.streams.audio[0]
    resampler = None
    seconds = 0.0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            return
        except FFmpegError as error:
            if allow_damaged:
                continue
            raise InputError(
                f"{track.path.name} is damaged at {seconds:.2f} s ({_reason(error)}). "
                "Export it again, or set allow_damaged to use the rest."
            ) from error
        for frame in frames:
            if resampler is None:  # 'flt' is interleaved: planar frames lose channels above eight
                resampler = av.AudioResampler(
                    format="flt", layout=frame.layout, rate=frame.sample_rate
                )
            try:
                converted = resampler.resample(frame)
            except ValueError as error:
                raise InputError(
                    f"{track.path.name} changes its rate or channels at {seconds:.2f} s. "
                    "Convert it to one rate and channel count first."
                ) from error
            for plain in converted:
                seconds += plain.samples / track.sample_rate
                yield plain.to_ndarray().reshape(-1, track.num_channels).T


def _limit(track: SoundTrack) -> int | None:
    """MP4 declares its exact end; what the decoder gives beyond it is the encoder's padding."""
    if not track.ends_with_padding or track.declared_seconds is None:
        return None
    return round(track.declared_seconds * track.sample_rate)


def _check_length(track: SoundTrack, num_decoded: int, allow_damaged: bool) -> None:
    seconds = num_decoded / track.sample_rate
    declared = track.declared_seconds or 0.0
    if num_decoded == 0:
        raise InputError(f"{track.path.name} holds no sound samples. Give a longer recording.")
    if not (allow_damaged or track.is_guessed) and seconds < declared * 0.99 - _MISSING_SECONDS:
        raise InputError(
            f"{track.path.name} ends early: it declares {declared:.2f} s and holds {seconds:.2f}. "
            "It was cut off; copy or export it again, or set allow_damaged to use what is there."
        )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
