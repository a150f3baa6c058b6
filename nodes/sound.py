"""Audio Loader: a voice from a file of the input folder, or trimmed from a wire.

Knows nothing about listening.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import folder_paths
import numpy as np
import torch
from comfy_api.latest import io
from torch import Tensor

from imagineid_core.audio.decode import decode_sound, probe_sound
from imagineid_core.errors import InputError

from .convert import audio_from, one_waveform
from .model_files import state_of
from .schema import ImagineNode, gives, node_schema, refusal, takes

SAMPLE = "sample: hello.wav"
_SAMPLE_FILE = Path(__file__).parents[1] / "samples" / "hello.wav"


class AudioLoader(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "AudioLoader",
            "Audio Loader",
            "listen",
            "Load a voice from any sound or video file, or trim one that is connected.",
            inputs=[
                takes(  # without audio_upload: web/js/voice_upload.js brings it, with its player
                    io.Combo,
                    "audio",
                    "A sound or video file of the input folder; "
                    f"'{SAMPLE}' is a synthetic voice that comes with this pack.",
                    options=[SAMPLE, *_input_files()],
                    default=SAMPLE,
                ),
                takes(
                    io.Float,
                    "start_seconds",
                    "Where to begin, in seconds from the start of the sound.",
                    default=0.0,
                    min=0.0,
                    max=1e6,
                    step=0.04,
                ),
                takes(
                    io.Float,
                    "seconds",
                    "How much to use, in seconds; 0: all there is.",
                    default=0.0,
                    min=0.0,
                    max=1e6,
                    step=0.04,
                ),
                takes(
                    io.Boolean,
                    "allow_damaged",
                    "Use what can be decoded of a damaged file, instead of refusing it.",
                    default=False,
                ),
                takes(
                    io.Audio,
                    "sound",
                    "A sound from another node, such as Load Audio; used instead of the file "
                    "when connected.",
                    optional=True,
                ),
            ],
            outputs=[
                gives(
                    io.Audio,
                    "voice",
                    "The sound at its own rate and channels; PAD nodes hear it mono at 16 kHz.",
                    display_name="audio",
                )
            ],
        )

    @classmethod
    def validate_inputs(
        cls,
        audio: str = SAMPLE,
        sound: Any = None,
        input_types: Mapping[str, Any] | None = None,
    ) -> bool | str:
        is_connected = "sound" in (input_types or {})
        return refusal(cls, input_types, lambda: is_connected or probe_sound(_file(audio)))

    @classmethod
    def fingerprint_inputs(cls, audio: str = SAMPLE, **others: Any) -> Any:
        return state_of(_file(audio))

    @classmethod
    def execute(
        cls,
        audio: str,
        start_seconds: float,
        seconds: float,
        allow_damaged: bool,
        sound: Any = None,
    ) -> io.NodeOutput:
        if sound is None:
            until = start_seconds + seconds if seconds else None
            waveform, rate = _decoded(_file(audio), until, allow_damaged)
        else:
            waveform, rate = one_waveform(sound), int(sound["sample_rate"])
        return io.NodeOutput(audio_from(_trimmed(waveform, rate, start_seconds, seconds), rate))


NODES = (AudioLoader,)


def _input_files() -> list[str]:
    folder = Path(folder_paths.get_input_directory())
    files = [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    return sorted(folder_paths.filter_files_content_types(files, ["audio", "video"]))


def _file(audio: str) -> Path:
    return _SAMPLE_FILE if audio == SAMPLE else Path(folder_paths.get_annotated_filepath(audio))


def _decoded(path: Path, until: float | None, allow_damaged: bool) -> tuple[Tensor, int]:
    """[channels, samples] at the file's own rate, not much further than `until` seconds."""
    rate = probe_sound(path).sample_rate
    chunks, num_samples = [], 0
    for chunk in decode_sound(path, allow_damaged=allow_damaged):
        chunks.append(chunk)
        num_samples += chunk.shape[1]
        if until is not None and num_samples >= until * rate:
            break
    return torch.from_numpy(np.concatenate(chunks, axis=1)), rate


def _trimmed(waveform: Tensor, rate: int, start: float, seconds: float) -> Tensor:
    first = round(start * rate)
    if first >= waveform.shape[1]:
        raise InputError(
            f"start_seconds is {start:g} but the sound lasts {waveform.shape[1] / rate:.2f} s. "
            "Start earlier."
        )
    last = first + round(seconds * rate) if seconds else waveform.shape[1]
    return waveform[:, first:last]
