"""The parts of a Stable Diffusion model from local files: SD1.x or SD2.x, never the network.

A folder as diffusers saves it, or one .safetensors checkpoint and such a folder for its configs and
tokenizer. Knows nothing about adapters or frames.
"""

import importlib.util
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from imagineid_core.errors import WeightsError
from imagineid_core.imagine.recommended import RecommendedConfig, load_recommended

PAPER_SCHEDULER = "DDIMScheduler"
FEW_STEP_SCHEDULER = "LCMScheduler"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True)
class StableDiffusion:
    """Classes of diffusers and transformers; the scheduler brings epsilon or v-prediction."""

    unet: Any  # UNet2DConditionModel
    vae: Any  # AutoencoderKL
    text_encoder: Any  # CLIPTextModel
    tokenizer: Any  # CLIPTokenizer
    scheduler: Any  # any of diffusers that steps
    recommended: RecommendedConfig = field(default_factory=RecommendedConfig)


def load_stable_diffusion(
    path: str | Path,
    *,
    configs: str | Path | None = None,
    scheduler: str = PAPER_SCHEDULER,
    dtype: torch.dtype = torch.float32,
    vae_dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> StableDiffusion:
    """Load a diffusers folder or a .safetensors checkpoint with the folder of its `configs`.

    `scheduler` names a class of diffusers; its settings (noise schedule, epsilon or v-prediction)
    are the model's own. The VAE of SD overflows in fp16: `vae_dtype` may differ.
    """
    path = Path(path)
    if path.is_dir():
        parts = _from_folder(path, dtype, vae_dtype or dtype)
        settings = path
    elif path.suffix.lower() == ".safetensors" and path.is_file():
        settings = _configs_of(path, configs)
        parts = _from_checkpoint(path, settings, dtype)
    else:
        raise WeightsError(
            f"model not found: {path} is neither a folder nor a .safetensors file. Give a folder "
            "as diffusers saves it (with unet, vae, text_encoder, tokenizer, scheduler), or one "
            "checkpoint file. See README, Weights."
        )
    parts["scheduler"] = scheduler_from(scheduler, _scheduler_settings(settings))
    model = StableDiffusion(**parts, recommended=load_recommended(settings))
    _check_kind(model, path)
    model.unet.to(device).eval().requires_grad_(False)
    model.text_encoder.to(device=device, dtype=dtype).eval().requires_grad_(False)
    if vae_dtype is not None and model.vae.dtype != vae_dtype:
        model.vae.to(dtype=vae_dtype)
    model.vae.to(device).eval().requires_grad_(False)
    return model


def scheduler_from(name: str, settings: dict[str, Any]) -> Any:
    """A scheduler of diffusers by its class name, with a model's own settings."""
    import diffusers

    made = getattr(diffusers, name, None)
    if not name.endswith("Scheduler") or made is None or not hasattr(made, "from_config"):
        raise WeightsError(
            f"scheduler '{name}' is not one of this diffusers ({diffusers.__version__}). Give the "
            f"name of a class, for example {PAPER_SCHEDULER}, UniPCMultistepScheduler or "
            f"{FEW_STEP_SCHEDULER}."
        )
    taken = inspect.signature(made.__init__).parameters  # others' settings would only be told of
    return made.from_config({key: value for key, value in settings.items() if key in taken})


def load_controlnet(
    path: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Any:
    """A ControlNet from a local diffusers folder."""
    from diffusers import ControlNetModel  # pyright: ignore[reportPrivateImportUsage]

    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise WeightsError(
            f"ControlNet not found: {folder} has no config.json. Give a folder as diffusers saves "
            "it, with config.json and diffusion_pytorch_model.safetensors."
        )
    net: Any = _loaded(
        folder, lambda: ControlNetModel.from_pretrained(folder, **_local(folder, dtype))
    )
    return net.to(device).eval().requires_grad_(False)


def _from_folder(folder: Path, dtype: torch.dtype, vae_dtype: torch.dtype) -> dict[str, Any]:
    from diffusers import AutoencoderKL, UNet2DConditionModel  # pyright: ignore[reportPrivateImportUsage]
    from transformers import CLIPTextModel, CLIPTokenizer

    needed = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
    if missing := [name for name in needed if not (folder / name).is_dir()]:
        raise WeightsError(
            f"{folder.name} has no {', '.join(missing)}, so it is not a Stable Diffusion model as "
            "diffusers saves it. Give the folder that holds model_index.json."
        )
    if (folder / "text_encoder_2").is_dir():
        raise WeightsError(
            f"{folder.name} has two text encoders, as SDXL has, but the adapters are made for "
            "SD1.x and SD2.x. Give one of those."
        )

    def model(kind: Any, name: str, dtype: torch.dtype) -> Any:
        place = folder / name
        options = _local(place, dtype) | {"low_cpu_mem_usage": _has_accelerate()}
        return _loaded(place, lambda: kind.from_pretrained(place, **options))

    text = folder / "text_encoder"
    return {
        "unet": model(UNet2DConditionModel, "unet", dtype),
        "vae": model(AutoencoderKL, "vae", vae_dtype),
        "text_encoder": _loaded(
            text, lambda: CLIPTextModel.from_pretrained(text, **_local(text, None))
        ),
        "tokenizer": _loaded(
            folder / "tokenizer",
            lambda: CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
        ),
    }


def _has_accelerate() -> bool:
    """Without it diffusers tells every user to install it, at every load."""
    return importlib.util.find_spec("accelerate") is not None


def _local(folder: Path, dtype: torch.dtype | None) -> dict[str, Any]:
    """Local, never pickled; of a folder with half-precision files only, those."""
    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
    names = [file.name for file in folder.glob("*.safetensors")]
    if names and all(".fp16" in name for name in names):
        options["variant"] = "fp16"
    if dtype is not None:
        options["torch_dtype"] = dtype
    return options


def _configs_of(checkpoint: Path, configs: str | Path | None) -> Path:
    # Without local configs diffusers downloads them, even when told to use local files only.
    if configs is None or not (Path(configs) / "model_index.json").is_file():
        raise WeightsError(
            f"{checkpoint.name} is one file, which says neither how it is built nor how text is "
            f"tokenized, and {configs if configs else 'no folder'} was given for that. Give a "
            "diffusers folder of the same base model (model_index.json, configs, tokenizer; no "
            "weights needed)."
        )
    return Path(configs)


def _from_checkpoint(checkpoint: Path, configs: Path, dtype: torch.dtype) -> dict[str, Any]:
    from diffusers import StableDiffusionPipeline  # pyright: ignore[reportPrivateImportUsage]

    pipeline = _loaded(
        checkpoint,
        lambda: StableDiffusionPipeline.from_single_file(
            str(checkpoint),
            config=str(configs),
            local_files_only=True,
            torch_dtype=dtype,
            safety_checker=None,
            feature_extractor=None,
        ),
    )
    names = ("unet", "vae", "text_encoder", "tokenizer")
    return {name: getattr(pipeline, name) for name in names}


def _loaded(place: Path, load: Callable[[], Part]) -> Part:
    """Whatever goes wrong inside diffusers, the user hears which folder it was."""
    try:
        with _without_bars():
            return load()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        told = str(error).strip().splitlines()
        raise WeightsError(
            f"{place} cannot be loaded ({told[0] if told else type(error).__name__}). "
            "Give an SD1.x or SD2.x model with its weights as .safetensors."
        ) from error


@contextmanager
def _without_bars() -> Iterator[None]:
    """A bar for every part of a model that loads in a moment is noise on the user's screen."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    shown = [kind for kind in (of_diffusers, of_transformers) if kind.is_progress_bar_enabled()]
    for kind in shown:
        kind.disable_progress_bar()
    try:
        yield
    finally:
        for kind in shown:
            kind.enable_progress_bar()


def _scheduler_settings(folder: Path) -> dict[str, Any]:
    path = folder / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        raise WeightsError(
            f"{folder.name} has no scheduler/scheduler_config.json, which says how the model was "
            "trained (noise schedule, epsilon or v-prediction). Give a complete folder."
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _check_kind(model: StableDiffusion, path: Path) -> None:
    unet, latent = model.unet.config, model.vae.config.latent_channels
    width = model.text_encoder.config.hidden_size
    if unet.in_channels != latent:
        raise WeightsError(
            f"the UNet of {path.name} takes {unet.in_channels} channels but its VAE gives "
            f"{latent}: an inpainting or depth model. Give a plain text-to-image model."
        )
    if unet.cross_attention_dim != width:
        raise WeightsError(
            f"the UNet of {path.name} reads text of width {unet.cross_attention_dim} but its text "
            f"encoder gives {width}. Give parts of one model."
        )
    if getattr(unet, "time_cond_proj_dim", None) is not None:
        raise WeightsError(
            f"the UNet of {path.name} takes guidance as an input (distilled). "
            "Give the plain model with an LCM LoRA instead."
        )
