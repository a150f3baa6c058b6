"""`imagineid imagine`: a voice to a film of a person imagined from it."""

import argparse
import json
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import StageBars, stage_bars
from imagineid_core.cli.seed import seed_number
from imagineid_core.cli.sound import add_sound_options
from imagineid_core.errors import InputError

if TYPE_CHECKING:  # values brings torch, which `imagineid --help` need not wait for
    from imagineid_core.imagine.config import ImagineConfig
    from imagineid_core.imagine.diffusers_host import DiffusersHost
    from imagineid_core.imagine.resume import ImaginedFrame
    from imagineid_core.imagine.stable_diffusion import StableDiffusion
    from imagineid_core.pipeline.imagined_film import Film
    from imagineid_core.values import Performance, Speech

_SUITE = "imagine"
_SIZE = 512


def add_commands(commands: Any) -> None:
    parser = commands.add_parser("imagine", help="imagine the person who speaks, as a film")
    parser.add_argument("file", help="any sound or video file with sound")
    add_sound_options(parser)
    parser.add_argument("--prompt", default="", help="what the person and the place look like")
    parser.add_argument("--unwanted", default="", help="words that guidance moves away from")
    parser.add_argument("--out", required=True, help="film.mp4, film.webm or a folder of pictures")
    parser.add_argument("--seed", type=seed_number, default=0, help="of person, head and blink (0)")
    parser.add_argument("--steps", type=int, default=50, help="denoising steps a frame (50)")
    parser.add_argument(
        "--guidance",
        type=float,
        default=7.5,
        help="classifier-free guidance of the first frame; the others have none (7.5)",
    )
    parser.add_argument(
        "--model",
        help="Stable Diffusion 1.x or 2.x: a diffusers folder, or a .safetensors checkpoint with "
        "--configs (the shipped demonstration model)",
    )
    parser.add_argument("--configs", metavar="DIR", help="diffusers folder that tells the build")
    parser.add_argument("--adapters", metavar="DIR", help="trained adapters (beside the model's)")
    parser.add_argument("--weights", metavar="DIR", help="PAD weights (the shipped ones)")
    parser.add_argument("--lora", action="append", default=[], metavar="FILE", help="any number")
    parser.add_argument("--lora-scale", type=float, default=1.0, help="of every LoRA (1)")
    parser.add_argument("--controlnet", metavar="DIR", help="a ControlNet, shown the mesh")
    parser.add_argument(
        "--control",
        default="normals",
        choices=("normals", "depth", "colour", "untextured"),
        help="what the ControlNet is shown of the mesh (normals)",
    )
    parser.add_argument("--scheduler", help="a scheduler class of diffusers (DDIMScheduler)")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ... (cpu)")
    parser.add_argument("--motion", metavar="JSON", help="use this motion track for the head")
    parser.add_argument("--identity-from", metavar="FILE", help="the face of this voice")
    parser.add_argument("--emotion-from", metavar="FILE", help="the feeling of this voice")
    parser.add_argument("--image", metavar="PICTURE", help="the first frame, instead of a new one")
    parser.add_argument("--basis", help="face model ('open': ours, for the shipped PAD weights)")
    parser.add_argument("--size", type=int, help="pixels a side (the model's own)")
    parser.add_argument(
        "--warm-start", type=float, metavar="SHARE", help="begin from the frame before (off)"
    )
    parser.add_argument(
        "--resync", type=int, metavar="K", help="re-encode the frame before every K frames (off)"
    )
    parser.add_argument(
        "--go-on", metavar="FILE", help="film what comes behind an interrupted film's last frame"
    )
    parser.add_argument("--report", metavar="JSON", help="write what was done and how long it took")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.set_defaults(run=run_imagine)


def run_imagine(options: argparse.Namespace) -> None:
    from imagineid_core.checkpoint import write_whole
    from imagineid_core.face.load import OPEN, load_face
    from imagineid_core.imagine.resume import load_frame
    from imagineid_core.pipeline.imagined_film import MeshPictures, film_imagined

    _refuse_before_work(options)
    config = _config(options)
    before = None if options.go_on is None else load_frame(options.go_on)
    begun = time.perf_counter()
    with stage_bars() as bars:
        speech, performance = _performed(options, bars)
        model = _model(options)
        size = _SIZE if model.unet.config.sample_size is None else _own_size(model)
        meshes = MeshPictures(
            performance,
            load_face(options.basis or OPEN),
            size=options.size or size,
            control=options.control if options.controlnet else None,
        )
        host = _host(options, model, performance)
        loaded = time.perf_counter()
        latest: list[ImaginedFrame] = [before] if before is not None else []
        try:
            film = film_imagined(
                meshes,
                speech,
                host,
                config,
                options.out,
                image=_image(options),
                resume=before,
                overwrite=options.overwrite,
                on_step=lambda frame, step, steps: bars.steps(
                    "imagine", frame * steps + step, len(meshes) * steps
                ),
                on_frame=lambda done: latest.__setitem__(slice(None), [done]),
            )
        except BaseException:
            # What was made is in the film; this is what it takes to make the rest.
            if latest and latest[0] is not before:
                with suppress(OSError):  # a full disk must not hide why the film ended
                    _save_rest(options, latest[0])
            raise
    done = time.perf_counter()
    if options.report:
        report = _report(options, config, film, seconds=done - loaded, before=loaded - begun)
        write_whole(Path(options.report), (json.dumps(report, indent=1) + "\n").encode())
    print(f"{film.num_frames} frames at {float(speech.fps):g} fps -> {options.out}")


def _refuse_before_work(options: argparse.Namespace) -> None:
    """What would otherwise be found after minutes."""
    from imagineid_core.values import PAPER_FPS
    from imagineid_core.video.open_writer import open_writer

    open_writer(options.out, fps=PAPER_FPS, overwrite=options.overwrite)
    if options.report and Path(options.report).exists() and not options.overwrite:
        raise InputError(f"{options.report} exists already. Choose another, or add --overwrite.")
    for name in ("file", "identity_from", "emotion_from", "image", "motion"):
        given = getattr(options, name)
        if given is not None and not Path(given).is_file():
            raise InputError(f"{given} is not there. Check the path.")
    if options.size is not None and options.size < 8:
        raise InputError(f"--size is {options.size} pixels. Use a multiple of 8, such as {_SIZE}.")


def _config(options: argparse.Namespace) -> "ImagineConfig":
    from imagineid_core.imagine.config import ImagineConfig

    return ImagineConfig(
        seed=options.seed,
        num_steps=options.steps,
        first_guidance=options.guidance,
        warm_start=options.warm_start,
        resync=options.resync,
    )


def _performed(options: argparse.Namespace, bars: StageBars) -> tuple["Speech", "Performance"]:
    from imagineid_core.assets import LISTEN, check_suite
    from imagineid_core.audio.waveform import load_speech
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.motion.head_pose import find_head_motion
    from imagineid_core.motion.track_json import load_track
    from imagineid_core.pipeline.mixed_performance import mix_performance
    from imagineid_core.pipeline.perform import perform

    def heard(file: str | None) -> "Speech | None":
        if file is None:
            return None
        damaged = options.allow_damaged
        return load_speech(file, options.fps, allow_damaged=damaged, on_progress=bars.seconds)

    weights = options.weights or check_suite(LISTEN)
    pad = load_pad(weights)
    speech = heard(options.file)
    assert speech is not None
    performance = perform(
        speech,
        pad,
        seed=options.seed,
        motion=load_track(options.motion) if options.motion else None,
        head=find_head_motion(weights),
        on_progress=bars.frames,
    )
    mixed = mix_performance(
        performance,
        speech,
        pad,
        identity_from=heard(options.identity_from),
        emotion_from=heard(options.emotion_from),
    )
    return speech, mixed


def _model_place(options: argparse.Namespace) -> Path:
    from imagineid_core.assets import SUITES, check_suite

    if options.model:
        return Path(options.model)
    if _SUITE not in SUITES:
        raise InputError("no model is given and none is shipped. Give one: --model DIR.")
    return check_suite(_SUITE)


def _model(options: argparse.Namespace) -> "StableDiffusion":
    from imagineid_core.imagine.lora import fold_lora
    from imagineid_core.imagine.stable_diffusion import (
        DTYPES,
        PAPER_SCHEDULER,
        load_stable_diffusion,
    )

    model = load_stable_diffusion(
        _model_place(options),
        configs=options.configs,
        scheduler=options.scheduler or PAPER_SCHEDULER,
        dtype=DTYPES[options.precision],
        device=options.device,
    )
    for file in options.lora:
        fold_lora(file, unet=model.unet, text_encoder=model.text_encoder, scale=options.lora_scale)
    return model


def _own_size(model: "StableDiffusion") -> int:
    levels = len(model.vae.config.block_out_channels)
    return int(model.unet.config.sample_size) * 2 ** (levels - 1)


def _host(
    options: argparse.Namespace, model: "StableDiffusion", performance: "Performance"
) -> "DiffusersHost":
    from imagineid_core.imagine.adapters import Adapters, find_adapters, host_for, load_adapters
    from imagineid_core.imagine.diffusers_host import Control
    from imagineid_core.imagine.stable_diffusion import load_controlnet

    place = Path(options.adapters) if options.adapters else _model_place(options)
    asked = options.adapters is not None or find_adapters(place)
    control = None
    if options.controlnet:
        network = load_controlnet(
            options.controlnet, dtype=model.unet.dtype, device=model.unet.device
        )
        control = Control(network=network)
    return host_for(
        model,
        load_adapters(place, model) if asked else Adapters(),
        options.prompt,
        unwanted=options.unwanted,
        semantics=performance.semantics,
        style=performance.style,
        control=control,
    )


def _image(options: argparse.Namespace) -> Any:
    from imagineid_core.video.picture import load_picture

    return load_picture(options.image)[None] if options.image else None


def _save_rest(options: argparse.Namespace, last: "ImaginedFrame") -> None:
    from imagineid_core.imagine.resume import save_frame

    save_frame(Path(options.out).with_suffix(".unfinished.safetensors"), last)


def _report(
    options: argparse.Namespace,
    config: "ImagineConfig",
    film: "Film",
    *,
    seconds: float,
    before: float,
) -> dict[str, Any]:
    return {
        "sound": options.file,
        "film": options.out,
        "prompt": options.prompt,
        "model": options.model or "the shipped demonstration model",
        "settings": asdict(config),
        "num_frames": film.num_frames,
        "is_whole": film.is_whole,
        "seconds_to_load_and_listen": round(before, 3),
        "seconds_a_frame": round(seconds / max(1, film.num_frames), 3),
    }
