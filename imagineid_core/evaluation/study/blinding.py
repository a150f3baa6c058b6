"""A clip as a rater's browser gets it: playable there, and nothing in the file says who made it.

Films carry more than pictures: ComfyUI writes its whole workflow into them, others their name.
Pictures and sound are copied as they were encoded, with their times; all else is left behind.
Knows nothing about studies.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from imagineid_core.errors import InputError

SAYS = "A clip of a user study. The face in it may be made by a computer."
PICTURES = {"h264", "vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9"}
SOUNDS = {"aac", "mp3", "mp3float", "opus", "libopus", "vorbis", "libvorbis"}
COLOURS = {"yuv420p", "yuvj420p"}  # of H.264 in others, Firefox and Safari show nothing
_ROUNDED_SECONDS = 0.1  # the last packets may not say how long they are


@dataclass(frozen=True, kw_only=True)
class ClipFile:
    """What of a clip a rater may notice besides what it shows."""

    width: int
    height: int
    fps: Fraction
    seconds: float
    ending: str


def inspect_clip(path: Path) -> ClipFile:
    """Refuse what browsers do not play, and what has no sound to judge the lips by."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            _refuse_unplayable(path, container)
            video = container.streams.video[0]
            length = container.duration or 0
            return ClipFile(
                width=video.codec_context.width,
                height=video.codec_context.height,
                fps=video.average_rate or Fraction(0),
                seconds=length / av.time_base,
                ending=path.suffix.lower(),
            )
    except FFmpegError as error:
        raise _unreadable(path, error) from error


def copy_blinded(path: Path, to: Path) -> None:
    """Not a frame is encoded again; a file that ends before it says is refused."""
    import av
    from av.error import FFmpegError

    options = {"movflags": "+faststart"} if to.suffix == ".mp4" else {}
    try:
        with av.open(str(path)) as source, av.open(str(to), "w", options=options) as copy:
            copy.metadata["comment"] = SAYS
            kept = [source.streams.video[0], source.streams.audio[0]]
            copies = {stream.index: _copied(copy, stream) for stream in kept}
            reached = 0.0
            for packet in source.demux(kept):
                if not packet.size:  # the end
                    continue
                if packet.is_corrupt:
                    raise _unreadable(path, "it ends in the middle of a picture or sound")
                ends = ((packet.pts or 0) + (packet.duration or 0)) * (packet.time_base or 0)
                reached = max(reached, float(ends))
                packet.stream = copies[packet.stream.index]
                copy.mux(packet)
            promised = ((source.start_time or 0) + (source.duration or 0)) / av.time_base
    except FFmpegError as error:
        raise _unreadable(path, error) from error
    if reached < promised - _ROUNDED_SECONDS:
        raise _unreadable(path, f"it ends after {reached:.2f} of its {promised:.2f} s")


def _copied(copy: Any, stream: Any) -> Any:
    if hasattr(copy, "add_stream_from_template"):  # from PyAV 14 on
        made = copy.add_stream_from_template(stream)
    else:
        made = copy.add_stream(template=stream)
    made.metadata.clear()
    return made


def _refuse_unplayable(path: Path, container: Any) -> None:
    again = f"Encode it again: {_encoded_again(path)}"
    if not container.streams.video:
        raise InputError(f"{path} has no pictures. Give a film of a talking face.")
    if not container.streams.audio:
        raise InputError(
            f"{path} has no sound, and raters judge lips and emotion by it. Add the voice: "
            f"ffmpeg -i {path.name} -i VOICE.wav -c:v copy -c:a aac -shortest NEW.mp4"
        )
    video = container.streams.video[0].codec_context
    audio = container.streams.audio[0].codec_context
    if video.name not in PICTURES:
        raise InputError(f"the pictures of {path} are {video.name}: browsers play none. {again}")
    if audio.name not in SOUNDS:
        raise InputError(
            f"the sound of {path} is {audio.name}: not every browser plays it. {again}"
        )
    if video.pix_fmt is None:
        raise _unreadable(path, "no picture of it can be decoded")
    if video.pix_fmt not in COLOURS:
        raise InputError(f"{path} holds {video.pix_fmt}: not every browser shows it. {again}")


def _encoded_again(path: Path) -> str:
    return f"ffmpeg -i {path.name} -c:v libx264 -crf 18 -pix_fmt yuv420p -c:a aac NEW.mp4"


def _unreadable(path: Path, reason: object) -> InputError:
    return InputError(
        f"{path} is not readable as a video ({reason}). It may be cut off, or no video: make it "
        "again."
    )
