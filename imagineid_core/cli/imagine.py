"""`imagineid imagine`: a voice to a film of a person imagined from it."""

import argparse
import json
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import StageBars, stage_bars
from imagineid_core.cli.seed import seed_number
from imagineid_core.cli.sound import add_sound_options
from imagineid_core.cli.stopping import heard_between_steps
from imagineid_core.cli.unfinished import keep_unfinished, load_unfinished, unfinished_file
from imagineid_core.errors import InputError

if TYPE_CHECKING:  # values brings torch, which `imagineid --help` need not wait for
    from imagineid_core.imagine.adapters import Adapters
    from imagineid_core.imagine.config import ImagineConfig
    from imagineid_core.imagine.diffusers_host import DiffusersHost
    from imagineid_core.imagine.recommended import RecommendedConfig
    from imagineid_core.imagine.resume import ImaginedFrame
    from imagineid_core.imagine.stable_diffusion import StableDiffusion
    from imagineid_core.values import Performance, Speech

_OUT = "out/imagine"
_SIZE = 512
_CONTROL = "normals"


def add_commands(commands: Any) -> None:
    parser = commands.add_parser("imagine", help="imagine the person who speaks, as a film")
    parser.add_argument("file", help="any sound or video file with sound")
    add_sound_options(parser)
    parser.add_argument("--prompt", default="", help="what the person and the place look like")
    parser.add_argument("--unwanted", default="", help="words that guidance moves away from")
    parser.add_argument(
        "--out", help=f"film.mp4, film.webm or a folder of pictures ({_OUT}/NAME.mp4)"
    )
    parser.add_argument("--seed", type=seed_number, default=0, help="of person, head and blink (0)")
    parser.add_argument(
        "--steps", type=int, help="denoising steps a frame (the model's own, or 50)"
    )
    parser.add_argument(
        "--guidance",
        type=float,
        help="classifier-free guidance of the first frame; the others have none (the model's own, "
        "or 7.5)",
    )
    parser.add_argument(
        "--guided-share",
        type=float,
        metavar="SHARE",
        help="of the steps, from the first on, that are guided (the model's own, or 1)",
    )
    parser.add_argument(
        "--eta", type=float, help="of DDIM: 0 adds no noise in a step, 1 as much as DDPM (0)"
    )
    parser.add_argument(
        "--settles",
        type=int,
        metavar="N",
        help="make an imagined first frame anew so often, as a coherent frame of itself (the "
        "model's own, or 0)",
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
    parser.add_argument("--lora-scale", type=float, help="of every LoRA (1)")
    parser.add_argument("--controlnet", metavar="DIR", help="a ControlNet, shown the mesh")
    parser.add_argument(
        "--control",
        choices=("normals", "depth", "colour", "untextured"),
        help=f"what the ControlNet is shown of the mesh ({_CONTROL})",
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
    parser.add_argument("--seconds", type=float, help="only the beginning of the voice (all of it)")
    parser.add_argument(
        "--show-size",
        type=int,
        metavar="PIXELS",
        help="width of the film's pictures, enlarged (the model's own, or as imagined)",
    )
    parser.add_argument(
        "--go-on", action="store_true", help="finish a film that was cut short: the same command"
    )
    parser.add_argument("--sheet", metavar="PNG", help="a contact sheet of the film and its meshes")
    parser.add_argument("--report", metavar="JSON", help="write what was done and how long it took")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.set_defaults(run=run_imagine)


def run_imagine(options: argparse.Namespace) -> None:
    from imagineid_core.checkpoint import write_whole
    from imagineid_core.cli.imagine_report import Watch, imagine_report
    from imagineid_core.face.load import OPEN, load_face
    from imagineid_core.imagine.calls import counted_calls
    from imagineid_core.pipeline.film_sheet import film_sheet
    from imagineid_core.pipeline.imagined_film import MeshPictures, film_imagined
    from imagineid_core.video.picture import save_picture
    from imagineid_core.video.shown import Shown

    out = Path(options.out or f"{_OUT}/{Path(options.file).stem}.mp4")
    before = load_unfinished(options, out) if options.go_on else None
    _refuse_before_work(options, out, after=0 if before is None else before.index + 1)
    place, begun = _model_place(options), time.perf_counter()
    with stage_bars() as bars:
        speech, performance = _performed(options, bars)
        model = _model(options, place)
        adapters = _adapters(options, model, place)
        config = _config(options, model.recommended)
        shown = Shown(
            size=options.show_size or model.recommended.show_size, label=model.recommended.label
        )
        meshes = MeshPictures(
            performance,
            load_face(options.basis or OPEN),
            size=options.size or _own_size(model),
            control=(options.control or _CONTROL) if options.controlnet else None,
        )
        with counted_calls(model, adapters) as calls:
            host = _host(options, model, adapters, performance)
            watch, loaded = Watch(calls, config), time.perf_counter()
            try:
                with heard_between_steps() as is_stopped:
                    film = film_imagined(
                        meshes,
                        speech,
                        host,
                        config,
                        out,
                        image=_image(options) if before is None else None,
                        resume=before,
                        show=shown,
                        overwrite=options.overwrite,
                        on_step=lambda frame, step, steps: bars.steps(
                            "imagine", frame * steps + step, len(meshes) * steps
                        ),
                        interrupted=is_stopped,
                        on_frame=watch.on_frame,
                    )
                if not film.is_whole:
                    raise KeyboardInterrupt
            except BaseException:
                if watch.last is not None and watch.last.index + 1 < len(meshes):
                    _tell_how_to_go_on(options, out, watch.last)
                raise
        if options.report:
            report = imagine_report(
                options,
                config=config,
                film=film,
                out=out,
                place=place,
                model=model,
                adapters=adapters,
                watch=watch,
                seconds_before=loaded - begun,
            )
            write_whole(Path(options.report), (json.dumps(report, indent=1) + "\n").encode())
        if options.sheet:
            sheet = film_sheet(out, meshes, speech, label=model.recommended.label)
            save_picture(sheet, options.sheet)
    unfinished_file(out).unlink(missing_ok=True)
    made = [str(out), *(str(one) for one in (options.sheet, options.report) if one)]
    print(f"{film.num_frames} frames at {float(speech.fps):g} fps -> {', '.join(made)}")


def _tell_how_to_go_on(options: argparse.Namespace, out: Path, last: "ImaginedFrame") -> None:
    """What was made is in the film; this is what it takes to make the rest."""
    with suppress(OSError, InputError):  # a full disk must not hide why the film ended
        if keep_unfinished(options, out, last):
            print(
                f"imagineid: {out} holds {last.index + 1} frames; the same command with --go-on "
                "makes the rest.",
                file=sys.stderr,
            )


def _refuse_before_work(options: argparse.Namespace, out: Path, after: int) -> None:
    """What would otherwise be found after minutes."""
    from imagineid_core.imagine.recommended import RecommendedConfig
    from imagineid_core.values import PAPER_FPS
    from imagineid_core.video.open_writer import open_writer
    from imagineid_core.video.shown import Shown

    if not after and unfinished_file(out).is_file() and not options.overwrite:
        raise InputError(
            f"{out} was left unfinished. Go on with it by --go-on, or begin anew with --overwrite."
        )
    open_writer(out, fps=PAPER_FPS, overwrite=options.overwrite, after=after)
    for other in (options.report, options.sheet):
        if other and Path(other).exists() and not options.overwrite:
            raise InputError(f"{other} exists already. Choose another, or add --overwrite.")
    for name in ("file", "identity_from", "emotion_from", "image", "motion"):
        given = getattr(options, name)
        if given is not None and not Path(given).is_file():
            raise InputError(f"{given} is not there. Check the path.")
    if options.sheet and Path(options.sheet).suffix.lower() != ".png":
        raise InputError(f"{options.sheet} does not end in .png, but the sheet is a PNG.")
    if options.size is not None and options.size < 8:
        raise InputError(f"--size is {options.size} pixels. Use a multiple of 8, such as {_SIZE}.")
    for name, other in (("control", "controlnet"), ("lora_scale", "lora")):
        if getattr(options, name) is not None and not getattr(options, other):
            raise InputError(
                f"--{name.replace('_', '-')} is given without --{other}, so it would do nothing. "
                f"Give a --{other} too, or leave it out."
            )
    if options.configs and Path(options.model or ".").is_dir():
        raise InputError(
            f"--configs is {options.configs}, but a folder as model brings its own. Leave it out, "
            "or give one .safetensors file as --model."
        )
    _refuse_device(options.device)
    _config(options, RecommendedConfig())
    Shown(size=options.show_size)


def _refuse_device(name: str) -> None:
    import torch

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        told = str(error).strip().splitlines()[0]
        raise InputError(
            f"--device {name} cannot be used here ({told}). Use cpu, or a device that this "
            "installation of torch knows."
        ) from error


def _config(options: argparse.Namespace, recommended: "RecommendedConfig") -> "ImagineConfig":
    return recommended.config(
        seed=options.seed,
        num_steps=options.steps,
        first_guidance=options.guidance,
        guided_share=options.guided_share,
        eta=options.eta,
        settles=options.settles,
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
    if options.seconds is not None:
        speech = _beginning(speech, options.seconds)
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


def _beginning(speech: "Speech", seconds: float) -> "Speech":
    """At most so much of a voice, in whole frames."""
    from imagineid_core.audio.timeline import first_sample
    from imagineid_core.values import SAMPLE_RATE

    frames = round(seconds * speech.fps) if 0 < seconds < float("inf") else 0
    if frames < 1:
        raise InputError(
            f"--seconds is {seconds:g}, which is no frame at {float(speech.fps):g} fps. Use a "
            "longer time."
        )
    frames = min(frames, speech.num_frames)
    end = first_sample(frames, SAMPLE_RATE, speech.fps)
    return replace(speech, waveform=speech.waveform[:end], num_frames=frames)


def _model_place(options: argparse.Namespace) -> Path:
    from imagineid_core.assets import IMAGINE, check_suite

    return Path(options.model) if options.model else check_suite(IMAGINE)


def _model(options: argparse.Namespace, place: Path) -> "StableDiffusion":
    from imagineid_core.imagine.lora import fold_lora
    from imagineid_core.imagine.stable_diffusion import (
        DTYPES,
        PAPER_SCHEDULER,
        load_stable_diffusion,
    )
    from imagineid_core.imagine.traced_unet import quickened

    model = load_stable_diffusion(
        place,
        configs=options.configs,
        scheduler=options.scheduler or PAPER_SCHEDULER,
        dtype=DTYPES[options.precision],
        device=options.device,
    )
    scale = 1.0 if options.lora_scale is None else options.lora_scale
    for file in options.lora:
        fold_lora(file, unet=model.unet, text_encoder=model.text_encoder, scale=scale)
    return quickened(model)


def _own_size(model: "StableDiffusion") -> int:
    if model.unet.config.sample_size is None:
        return _SIZE
    levels = len(model.vae.config.block_out_channels)
    return int(model.unet.config.sample_size) * 2 ** (levels - 1)


def _adapters(options: argparse.Namespace, model: "StableDiffusion", place: Path) -> "Adapters":
    """Those of the folder that was named, or whatever lies beside the model."""
    from imagineid_core.imagine.adapters import Adapters, find_adapters, load_adapters

    if options.adapters:
        return load_adapters(options.adapters, model)
    if find_adapters(place):
        return load_adapters(place, model)
    print(
        f"imagineid: {place.name} comes without adapters, so the frames show a portrait that does "
        "not follow the voice. Give trained ones with --adapters.",
        file=sys.stderr,
    )
    return Adapters()


def _host(
    options: argparse.Namespace,
    model: "StableDiffusion",
    adapters: "Adapters",
    performance: "Performance",
) -> "DiffusersHost":
    from imagineid_core.imagine.adapters import host_for
    from imagineid_core.imagine.diffusers_host import Control
    from imagineid_core.imagine.stable_diffusion import load_controlnet

    control = None
    if options.controlnet:
        network = load_controlnet(
            options.controlnet, dtype=model.unet.dtype, device=model.unet.device
        )
        control = Control(network=network)
    return host_for(
        model,
        adapters,
        options.prompt,
        unwanted=options.unwanted,
        semantics=performance.semantics,
        style=performance.style,
        control=control,
    )


def _image(options: argparse.Namespace) -> Any:
    from imagineid_core.video.picture import load_picture

    return load_picture(options.image)[None] if options.image else None
