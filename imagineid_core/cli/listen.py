"""`imagineid listen`: what PAD hears in voices, as coefficients, a picture and a mesh video."""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.outputs import folder_for_each, refuse_overwriting
from imagineid_core.cli.progress import StageBars, stage_bars
from imagineid_core.cli.seed import seed_number
from imagineid_core.cli.sound import add_sound_options, load_voice
from imagineid_core.errors import InputError, MissingPackageError, WeightsError

if TYPE_CHECKING:  # values brings torch, which `imagineid --help` need not wait for
    from imagineid_core.values import MotionTrack, Performance, Speech

_MOTION, _PICTURE, _VIDEO = "motion.json", "performance.png", "mesh.mp4"
_OUT = "out/listen"
_LOG = logging.getLogger(__name__)


def add_commands(commands: Any) -> None:
    listen = commands.add_parser("listen", help="hear identity, content and emotion in a voice")
    listen.add_argument(
        "files", nargs="+", metavar="FILE", help="any sound or video files with sound"
    )
    add_sound_options(listen)
    listen.add_argument(
        "--weights",
        help="folder with pad_*.safetensors, or SadTalker's container or auido2exp_*.pth "
        "(the shipped demonstration networks, trained on synthetic people)",
    )
    listen.add_argument("--pose-weights", help="auido2pose_*.pth, beside SadTalker's auido2exp")
    listen.add_argument(
        "--out",
        metavar="DIR",
        help=f"folder for the results, of several files for one folder each ({_OUT}/NAME)",
    )
    listen.add_argument("--seed", type=seed_number, default=0, help="of head motion and blinks (0)")
    listen.add_argument("--motion", metavar="JSON", help="use this motion track for the head")
    listen.add_argument(
        "--pose-style",
        type=int,
        default=0,
        help="style of the head motion, as many as its weights have; SadTalker's: 0-45 (0)",
    )
    listen.add_argument(
        "--style-seconds",
        type=float,
        help="let the emotion follow the voice over this many seconds (one style for the clip)",
    )
    listen.add_argument(
        "--basis",
        help="face model of the video and the picture: 'open' (ours, for PAD weights), "
        "BFM_model_front.mat (for SadTalker's), a model's folder, or a saved basis",
    )
    listen.add_argument("--size", type=int, default=256, help="pixels a side of the video (256)")
    listen.add_argument("--no-video", action="store_true", help=f"do not make {_VIDEO}")
    listen.add_argument("--no-picture", action="store_true", help=f"do not draw {_PICTURE}")
    listen.add_argument("--overwrite", action="store_true", help="replace results that are there")
    listen.set_defaults(run=run_listen)


def run_listen(options: argparse.Namespace) -> None:
    from imagineid_core.audio.decode import probe_sound
    from imagineid_core.motion.track_json import load_track, save_track
    from imagineid_core.performance import TENSORS, TEXT, save_performance

    released = options.weights is not None and Path(options.weights).is_file()
    shown = _shown(options, released=released)
    names = (TENSORS, TEXT, _MOTION, *shown)
    folders = _folders(options)
    for folder in folders.values():
        refuse_overwriting(folder, names, options.overwrite)
    weights = _weights(options)
    _refuse_unheard(options, released=released)
    drawn = load_track(options.motion) if options.motion else None
    for file in folders:
        probe_sound(file)  # the last of many is not found missing after an hour
    load = _load_released if released else _load_pad
    perform = load(options, weights, drawn)
    show = _viewer(options, shown)
    for file, folder in folders.items():
        with stage_bars() as bars:
            heard = perform(file, bars)
            performance = heard.performance
            save_performance(folder, performance, source=Path(file).name)
            save_track(folder / _MOTION, performance.motion)
            show(heard, Path(file).name, folder, bars)
        print(
            f"{len(performance.expression)} frames at {float(performance.motion.fps):g} fps -> "
            + ", ".join(str(folder / name) for name in names)
        )


def _weights(options: argparse.Namespace) -> Path:
    """The folder or file that was named, or the shipped folder."""
    from imagineid_core.checkpoint import architecture_of

    if options.weights is None:
        from imagineid_core.assets import LISTEN, check_suite

        return check_suite(LISTEN)
    weights = Path(options.weights)
    if not weights.exists():
        raise WeightsError(
            f"weights not found: {weights} is not there. Give a folder with pad_*.safetensors, or "
            "SadTalker's released file. See README, Weights."
        )
    if (part := architecture_of(weights)) is not None:
        raise InputError(
            f"{weights.name} holds one part ('{part}') but listening needs all three. "
            f"Give the folder they lie in: --weights {weights.parent}"
        )
    return weights


def _folders(options: argparse.Namespace) -> Mapping[str, Path]:
    """Where the results of each file will lie."""
    if options.out and len(options.files) == 1:
        return {options.files[0]: Path(options.out)}
    return folder_for_each(options.files, Path(options.out or _OUT))


def _refuse_unheard(options: argparse.Namespace, *, released: bool) -> None:
    """Options that these weights would ignore."""
    if released and options.style_seconds is not None:
        raise InputError(
            f"--style-seconds is {options.style_seconds:g} but SadTalker's weights hear no style. "
            "Leave it out, or give a folder of PAD weights."
        )
    if not released and options.pose_weights is not None:
        raise InputError(
            f"--pose-weights is {options.pose_weights} but PAD weights bring their own head "
            "motion. Leave it out, or give SadTalker's auido2exp_*.pth in --weights."
        )


@dataclass(frozen=True, kw_only=True)
class _Heard:
    speech: "Speech"
    performance: "Performance"


_Perform = Callable[[str, StageBars], _Heard]  # of a file
_Show = Callable[[_Heard, str, Path, StageBars], None]  # with a title, into a folder


def _shown(options: argparse.Namespace, *, released: bool) -> Sequence[str]:
    """What will be made beside the coefficients; checked before the work begins."""
    shown = [
        name
        for name, unwanted in ((_PICTURE, options.no_picture), (_VIDEO, options.no_video))
        if not unwanted
    ]
    if _VIDEO in shown and (options.size < 2 or options.size % 2):
        raise InputError(f"--size is {options.size} pixels but a video needs an even size above 0.")
    if shown and options.basis is None and released:
        _LOG.warning(
            "%s are not made: SadTalker's coefficients move the Basel face. "
            "Give it: --basis BFM_model_front.mat",
            " and ".join(shown),
        )
        return ()
    if _PICTURE in shown:
        from imagineid_core.evaluation.figure import require_drawing

        try:
            require_drawing()
        except MissingPackageError as error:
            _LOG.warning("%s is not drawn. %s", _PICTURE, error)
            shown.remove(_PICTURE)
    return shown


def _viewer(options: argparse.Namespace, shown: Sequence[str]) -> _Show:
    from imagineid_core.evaluation.performance_picture import draw_performance
    from imagineid_core.face.load import OPEN, load_face
    from imagineid_core.pipeline.performance_film import film_performance

    basis = load_face(options.basis or OPEN) if shown else None

    def show(heard: _Heard, title: str, folder: Path, bars: StageBars) -> None:
        if basis is None:
            return
        if _PICTURE in shown:
            draw_performance(heard.performance, heard.speech, basis, folder / _PICTURE, title=title)
        if _VIDEO in shown:
            film_performance(
                heard.performance,
                heard.speech,
                basis,
                folder / _VIDEO,
                size=options.size,
                overwrite=options.overwrite,
                on_progress=lambda done, total: bars.frames("render", done, total),
            )

    return show


def _load_pad(options: argparse.Namespace, weights: Path, drawn: "MotionTrack | None") -> _Perform:
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.motion.head_pose import find_head_motion
    from imagineid_core.pipeline.perform import perform

    pad, head = load_pad(weights), find_head_motion(weights)

    def of(file: str, bars: StageBars) -> _Heard:
        speech = load_voice(file, options, bars)
        performance = perform(
            speech,
            pad,
            seed=options.seed,
            motion=drawn,
            head=head,
            pose_style=options.pose_style,
            style_seconds=options.style_seconds,
            on_progress=bars.frames,
        )
        return _Heard(speech=speech, performance=performance)

    return of


def _load_released(
    options: argparse.Namespace, weights: Path, drawn: "MotionTrack | None"
) -> _Perform:
    from imagineid_core.interop.sadtalker import listen_sadtalker, load_sadtalker
    from imagineid_core.pipeline.perform import hear_windows, performance_from

    listener = load_sadtalker(weights, options.pose_weights)

    def of(file: str, bars: StageBars) -> _Heard:
        speech = load_voice(file, options, bars)
        expression, motion = listen_sadtalker(
            listener,
            hear_windows(speech),
            seed=options.seed,
            style=options.pose_style,
            on_progress=bars.frames,
        )
        performance = performance_from(speech, expression, motion, drawn=drawn)
        return _Heard(speech=speech, performance=performance)

    return of
