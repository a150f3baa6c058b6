"""Does memory grow with a film's length? Peak of a short and a long one, each in its own process.

Few denoising steps: what a frame leaves behind does not depend on them. Knows nothing about what
the frames show.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from imagineid_core.errors import InputError

SHORT, LONG = 50, 250  # frames
_STEPS = 1


def film_memory(
    model: Path, adapters: Path | None, *, lengths: Sequence[int] = (SHORT, LONG)
) -> dict[int, float]:
    """Peak megabytes by number of frames."""
    return {length: _peak_of_child(model, adapters, length) for length in lengths}


def _peak_of_child(model: Path, adapters: Path | None, num_frames: int) -> float:
    command = [sys.executable, "-m", __name__, str(model), str(adapters or ""), str(num_frames)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(
            f"the film of {num_frames} frames for measuring memory failed: "
            f"{(done.stderr.strip().splitlines() or ['no message'])[-1]}. Check that "
            "'imagineid imagine' works with this model."
        )
    return float(json.loads(done.stdout.splitlines()[-1])["peak_mb"])


def _film(model_folder: str, adapters_folder: str, num_frames: int) -> float:
    """A voice of silence, a mouth that opens and shuts; the file is thrown away."""
    import torch

    from imagineid_core.bench.pad import peak_bytes
    from imagineid_core.face.load import load_face
    from imagineid_core.face.open_face import expression_from_controls
    from imagineid_core.imagine.adapters import Adapters, host_for, load_adapters
    from imagineid_core.imagine.config import ImagineConfig
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
    from imagineid_core.motion.track import still_track
    from imagineid_core.pipeline.imagined_film import MeshPictures, film_imagined
    from imagineid_core.values import PAPER_FPS, SAMPLE_RATE, Performance, Speech

    torch.set_num_threads(1)
    model = load_stable_diffusion(model_folder)
    adapters = load_adapters(adapters_folder, model) if adapters_folder else Adapters()
    moments = torch.arange(num_frames)
    jaw = 0.3 - 0.3 * torch.cos(moments * (2 * math.pi / 9))
    words = adapters.textual
    performance = Performance(
        shape=None,
        semantics=None if words is None else torch.zeros(words.config.identity_dim),
        style=None if words is None else torch.zeros(1, words.config.emotion_dim),
        lip_expression=None,
        expression=expression_from_controls({"jaw_open": jaw}),
        motion=still_track(num_frames, PAPER_FPS),
    )
    samples = int(num_frames / PAPER_FPS * SAMPLE_RATE)
    speech = Speech(waveform=torch.zeros(samples), fps=PAPER_FPS, num_frames=num_frames)
    size = int(model.unet.config.sample_size) * 2 ** (len(model.vae.config.block_out_channels) - 1)
    host = host_for(model, adapters, semantics=performance.semantics, style=performance.style)
    config = ImagineConfig(num_steps=_STEPS, first_guidance=1.0)
    with tempfile.TemporaryDirectory(prefix="film-") as folder:
        film_imagined(
            MeshPictures(performance, load_face(), size=size),
            speech,
            host,
            config,
            Path(folder) / "film.mp4",
        )
    return peak_bytes() / 2**20


if __name__ == "__main__":
    peak = _film(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    sys.stdout.write(json.dumps({"peak_mb": peak}) + "\n")
