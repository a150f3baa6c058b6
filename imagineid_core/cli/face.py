"""`imagineid face`: sheets of a face model, renders of a performance, fits to a picture."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli import face_fit
from imagineid_core.cli.outputs import refuse_files
from imagineid_core.cli.progress import stage_bars
from imagineid_core.cli.seed import seed_number
from imagineid_core.errors import InputError

if TYPE_CHECKING:  # torch comes with these, and `imagineid --help` need not wait for it
    from imagineid_core.render.mesh_frame import MeshFrame
    from imagineid_core.values import FaceBasis, Performance

_OTHER_VIDEOS = {".mov", ".mkv", ".avi", ".webm", ".gif"}
_PICTURES = (
    "colour",
    "untextured",
    "normals",
    "depth",
    "front_mask",
    "mouth_mask",
    "dilated_mouth_mask",
)


def add_commands(commands: Any) -> None:
    face = commands.add_parser("face", help="face models: look at them, render them, fit them")
    what = face.add_subparsers(required=True, metavar="WHAT")

    sheet = what.add_parser("sheet", help="identities x expressions x poses in one picture")
    sheet.add_argument("--seed", type=seed_number, default=0, help="of the identities (0)")
    sheet.add_argument(
        "--of",
        choices=("heads", "controls", "portraits"),
        default="heads",
        help="heads of the basis; each named control of the open face; dressed people",
    )
    sheet.add_argument("--out", required=True, metavar="PNG")
    sheet.set_defaults(run=run_sheet)

    render = what.add_parser("render", help="mesh frames of a performance")
    render.add_argument(
        "--coefficients", required=True, metavar="FILE", help="result of `imagineid listen`"
    )
    render.add_argument("--out", required=True, metavar="DIR|MP4", help="pictures, or a video")
    render.add_argument("--size", type=int, default=512, help="pixels a side (512)")
    render.add_argument("--sound", metavar="FILE", help="sound of the video")
    render.add_argument("--overwrite", action="store_true", help="replace what is there")
    render.set_defaults(run=run_render)

    fit = face_fit.add_command(what)
    for parser in (sheet, render, fit):
        parser.add_argument(
            "--basis",
            default="open",
            help="'open' (ours), BFM_model_front.mat, a BFM-2009 or ICT-FaceKit folder, or "
            "a saved basis (.safetensors)",
        )


def run_sheet(options: argparse.Namespace) -> None:
    from imagineid_core.corpus.portrait.sheet import control_sheet, face_sheet, portrait_sheet
    from imagineid_core.face.load import OPEN, load_face
    from imagineid_core.video.picture import save_picture

    if options.of == "portraits" and options.basis != OPEN:
        raise InputError(
            f"--basis is {options.basis} but only the open face can be dressed. "
            "Leave it out, or show --of heads."
        )
    if options.of == "heads":
        sheet = face_sheet(load_face(options.basis), options.seed)
    elif options.of == "controls":
        sheet = control_sheet(load_face(options.basis))
    else:
        sheet = portrait_sheet(options.seed)
    save_picture(sheet, options.out)
    print(options.out)


def run_render(options: argparse.Namespace) -> None:
    from imagineid_core.face.load import load_face
    from imagineid_core.performance import load_performance

    suffix = Path(options.out).suffix.lower()
    if suffix in _OTHER_VIDEOS:
        raise InputError(f"--out is {options.out} but videos are MP4. Give a name in .mp4.")
    if options.sound and suffix != ".mp4":
        raise InputError(
            f"--sound is {options.sound} but {options.out} is a folder of pictures. "
            "Leave it out, or give a name in .mp4."
        )
    basis = load_face(options.basis)
    performance = load_performance(options.coefficients)
    if suffix == ".mp4":
        _render_video(options, performance, basis)
    else:
        _render_pictures(options, performance, basis)
    print(f"{len(performance.expression)} frames -> {options.out}")


def _render_video(options: argparse.Namespace, performance: "Performance", basis: "FaceBasis"):
    from imagineid_core.audio.waveform import load_speech
    from imagineid_core.pipeline.performance_film import film_performance

    speech = load_speech(options.sound, performance.motion.fps) if options.sound else None
    with stage_bars() as bars:
        film_performance(
            performance,
            speech,
            basis,
            options.out,
            size=options.size,
            overwrite=options.overwrite,
            on_progress=lambda done, total: bars.frames("render", done, total),
        )


def _render_pictures(options: argparse.Namespace, performance: "Performance", basis: "FaceBasis"):
    from imagineid_core.checkpoint import write_whole
    from imagineid_core.video.picture import save_picture

    folder = Path(options.out)
    refuse_files(folder)
    if folder.exists() and any(folder.iterdir()) and not options.overwrite:
        raise InputError(f"{folder} is not empty. Choose another folder or add --overwrite.")
    points = []
    for first, frames in _mesh_frames(options, performance, basis):
        for offset in range(len(frames.colour)):
            for name in _PICTURES:
                picture = getattr(frames, name)[offset]
                value = picture * 2 - 1 if name.endswith("mask") else picture
                save_picture(value, folder / name / f"{first + offset:06d}.png")
        points += [
            [[round(value, 3) for value in point] for point in frame]
            for frame in frames.landmarks.tolist()
        ]
    for name in _PICTURES:  # those of a longer performance that was here before
        for picture in (folder / name).glob("[0-9]" * 6 + ".png"):
            if int(picture.stem) >= len(points):
                picture.unlink()
    text = json.dumps({"size": options.size, "pixel_centres": 0.5, "landmarks": points})
    write_whole(folder / "landmarks.json", text.encode())


def _mesh_frames(
    options: argparse.Namespace, performance: "Performance", basis: "FaceBasis"
) -> Iterator[tuple[int, "MeshFrame"]]:
    from imagineid_core.pipeline.performance_film import mesh_frames

    with stage_bars() as bars:
        yield from mesh_frames(
            performance,
            basis,
            size=options.size,
            on_progress=lambda done, total: bars.frames("render", done, total),
        )
