"""Sound files of every kind the tests need, written with PyAV; nothing binary is committed."""

from pathlib import Path

import av
import numpy as np

AAC, FLAC, MP3, OPUS, PCM, FLOAT = "aac", "flac", "libmp3lame", "libopus", "pcm_s16le", "pcm_f32le"


def tone(seconds: float, rate: int, num_channels: int = 1, hertz: float = 220.0) -> np.ndarray:
    """[channels, samples]; each channel 50 Hz above the one before, amplitude 0.3."""
    time = np.arange(round(seconds * rate)) / rate
    return np.stack(
        [0.3 * np.sin(2 * np.pi * (hertz + 50 * k) * time) for k in range(num_channels)]
    ).astype(np.float32)


def write_sound(
    path: Path,
    sound: np.ndarray,
    rate: int,
    codec: str = PCM,
    layout: str | None = None,
    with_video: bool = False,
) -> Path:
    """Encode [channels, samples] into the container that the file's ending names."""
    layout = layout or {1: "mono", 2: "stereo", 8: "7.1"}[len(sound)]
    with av.open(str(path), "w") as container:
        video = _video_stream(container) if with_video else None
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if codec in (AAC, MP3, OPUS):
            stream.bit_rate = 192_000
        interleaved = np.ascontiguousarray(sound.T, dtype=np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
        for part in [*resampler.resample(frame), None]:
            container.mux(stream.encode(part))
        if video is not None:
            _write_pictures(container, video)
    return path


def write_video_without_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        _write_pictures(container, _video_stream(container))
    return path


def _video_stream(container):
    stream = container.add_stream("mpeg4", rate=25)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    return stream


def _write_pictures(container, stream) -> None:
    for index in range(5):
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        picture.pts = index
        container.mux(stream.encode(picture))
    container.mux(stream.encode(None))
