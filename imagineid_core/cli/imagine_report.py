"""What `imagineid imagine --report` tells: settings, time, calls of every network, weights."""

import argparse
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagineid_core.imagine.adapters import Adapters
    from imagineid_core.imagine.config import ImagineConfig
    from imagineid_core.imagine.resume import ImaginedFrame
    from imagineid_core.imagine.stable_diffusion import StableDiffusion
    from imagineid_core.pipeline.imagined_film import Film


class Watch:
    """Keeps the time, the last frame, and what the last ordinary coherent frame called."""

    def __init__(self, calls: Counter[str], config: "ImagineConfig") -> None:
        self.calls, self.config = calls, config
        self.last: ImaginedFrame | None = None
        self.calls_a_frame: dict[str, int] = {}
        self._before = calls.copy()
        self._begun = time.perf_counter()

    def on_frame(self, done: "ImaginedFrame") -> None:
        # The first two frames also make what the clip keeps; a group's first encodes its meshes.
        if done.index >= 2 and done.index % self.config.meshes_ahead and self.last is not None:
            self.calls_a_frame = {
                name: count - self._before[name] for name, count in self.calls.items()
            }
        self.last, self._before = done, self.calls.copy()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begun


def imagine_report(
    options: argparse.Namespace,
    *,
    config: "ImagineConfig",
    film: "Film",
    out: Path,
    place: Path,
    model: "StableDiffusion",
    adapters: "Adapters",
    watch: Watch,
    seconds_before: float,
) -> dict[str, Any]:
    from imagineid_core.assets.suite import weight_hashes
    from imagineid_core.imagine.adapters import find_adapters
    from imagineid_core.imagine.textual_inversion import with_own_words

    words = adapters.textual.config.prompt if adapters.textual else model.recommended.prompt
    hashes = weight_hashes(place)
    if options.adapters:
        for path in find_adapters(options.adapters).values():
            hashes.update(weight_hashes(path))
    return {
        "sound": options.file,
        "film": str(out),
        "seed": config.seed,
        "prompt": with_own_words(words, options.prompt),
        "model": options.model or "the shipped demonstration model",
        "adapters_missing": list(adapters.missing),
        "settings": asdict(config),
        "num_frames": film.num_frames,
        "is_whole": film.is_whole,
        "seconds_to_load_and_listen": round(seconds_before, 3),
        "seconds": round(watch.seconds, 3),
        "seconds_a_frame": round(watch.seconds / max(1, film.num_made), 3),
        "calls": dict(watch.calls),
        "calls_a_coherent_frame": watch.calls_a_frame,
        "weights_sha256": hashes,
    }
