"""ComfyUI's layouts to the core's and back: the only place that knows both.

IMAGE is [batch, height, width, channels] in [0, 1], the core's is [batch, 3, height, width] in
[-1, 1]; MASK has no channel axis, the core's has one; AUDIO has any rate and channels, the core's
speech is mono at 16 kHz. Knows nothing about nodes.
"""

from collections.abc import Mapping
from fractions import Fraction
from os import PathLike
from typing import Any

from torch import Tensor

from imagineid_core.audio.waveform import speech_from_waveform
from imagineid_core.errors import InputError
from imagineid_core.values import PAPER_FPS, SAMPLE_RATE, Speech

Audio = Mapping[str, Any]  # waveform [batch, channels, samples], sample_rate


def speech_from_audio(audio: Audio, fps: Fraction | float = PAPER_FPS) -> Speech:
    """One AUDIO as the networks hear it."""
    waveform = one_waveform(audio)
    return speech_from_waveform(waveform, int(audio["sample_rate"]), fps)


def one_waveform(audio: Audio) -> Tensor:
    """[channels, samples] of an AUDIO that holds one sound."""
    waveform = audio.get("waveform") if isinstance(audio, Mapping) else None
    if not isinstance(waveform, Tensor) or waveform.ndim != 3 or "sample_rate" not in audio:
        raise InputError(
            f"audio is {type(audio).__name__} without a waveform of [batch, channels, samples]. "
            "Connect the AUDIO of a loader."
        )
    if len(waveform) != 1:
        raise InputError(
            f"audio holds {len(waveform)} sounds but a person speaks one. "
            "Connect one sound, or split the batch."
        )
    if waveform.shape[-1] == 0:
        raise InputError(
            "audio is empty: it has 0 samples. Load a sound with a voice in it, or trim less."
        )
    return waveform[0]


def audio_from(waveform: Tensor, sample_rate: int = SAMPLE_RATE) -> dict[str, Any]:
    """[channels, samples] or [samples] as AUDIO."""
    if waveform.ndim == 1:
        waveform = waveform[None]
    return {"waveform": waveform[None].float().cpu(), "sample_rate": sample_rate}


def images_to_core(images: Tensor, name: str = "image") -> Tensor:
    """IMAGE to [batch, 3, height, width] in [-1, 1]."""
    if images.ndim != 4 or images.shape[-1] != 3:
        channels = images.shape[-1] if images.ndim == 4 else "no"
        raise InputError(
            f"{name} has {channels} channels but RGB needs 3. "
            "Remove the alpha channel, for example with 'Split Image with Alpha'."
        )
    return images.movedim(-1, 1).float() * 2 - 1


def images_from_core(images: Tensor) -> Tensor:
    """[batch, 3, height, width] in [-1, 1] to IMAGE on the CPU."""
    return ((images.float() + 1) / 2).clamp(0, 1).movedim(1, -1).cpu().contiguous()


def masks_to_core(masks: Tensor, name: str = "mask") -> Tensor:
    """MASK to [batch, 1, height, width] in [0, 1]."""
    if masks.ndim == 2:
        masks = masks[None]
    if masks.ndim != 3:
        raise InputError(
            f"{name} has {masks.ndim} axes but a mask has batch, height, width. "
            "Connect the MASK output of a node."
        )
    return masks[:, None].float()


def masks_from_core(masks: Tensor) -> Tensor:
    """[batch, 1, height, width] to MASK on the CPU."""
    return masks[:, 0].float().clamp(0, 1).cpu().contiguous()


def latent_samples(latent: Mapping[str, Any], name: str = "latent") -> Tensor:
    """[batch, channels, rows, columns] of a LATENT of pictures."""
    samples = latent.get("samples") if isinstance(latent, Mapping) else None
    if not isinstance(samples, Tensor) or samples.ndim != 4:
        axes = samples.ndim if isinstance(samples, Tensor) else "no"
        raise InputError(
            f"{name} has {axes} axes but one of pictures has batch, channels, rows, columns. "
            "Connect a latent of Stable Diffusion 1 or 2, not of video or audio."
        )
    return samples


def latent_from(samples: Tensor) -> dict[str, Tensor]:
    return {"samples": samples.cpu()}


def video_from_file(path: str | PathLike[str]) -> Any:
    """A finished film as VIDEO; its frames stay on disk."""
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(path))


def fps_fraction(fps: float) -> Fraction:
    """A frame rate from a widget: 29.97 means 30000/1001."""
    from imagineid_core.audio.timeline import as_fps

    return as_fps(fps)


def refuse_more_than_fits(num_bytes: int, free_bytes: int, what: str, remedy: str) -> None:
    """Say how much memory pictures would take before it is full."""
    if num_bytes > 0.8 * free_bytes:
        raise InputError(
            f"{what} would take {num_bytes / 1e9:.1f} GB of memory but "
            f"{free_bytes / 1e9:.1f} GB are free. {remedy}"
        )
