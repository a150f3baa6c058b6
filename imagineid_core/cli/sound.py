"""`imagineid inspect` and `imagineid listen`: what is in a sound, and what PAD hears in it."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.outputs import refuse_overwriting
from imagineid_core.cli.progress import StageBars, stage_bars
from imagineid_core.errors import InputError

if TYPE_CHECKING:  # values brings torch, which `imagineid --help` need not wait for
    from imagineid_core.values import MotionTrack, Performance, Speech


def add_commands(commands: Any) -> None:
    inspect = commands.add_parser("inspect", help="length, rate, levels, clipping, silence")
    inspect.add_argument("file", help="any sound or video file with sound")
    inspect.add_argument("--fps", default="25", help="video frames per second, 10 to 60 (25)")
    inspect.add_argument("--json", action="store_true", help="one JSON object")
    inspect.add_argument("--picture", metavar="PNG", help="draw waveform, mel and timeline")
    _add_shared(inspect)
    inspect.set_defaults(run=run_inspect)

    listen = commands.add_parser("listen", help="hear identity, content and emotion in a voice")
    listen.add_argument("file", help="any sound or video file with sound")
    listen.add_argument(
        "--weights",
        required=True,
        help="folder with pad_*.safetensors, or SadTalker's container or auido2exp_*.pth",
    )
    listen.add_argument("--pose-weights", help="auido2pose_*.pth, beside SadTalker's auido2exp")
    listen.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    listen.add_argument("--fps", default="25", help="video frames per second, 10 to 60 (25)")
    listen.add_argument("--seed", type=int, default=0, help="of head motion and blinks (0)")
    listen.add_argument("--motion", metavar="JSON", help="use this motion track for the head")
    listen.add_argument(
        "--pose-style", type=int, default=0, help="SadTalker: speaker of the head motion, 0-45 (0)"
    )
    listen.add_argument(
        "--style-seconds",
        type=float,
        help="let the emotion follow the voice over this many seconds (one style for the clip)",
    )
    listen.add_argument("--overwrite", action="store_true", help="replace results that are there")
    _add_shared(listen)
    listen.set_defaults(run=run_listen)


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-damaged", action="store_true", help="use what can be decoded of a damaged file"
    )


def run_inspect(options: argparse.Namespace) -> None:
    from imagineid_core.audio.levels import inspect_sound

    with stage_bars() as bars:
        report = inspect_sound(
            options.file,
            options.fps,
            allow_damaged=options.allow_damaged,
            on_progress=bars.seconds,
        )
        if options.picture:
            from imagineid_core.evaluation.sound_picture import draw_sound

            speech = _load_speech(options, bars)
            draw_sound(speech, options.picture, title=Path(options.file).name)
    if options.json:
        print(json.dumps({"file": options.file, **asdict(report)}))
        return
    print(
        f"{Path(options.file).name}\n"
        f"  duration   {report.seconds:.3f} s, {report.num_samples} samples\n"
        f"  format     {report.codec}, {report.sample_rate} Hz, {_counted(report.num_channels)}\n"
        f"  frames     {report.num_frames} at {report.fps:g} fps\n"
        f"  level      peak {report.peak_db:.1f} dB, RMS {report.rms_db:.1f} dB of full scale\n"
        f"  clipping   {report.clipped_ratio:.2%} of samples\n"
        f"  silence    {report.silent_ratio:.1%} of the time"
    )
    if report.num_invalid:
        print(f"  invalid    {report.num_invalid} samples are NaN or infinite; repair the file")
    if options.picture:
        print(f"  picture    {options.picture}")


def run_listen(options: argparse.Namespace) -> None:
    from imagineid_core.checkpoint import architecture_of
    from imagineid_core.motion.track_json import load_track, save_track
    from imagineid_core.performance import TENSORS, TEXT, save_performance

    folder, weights = Path(options.out), Path(options.weights)
    names = (TENSORS, TEXT, "motion.json")
    refuse_overwriting(folder, names, options.overwrite)
    if (part := architecture_of(weights)) is not None:
        raise InputError(
            f"{weights.name} holds one part ('{part}') but listening needs all three. "
            f"Give the folder they lie in: --weights {weights.parent}"
        )
    drawn = load_track(options.motion) if options.motion else None
    perform = _perform_released if weights.is_file() else _perform_pad
    with stage_bars() as bars:
        performance = perform(options, drawn, bars)
    save_performance(folder, performance, source=Path(options.file).name)
    save_track(folder / "motion.json", performance.motion)
    print(
        f"{len(performance.expression)} frames at {float(performance.motion.fps):g} fps -> "
        + ", ".join(str(folder / name) for name in names)
    )


def _perform_pad(
    options: argparse.Namespace, drawn: "MotionTrack | None", bars: StageBars
) -> "Performance":
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.pipeline import perform

    pad = load_pad(options.weights)
    return perform(
        _load_speech(options, bars),
        pad,
        seed=options.seed,
        motion=drawn,
        style_seconds=options.style_seconds,
        on_progress=bars.frames,
    )


def _perform_released(
    options: argparse.Namespace, drawn: "MotionTrack | None", bars: StageBars
) -> "Performance":
    from imagineid_core.interop.sadtalker import listen_sadtalker, load_sadtalker
    from imagineid_core.pipeline import hear_windows, performance_from

    listener = load_sadtalker(options.weights, options.pose_weights)
    speech = _load_speech(options, bars)
    expression, motion = listen_sadtalker(
        listener,
        hear_windows(speech),
        seed=options.seed,
        style=options.pose_style,
        on_progress=bars.frames,
    )
    return performance_from(speech, expression, motion, drawn=drawn)


def _load_speech(options: argparse.Namespace, bars: StageBars) -> "Speech":
    from imagineid_core.audio.waveform import load_speech

    return load_speech(
        options.file,
        options.fps,
        allow_damaged=options.allow_damaged,
        on_progress=bars.seconds,
    )


def _counted(num_channels: int) -> str:
    return "1 channel" if num_channels == 1 else f"{num_channels} channels"
