"""Little films with sound for studies; nothing binary is committed."""

from pathlib import Path

import av
import numpy as np

from tests.sounds import tone

RATE, FPS = 48_000, 25


def write_clip(
    path: Path,
    *,
    size: int = 64,
    num_frames: int = 10,
    video: str = "libx264",
    colours: str = "yuv420p",
    sound: str | None = "aac",
    says: dict[str, str] | None = None,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The index first, as the web likes it, so that a cut file still opens.
    options = {"movflags": "use_metadata_tags+faststart"} if path.suffix == ".mp4" else {}
    noise = np.random.default_rng(0)
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(says or {})
        pictures = container.add_stream(video, rate=FPS)
        pictures.width = pictures.height = size
        pictures.pix_fmt = colours
        heard = container.add_stream(sound, rate=RATE, layout="mono") if sound else None
        if heard is not None and says:
            heard.metadata.update({"handler_name": says["title"], "title": says["title"]})
        for index in range(num_frames):
            pixels = noise.integers(0, 255, (size, size, 3), np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts = index
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        if heard is not None:
            voice = tone(num_frames / FPS, RATE)
            frame = av.AudioFrame.from_ndarray(voice, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            resampler = av.AudioResampler(heard.format.name, "mono", heard.codec_context.rate)
            for part in [*resampler.resample(frame), None]:
                container.mux(heard.encode(part))
    return path


def write_methods(folder: Path, methods: tuple[str, ...], clips: tuple[str, ...]) -> list[Path]:
    """A folder of clips for each method."""
    for method in methods:
        for clip in clips:
            write_clip(folder / method / f"{clip}.mp4", says={"title": f"by {method}"})
    return [folder / method for method in methods]
