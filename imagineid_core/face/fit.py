"""Coefficients of any face basis from landmarks and a picture, without a network (supplement 0.1).

Stands in for D3DFR where its weights or the Basel Face Model may not be used: the most probable
coefficients under normal priors, by gradient. Knows no renderer: one is passed in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.face.geometry import vertices_from
from imagineid_core.face.landmarks import CONTOUR, D3DFR_SIZE, project_landmarks
from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.pose import pose_vertices
from imagineid_core.face.pose_from_points import pose_from_points
from imagineid_core.values import FaceBasis, FaceCoefficients, Mesh

# A mesh to its colours, RGB in [-1, 1], and the mask of the pixels to compare, 1 or 0.
Render = Callable[[Mesh], tuple[Tensor, Tensor]]
Unknowns = dict[str, Tensor]
Progress = Callable[[str, int, int], None]  # stage, steps done, steps in all

_NUM_LANDMARKS = 68
_LANDMARK_STAGES = (("pose", ("pose",)), ("landmarks", ("pose", "shape", "expression")))
# Step sizes of Adam. A hundredth of a radian or dm already moves the face by a pixel.
_LIGHT_RATES = {"lighting": 0.05, "texture": 0.05}
_COLOUR_RATES = {
    "shape": 0.05,
    "expression": 0.05,
    "texture": 0.05,
    "lighting": 0.02,
    "pose": 0.003,
}
_SMALLEST_FACE = 4.0  # pixels; landmarks closer together are no face


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How much each part is trusted. Sigmas are standard deviations of normal distributions."""

    landmark_sigma: float = 0.5  # pixels of a 224 image
    contour_trust: float = 0.5  # weight of the jaw line, which slides over the cheek in turns
    shape_sigma: float = 1.0
    expression_sigma: float = 1.0
    texture_sigma: float = 1.0
    lighting_sigma: float = 0.3
    colour_sigma: float = 0.05  # of one pixel, RGB in [-1, 1]; larger differences are outliers
    colour_pixels: float = 1000.0  # how many independent pixels a face counts as
    landmark_steps: int = 200
    light_steps: int = 30
    colour_steps: int = 150


@dataclass(frozen=True, kw_only=True)
class FitStage:
    """What one stage reached, averaged over the batch."""

    name: str
    landmark_error: float  # mean distance, in pixels of a 224 image
    colour_error: float | None = None  # mean absolute difference on the mask, RGB in [-1, 1]


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """What does not change during one fit."""

    landmarks: Tensor
    basis: FaceBasis
    landmark_basis: FaceBasis  # the same face, its 68 landmark vertices alone
    height: int
    width: int
    config: FitConfig


def fit_face(
    landmarks: Float[Tensor, "batch landmarks 2"],
    basis: FaceBasis,
    *,
    height: int,
    width: int | None = None,
    images: Float[Tensor, "images 3 image_height image_width"] | None = None,
    render: Render | None = None,
    one_person: bool = False,
    config: FitConfig | None = None,
    on_progress: Progress | None = None,
) -> tuple[FaceCoefficients, tuple[FitStage, ...]]:
    """Coefficients whose mesh falls on the landmarks and, if given, looks like the pictures.

    `landmarks`: column and row of the 68 iBUG points, pixel centres at .5, in a frame of `height` x
    `width` seen by D3DFR's camera (for photographs: the aligned crop). `images`: RGB in [-1, 1] of
    that size; `render` draws a mesh at that size. `one_person`: all rows share shape and texture,
    which tells identity from expression far better than one picture can.

    Stages: pose; pose, shape and expression; with images, then light and texture, then everything.
    Without images texture and lighting stay zero. How large a face is and how far away cannot be
    told from one picture: the prior makes it a face of average size.
    """
    width = height if width is None else width
    _check(landmarks, height, width, images, render)
    problem = _Problem(
        landmarks=landmarks.detach().float(),
        basis=basis,
        landmark_basis=_landmarks_only(basis),
        height=height,
        width=width,
        config=config or FitConfig(),
    )
    unknowns = _start(problem, 1 if one_person else len(landmarks))
    stages = []
    with torch.enable_grad():
        for name, free in _LANDMARK_STAGES:
            unknowns = _by_landmarks(problem, unknowns, free)
            stages.append(FitStage(name=name, landmark_error=_landmark_error(problem, unknowns)))
        if images is not None and render is not None:
            images = images.detach().float()
            light_steps, colour_steps = problem.config.light_steps, problem.config.colour_steps
            for name, rates, steps in (
                ("light", _LIGHT_RATES, light_steps),
                ("colours", _COLOUR_RATES, colour_steps),
            ):
                unknowns = _by_colours(
                    problem,
                    unknowns,
                    images,
                    render,
                    rates,
                    steps,
                    None if on_progress is None else partial(on_progress, name),
                )
                stage = FitStage(
                    name=name,
                    landmark_error=_landmark_error(problem, unknowns),
                    colour_error=_colour_error(problem, unknowns, images, render),
                )
                stages.append(stage)
    return _coefficients(problem, unknowns), tuple(stages)


def _start(problem: _Problem, num_people: int) -> Unknowns:
    """The mean face in a pose from a simpler camera."""
    landmarks, basis = problem.landmarks, problem.basis
    return {
        "shape": landmarks.new_zeros(num_people, basis.shape_basis.shape[-1]),
        "texture": landmarks.new_zeros(num_people, basis.texture_basis.shape[-1]),
        "expression": landmarks.new_zeros(len(landmarks), basis.expression_basis.shape[-1]),
        "lighting": landmarks.new_zeros(len(landmarks), 27),
        "pose": pose_from_points(
            problem.landmark_basis.mean_vertices,
            landmarks,
            height=problem.height,
            width=problem.width,
        ),
    }


def _by_landmarks(problem: _Problem, unknowns: Unknowns, free: tuple[str, ...]) -> Unknowns:
    unknowns = _freed(unknowns, free)
    optimiser = torch.optim.LBFGS(
        [unknowns[name] for name in free],
        max_iter=problem.config.landmark_steps,
        line_search_fn="strong_wolfe",
    )

    def energy() -> Tensor:
        optimiser.zero_grad()
        total = _landmark_energy(problem, unknowns) + _prior_energy(problem, unknowns)
        total.backward()
        return total

    optimiser.step(energy)
    return _settled(unknowns)


def _by_colours(
    problem: _Problem,
    unknowns: Unknowns,
    images: Tensor,
    render: Render,
    rates: Mapping[str, float],
    steps: int,
    on_step: Callable[[int, int], None] | None,
) -> Unknowns:
    """Adam, not LBFGS: triangles come and go under pixels, so the energy has small jumps."""
    unknowns = _freed(unknowns, tuple(rates))
    groups = [{"params": [unknowns[name]], "lr": rate} for name, rate in rates.items()]
    # A shorter memory than usual: gradients fall by orders of magnitude within a hundred steps.
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
    for step in range(steps):
        optimiser.zero_grad()
        energy = _landmark_energy(problem, unknowns) + _prior_energy(problem, unknowns)
        energy = energy + _colour_energy(problem, unknowns, images, render)
        energy.backward()
        optimiser.step()
        schedule.step()
        if on_step is not None:
            on_step(step + 1, steps)
    return _settled(unknowns)


def _landmark_energy(problem: _Problem, unknowns: Unknowns) -> Tensor:
    trust = torch.ones(_NUM_LANDMARKS, device=problem.landmarks.device)
    trust[CONTOUR] = problem.config.contour_trust
    squares = _landmark_offsets(problem, unknowns).square().sum(dim=-1)
    return (trust * squares).sum() / (2 * problem.config.landmark_sigma**2)


def _landmark_error(problem: _Problem, unknowns: Unknowns) -> float:
    return _landmark_offsets(problem, unknowns).norm(dim=-1).mean().item()


def _landmark_offsets(problem: _Problem, unknowns: Unknowns) -> Tensor:
    """In pixels of a 224 image, whatever the size of this one."""
    coefficients = _coefficients(problem, unknowns)
    basis = problem.landmark_basis
    vertices = pose_vertices(vertices_from(coefficients, basis), coefficients.pose)
    projected = project_landmarks(
        vertices, basis.landmarks, height=problem.height, width=problem.width
    )
    return (projected - problem.landmarks) * (D3DFR_SIZE / problem.height)


def _prior_energy(problem: _Problem, unknowns: Unknowns) -> Tensor:
    config = problem.config
    sigmas = {
        "shape": config.shape_sigma,
        "expression": config.expression_sigma,
        "texture": config.texture_sigma,
        "lighting": config.lighting_sigma,
    }
    energies = [unknowns[name].square().sum() / (2 * sigma**2) for name, sigma in sigmas.items()]
    return torch.stack(energies).sum()


def _colour_energy(problem: _Problem, unknowns: Unknowns, images: Tensor, render: Render) -> Tensor:
    """Pseudo-Huber: edges of lids, lips and hair, where no triangle fits yet, must not rule."""
    differences, mask = _colour_differences(problem, unknowns, images, render)
    squares = differences.square().sum(dim=1) / problem.config.colour_sigma**2
    per_pixel = (1 + squares).sqrt() - 1
    covered = mask.sum(dim=(1, 2, 3)).clamp_min(1)
    return problem.config.colour_pixels * (per_pixel.sum(dim=(1, 2)) / covered).sum()


def _colour_error(problem: _Problem, unknowns: Unknowns, images: Tensor, render: Render) -> float:
    with torch.no_grad():
        differences, mask = _colour_differences(problem, unknowns, images, render)
    return (differences.abs().sum() / (3 * mask.sum()).clamp_min(1)).item()


def _colour_differences(
    problem: _Problem, unknowns: Unknowns, images: Tensor, render: Render
) -> tuple[Tensor, Tensor]:
    colours, mask = render(mesh_from(_coefficients(problem, unknowns), problem.basis))
    if colours.shape != images.shape:
        raise InputError(
            f"images have size {tuple(images.shape)} but render draws {tuple(colours.shape)} "
            "(batch, channels, height, width). Let render draw at the size of the images."
        )
    mask = mask.detach()
    return (colours - images) * mask, mask


def _coefficients(problem: _Problem, unknowns: Unknowns) -> FaceCoefficients:
    frames = len(problem.landmarks)
    return FaceCoefficients(**{name: value.expand(frames, -1) for name, value in unknowns.items()})


def _freed(unknowns: Unknowns, names: tuple[str, ...]) -> Unknowns:
    return {name: value.clone().requires_grad_(name in names) for name, value in unknowns.items()}


def _settled(unknowns: Unknowns) -> Unknowns:
    return {name: value.detach() for name, value in unknowns.items()}


def _landmarks_only(basis: FaceBasis) -> FaceBasis:
    """68 vertices instead of tens of thousands: the landmark stages cost milliseconds."""
    chosen = basis.landmarks
    names = ("mean_vertices", "shape_basis", "expression_basis", "mean_albedo", "texture_basis")
    kept = {name: getattr(basis, name)[chosen] for name in (*names, "mouth", "eyes", "front")}
    return replace(basis, landmarks=torch.arange(len(chosen), device=chosen.device), **kept)


def _check(
    landmarks: Tensor, height: int, width: int, images: Tensor | None, render: Render | None
) -> None:
    if landmarks.shape[1] != _NUM_LANDMARKS:
        raise InputError(
            f"landmarks has {landmarks.shape[1]} points but a fit needs {_NUM_LANDMARKS} in iBUG "
            "order. Use a 68-point detector."
        )
    if len(landmarks) == 0:
        raise InputError("landmarks has 0 rows, so there is no face to fit. Give at least one.")
    if not torch.isfinite(landmarks).all():
        row = int((~torch.isfinite(landmarks)).any(dim=2).any(dim=1).nonzero()[0, 0])
        raise InputError(
            f"landmarks holds NaN or infinite values (row {row}). The detector found no face in "
            "that frame; leave the frame out."
        )
    extent = (landmarks.amax(dim=1) - landmarks.amin(dim=1)).amin(dim=1)
    if (extent < _SMALLEST_FACE).any():
        row = int(extent.argmin())
        raise InputError(
            f"landmarks span only {extent[row]:.2g} pixels (row {row}), so there is no face to "
            "fit. Check the detector, or give landmarks in pixels and not in 0..1."
        )
    if (images is None) != (render is None):
        given, lacking = ("images", "render") if render is None else ("render", "images")
        raise InputError(
            f"{given} is given without {lacking}; colours are compared only with both. "
            f"Give {lacking} too, or neither to fit landmarks alone."
        )
    if images is not None and images.shape != (len(landmarks), 3, height, width):
        raise InputError(
            f"images have size {tuple(images.shape)} but the landmarks are {len(landmarks)} of a "
            f"{height} x {width} frame. Give RGB images of that number, height and width."
        )
