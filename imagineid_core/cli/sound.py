"""`imagineid inspect`: what is in a sound."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import StageBars, stage_bars

if TYPE_CHECKING:  # values brings torch, which `imagineid --help` need not wait for
    from imagineid_core.values import Speech


def add_commands(commands: Any) -> None:
    inspect = commands.add_parser("inspect", help="length, rate, levels, clipping, silence")
    inspect.add_argument("file", help="any sound or video file with sound")
    add_sound_options(inspect)
    inspect.add_argument("--json", action="store_true", help="one JSON object")
    inspect.add_argument("--picture", metavar="PNG", help="draw waveform, mel and timeline")
    inspect.set_defaults(run=run_inspect)


def add_sound_options(parser: argparse.ArgumentParser) -> None:
    """What every command that hears sound files asks for."""
    parser.add_argument("--fps", default="25", help="video frames per second, 10 to 60 (25)")
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

            speech = load_voice(options.file, options, bars)
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


def load_voice(file: str, options: argparse.Namespace, bars: StageBars) -> "Speech":
    """A file as speech, by the options of `add_sound_options`."""
    from imagineid_core.audio.waveform import load_speech

    return load_speech(
        file,
        options.fps,
        allow_damaged=options.allow_damaged,
        on_progress=bars.seconds,
    )


def _counted(num_channels: int) -> str:
    return "1 channel" if num_channels == 1 else f"{num_channels} channels"
