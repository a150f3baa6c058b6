"""Draw pictures/conventions.png: a mesh frame, its axes, and what each of its images means."""

from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from imagineid_core.face.lighting import default_lighting
from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.open_face import expression_from_controls, open_face_basis
from imagineid_core.render.camera import d3dfr_camera, project
from imagineid_core.render.mesh_frame import render_mesh_frame
from imagineid_core.values import FaceCoefficients

SIZE = 448
POSE = (0.0, 0.35, 0.0, 0.0, 0.0, 0.0)  # yaw to the viewer's right
AXES = {"x": ((0.9, 0.0, 0.0), "#c0392b"), "y": ((0.0, 0.9, 0.0), "#27803b")}
TOWARD_YOU = "#2255c4"  # z


def main() -> None:
    basis = open_face_basis()
    coefficients = FaceCoefficients(
        shape=torch.zeros(1, 80),
        expression=expression_from_controls({"jaw_open": 0.35}),
        texture=torch.zeros(1, 80),
        lighting=default_lighting(),
        pose=torch.tensor([POSE]),
    )
    camera = d3dfr_camera(SIZE)
    frame = render_mesh_frame(mesh_from(coefficients, basis), camera, antialias=True)
    figure = Figure(figsize=(15, 8.2), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 4)
    images = [
        ("colour: axes; z points to you; yaw +20 degrees", frame.colour),
        ("untextured: light on mid grey", frame.untextured),
        ("normals: red left, green up, blue to you", frame.normals),
        ("depth: near bright, 9.0 to 11.5 dm", frame.depth),
        ("mesh_mask", frame.mesh_mask * 2 - 1),
        ("front_mask", frame.front_mask * 2 - 1),
        ("mouth_mask and its dilation", frame.mouth_mask + frame.dilated_mouth_mask - 1),
        ("68 landmarks; grey are hidden", frame.colour),
    ]
    for panel, (title, image) in zip(panels.flat, images, strict=True):
        picture = (image[0].expand(3, -1, -1).permute(1, 2, 0) + 1) / 2
        panel.imshow(picture.numpy(), extent=(0, SIZE, SIZE, 0))
        panel.set_title(title, fontsize=11)
    _draw_axes(panels[0, 0], camera)
    _draw_landmarks(panels[1, 3], frame)
    figure.savefig(Path(__file__).parent / "pictures" / "conventions.png")


def _draw_axes(panel, camera) -> None:
    for name, (end, colour) in AXES.items():
        line = torch.tensor([[[0.0, 0.0, 0.6], [end[0], end[1], 0.6 + end[2]]]])
        (column, row), (to_column, to_row) = project(line, camera)[0, :, :2].tolist()
        arrow = {"arrowstyle": "->", "color": colour, "lw": 2.5}
        panel.annotate("", (to_column, to_row), (column, row), arrowprops=arrow)
        panel.text(to_column + 6, to_row - 6, name, color=colour, fontsize=15, weight="bold")
    panel.plot(SIZE / 2, SIZE / 2, "o", markersize=13, mfc="white", mec=TOWARD_YOU, mew=2.5)
    panel.plot(SIZE / 2, SIZE / 2, ".", color=TOWARD_YOU)
    panel.text(SIZE / 2 + 12, SIZE / 2 + 24, "z", color=TOWARD_YOU, fontsize=15, weight="bold")
    panel.set(xlabel="column", ylabel="row")


def _draw_landmarks(panel, frame) -> None:
    points, visible = frame.landmarks[0], frame.landmarks_visible[0]
    for index, ((column, row), seen) in enumerate(
        zip(points.tolist(), visible.tolist(), strict=True)
    ):
        colour = "#36e08c" if seen else "#9a9a9a"
        panel.plot(column, row, ".", color=colour, markersize=4)
        panel.text(column + 2, row, str(index), color=colour, fontsize=5)
    panel.set(xlim=(0, SIZE), ylim=(SIZE, 0))


if __name__ == "__main__":
    main()
