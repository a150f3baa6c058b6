"""How fast and how lean PAD hears: paper size, random weights, decoding included.

Each length runs in a process of its own, so its peak memory is its own.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHORT, LONG = 60, 600  # seconds of sound
_RATE = 44_100
_REPEATS = {SHORT: 3, LONG: 1}


def bench_pad(
    threads: int | None = None, on_progress: Callable[[str, int, int], None] | None = None
) -> dict[str, Any]:
    """`realtime_factor` at 60 s; time per second and peak memory at 600 s relative to 60 s."""
    threads = threads or os.cpu_count() or 1
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        for done, seconds in enumerate((SHORT, LONG)):
            if on_progress is not None:
                on_progress(f"{seconds} s of sound", done, 2)
            runs[seconds] = _run_child(Path(folder), seconds, threads)
    short, long = (statistics.median(runs[seconds]["took"]) for seconds in (SHORT, LONG))
    return {
        "bench": "pad",
        "realtime_factor": round(SHORT / short, 2),
        "realtime_factor_600": round(LONG / long, 2),
        "linearity_600_60": round((long / LONG) / (short / SHORT), 3),
        "memory_600_60": round(runs[LONG]["peak_mb"] / runs[SHORT]["peak_mb"], 3),
        "peak_mb_60": runs[SHORT]["peak_mb"],
        "peak_mb_600": runs[LONG]["peak_mb"],
        "took_60_s": runs[SHORT]["took"],
        "took_600_s": runs[LONG]["took"],
        "threads": threads,
        "parameters": runs[SHORT]["parameters"],
        "weights": "random",
    }


def _run_child(folder: Path, seconds: int, threads: int) -> dict[str, Any]:
    sound = folder / f"{seconds}.wav"
    _write_sound(sound, seconds)
    command = [sys.executable, "-m", __name__, str(sound), str(_REPEATS[seconds]), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"bench pad failed at {seconds} s:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _write_sound(path: Path, seconds: int) -> None:
    """Stereo chirps at 44.1 kHz, a second at a time."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        one_second = array("h")
        for sample in range(_RATE):
            moment = sample / _RATE
            level = 9_000 * math.sin(2 * math.pi * (120 + 400 * moment) * moment)
            one_second.extend((int(level), int(level / 2)))
        for _ in range(seconds):
            file.writeframes(one_second.tobytes())


def _child(sound: str, repeats: int, threads: int) -> dict[str, Any]:
    import torch

    from imagineid_core.audio.features import mel_windows
    from imagineid_core.audio.waveform import load_speech, speech_from_waveform
    from imagineid_core.listen.pad import build_pad, listen
    from imagineid_core.listen.transformer import ListenConfig

    torch.set_num_threads(threads)
    pad = build_pad(ListenConfig(), seed=0)
    listen(pad, mel_windows(speech_from_waveform(torch.rand(1, 80_000), 16_000)))  # warm up
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        listen(pad, mel_windows(load_speech(sound)))
        took.append(round(time.perf_counter() - began, 3))
    nets = (pad.identity, pad.content, pad.emotion)
    return {
        "took": took,
        "peak_mb": round(peak_bytes() / 2**20, 1),
        "parameters": sum(p.numel() for net in nets for p in net.parameters()),
    }


def peak_bytes() -> int:
    """High-water mark of this process; getrusage would inherit the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


if __name__ == "__main__":
    print(json.dumps(_child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
