"""`imagineid face fit`: coefficients of the face in a picture, from its landmarks alone."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.outputs import refuse_overwriting
from imagineid_core.cli.progress import stage_bars
from imagineid_core.errors import InputError

if TYPE_CHECKING:  # torch comes with these, and `imagineid --help` need not wait for it
    from torch import Tensor

    from imagineid_core.values import FaceCoefficients, Mesh, Performance


def add_command(what: Any) -> argparse.ArgumentParser:
    fit = what.add_parser("fit", help="coefficients of a face in a picture, without weights")
    fit.add_argument("image", help="picture with one face")
    fit.add_argument(
        "--landmarks", required=True, metavar="JSON", help="68 [column, row] pairs in pixels"
    )
    fit.add_argument("--out", required=True, metavar="DIR", help="coefficients and an overlay")
    fit.add_argument(
        "--photometric", action="store_true", help="fit the colours too, not the landmarks alone"
    )
    fit.add_argument(
        "--landmark-noise",
        type=float,
        default=0.5,
        metavar="PX",
        help="how far off the landmarks may be, in pixels of 224 (0.5; a detector's are 1 to 2)",
    )
    fit.add_argument(
        "--framed",
        action="store_true",
        help="the picture is framed by our camera already (a render): do not align it",
    )
    fit.add_argument("--overwrite", action="store_true", help="replace what is there")
    fit.set_defaults(run=run_fit)
    return fit


def run_fit(options: argparse.Namespace) -> None:
    from imagineid_core.checkpoint import write_whole
    from imagineid_core.face.align import CROP_SIZE, align_face, crop_face, into_crop
    from imagineid_core.face.fit import FitConfig, fit_face
    from imagineid_core.face.load import load_face
    from imagineid_core.face.mesh import mesh_from
    from imagineid_core.performance import TENSORS, save_performance
    from imagineid_core.render.camera import d3dfr_camera
    from imagineid_core.render.mesh_frame import render_mesh_frame
    from imagineid_core.video.picture import load_picture, save_picture

    folder = Path(options.out)
    if not options.landmark_noise > 0:
        raise InputError(f"landmark-noise is {options.landmark_noise} but must be above 0 pixels.")
    refuse_overwriting(folder, (TENSORS, "fit.json", "fit.png"), options.overwrite)
    image, points = load_picture(options.image), _load_landmarks(Path(options.landmarks))
    basis = load_face(options.basis)
    height, width = image.shape[1:]
    alignment = None if options.framed else align_face(points, height=height, width=width)
    if alignment is not None:
        image, points = crop_face(image, alignment), into_crop(points, alignment)
        height = width = CROP_SIZE
    camera = d3dfr_camera(height, width)

    def draw(mesh: "Mesh"):
        frame = render_mesh_frame(mesh, camera)
        return frame.colour, frame.front_mask

    with stage_bars() as bars:
        coefficients, stages = fit_face(
            points[None],
            basis,
            height=height,
            width=width,
            images=image[None] if options.photometric else None,
            render=draw if options.photometric else None,
            config=FitConfig(landmark_sigma=options.landmark_noise),
            on_progress=bars.steps,
        )
    frame = render_mesh_frame(mesh_from(coefficients, basis), camera, antialias=True)
    save_performance(folder, _still(coefficients), source=Path(options.image).name)
    report = {
        "stages": [asdict(stage) for stage in stages],
        "basis": basis.name,
        "texture": coefficients.texture[0].tolist(),
        "lighting": coefficients.lighting[0].tolist(),
        "trans_params": None if alignment is None else alignment.trans_params,
    }
    write_whole(folder / "fit.json", json.dumps(report, indent=1).encode())
    overlay = _overlay(image, frame.colour[0], frame.mesh_mask[0], points, frame.landmarks[0])
    save_picture(overlay, folder / "fit.png")
    print(f"landmark error {stages[-1].landmark_error:.2f} px of 224 -> {folder}")


def _still(coefficients: "FaceCoefficients") -> "Performance":
    """A performance of one frame, so that `face render` can draw what was fitted."""
    from imagineid_core.values import PAPER_FPS, MotionTrack, Performance

    return Performance(
        shape=coefficients.shape[0],
        semantics=None,
        style=None,
        lip_expression=None,
        expression=coefficients.expression,
        motion=MotionTrack(
            pose=coefficients.pose, blink=coefficients.pose.new_zeros(1), fps=PAPER_FPS
        ),
    )


def _load_landmarks(path: Path) -> "Tensor":
    """68 pairs, or `landmarks.json` of `face render`, of which the first frame is taken."""
    import torch

    if not path.is_file():
        raise InputError(f"Landmarks {path} are not there. Check the path.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        points = torch.tensor(content["landmarks"] if isinstance(content, dict) else content)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.name} does not hold landmarks ({type(error).__name__}: {error}). "
            "Give a JSON list of 68 [column, row] pairs in pixels."
        ) from error
    points = points[0] if points.ndim == 3 and len(points) else points
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(
            f"{path.name} holds numbers of size {tuple(points.shape)} but landmarks are 68 pairs. "
            "Give a JSON list of 68 [column, row] pairs in pixels."
        )
    return points.float()


def _overlay(
    image: "Tensor", rendered: "Tensor", mask: "Tensor", wanted: "Tensor", reached: "Tensor"
) -> "Tensor":
    """Picture, face on the picture, and the landmarks asked for (green) and reached (red)."""
    import torch

    pasted = image * (1 - mask) + rendered * mask
    marked = (image + pasted) / 2
    for points, colour in ((wanted, (-1.0, 1.0, -1.0)), (reached, (1.0, -1.0, -1.0))):
        for column, row in points.long().tolist():
            if 0 <= row < marked.shape[1] and 0 <= column < marked.shape[2]:
                marked[:, row, column] = torch.tensor(colour)
    return torch.cat([image, pasted, marked], dim=2)
