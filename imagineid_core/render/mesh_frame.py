"""A posed mesh to everything the generator is shown of it: I_rd, masks, normals, depth (Eq. 9).

Knows nothing about the face model behind the mesh, about networks or about video.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, normalize

from imagineid_core.errors import InputError
from imagineid_core.render.camera import Camera, project
from imagineid_core.render.masks import dilate, hole_cover, region_mask
from imagineid_core.render.rasterize import Fragments, rasterize
from imagineid_core.render.shade import interpolate
from imagineid_core.values import Mesh

_MID_GREY = 0.5
_VISIBLE_WITHIN = 0.03  # dm: a landmark this far behind the surface still lies on it


@dataclass(frozen=True, kw_only=True)
class MeshFrame:
    """What is seen of a mesh. Images are RGB in [-1, 1], masks are 1 inside and 0 outside.

    `normals` and `depth` follow the ControlNets of Stable Diffusion 1.5 and are comparable
    between frames. The background of `normals` faces the viewer; the other images say theirs.
    """

    colour: Float[Tensor, "batch 3 height width"]  # I_rd; background as asked for
    untextured: Float[Tensor, "batch 3 height width"]  # light on mid grey; background the same
    normals: Float[Tensor, "batch 3 height width"]  # red left, green up, blue toward the viewer
    depth: Float[Tensor, "batch 3 height width"]  # near bright, far dark, background -1
    mesh_mask: Float[Tensor, "batch 1 height width"]
    front_mask: Float[Tensor, "batch 1 height width"]  # mouth included; no ears, neck, scalp
    mouth_mask: Float[Tensor, "batch 1 height width"]  # lips and all between them
    dilated_mouth_mask: Float[Tensor, "batch 1 height width"]
    landmarks: Float[Tensor, "batch landmarks 2"]  # column, row; pixel centres at .5
    landmarks_visible: Bool[Tensor, "batch landmarks"]


def render_mesh_frame(
    mesh: Mesh,
    camera: Camera,
    *,
    background: float = -1.0,
    depth_range: tuple[float, float] = (9.0, 11.5),
    mouth_dilation: float = 0.02,
    antialias: bool = False,
    cull_back_faces: bool = False,
    rasterizer: Callable[..., Fragments] = rasterize,
) -> MeshFrame:
    """Render a batch of meshes: colour = albedo * irradiance, and all that goes with it.

    `background` is the grey of colour images, black (-1) as D3DFR leaves it. `depth_range`, in
    dm from the camera, is drawn from white to black, the same in every frame, so depth does not
    flicker with the pose. `mouth_dilation` is a fraction of the image height. `antialias` averages
    four samples a pixel for the two colour images; masks, normals and depth have one, at the
    centre. `rasterizer` is `rasterize` or `rasterize_pytorch3d`.

    Normal ControlNets agree on axes. The author of NormalBAE draws normals pointing into the
    surface on axes right, down, front (he says so of DSINE, its issue 12): ours point out, so left,
    up, toward the viewer. ControlNet 1.0 takes x and y from the slope of MiDaS's inverse depth,
    positive where the surface faces left and up. Its depth maps are MiDaS's: near is bright.
    """
    _check(mesh, background, depth_range)
    triangles, height, width = mesh.triangles, camera.height, camera.width
    vertices, cover = hole_cover(mesh.vertices.float(), triangles, mesh.mouth)
    projected = project(vertices, camera)
    screen = projected[:, :-1]
    draw = partial(rasterizer, near=camera.near, far=camera.far)
    draw_mesh = partial(draw, triangles=triangles, cull_back_faces=cull_back_faces)

    fragments = draw_mesh(screen, height=height, width=width)
    opening = draw(projected, cover, height, width)
    if antialias:
        twice = screen * screen.new_tensor([2.0, 2.0, 1.0])
        fine = draw_mesh(twice, height=2 * height, width=2 * width)
        colour = avg_pool2d(_colour_images(mesh, fine, background), 2)
    else:
        colour = _colour_images(mesh, fragments, background)
    mouth_mask = _mouth_mask(mesh, fragments, opening)
    return MeshFrame(
        colour=colour[:, :3],
        untextured=colour[:, 3:],
        normals=_normal_image(mesh, screen, fragments),
        depth=_depth_image(fragments, depth_range),
        mesh_mask=(fragments.triangle >= 0)[:, None].float(),
        front_mask=torch.maximum(region_mask(mesh.front, triangles, fragments), mouth_mask),
        mouth_mask=mouth_mask,
        dilated_mouth_mask=dilate(mouth_mask, mouth_dilation),
        landmarks=screen[:, mesh.landmarks.long(), :2],
        landmarks_visible=_visible(screen[:, mesh.landmarks.long()], fragments, camera),
    )


def _colour_images(mesh: Mesh, fragments: Fragments, background: float) -> Tensor:
    """Textured and untextured, six channels; light beyond white stays white."""
    light = mesh.irradiance.float()
    colours = torch.cat([mesh.albedo.float() * light, _MID_GREY * light], dim=-1)
    image = interpolate(colours, mesh.triangles, fragments, background=(background + 1) / 2)
    return image.clamp(0, 1) * 2 - 1


def _normal_image(mesh: Mesh, screen: Tensor, fragments: Fragments) -> Tensor:
    axes = mesh.normals.float() * screen.new_tensor([-1.0, 1.0, 1.0])
    image = interpolate(axes, mesh.triangles, fragments)
    # What is seen from behind, as through an open mouth, faces the viewer too.
    image = torch.where(_seen_from_behind(mesh, screen, fragments)[:, None], -image, image)
    covered = (fragments.triangle >= 0)[:, None]
    facing = image.new_tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    return normalize(torch.where(covered, image, facing), dim=1)


def _seen_from_behind(mesh: Mesh, screen: Tensor, fragments: Fragments) -> Tensor:
    a, b, c = (screen[:, corner, :2] for corner in mesh.triangles.long().t())
    (column_b, row_b), (column_c, row_c) = (b - a).unbind(-1), (c - a).unbind(-1)
    clockwise = column_b * row_c - row_b * column_c > 0  # rows count downward
    # One more entry, False, for the background.
    clockwise = torch.cat([clockwise, clockwise.new_zeros(len(clockwise), 1)], dim=1)
    triangle = fragments.triangle.long()
    triangle = torch.where(triangle < 0, len(mesh.triangles), triangle)
    return clockwise.gather(1, triangle.flatten(1)).view(triangle.shape)


def _depth_image(fragments: Fragments, depth_range: tuple[float, float]) -> Tensor:
    near, far = depth_range
    brightness = ((far - fragments.depth) / (far - near)).clamp(0, 1)
    brightness = torch.where(fragments.triangle >= 0, brightness, 0.0)
    return (brightness * 2 - 1)[:, None].expand(-1, 3, -1, -1)


def _mouth_mask(mesh: Mesh, fragments: Fragments, opening: Fragments) -> Tensor:
    lips = region_mask(mesh.mouth, mesh.triangles, fragments)
    unhidden = (fragments.triangle < 0) | (opening.depth <= fragments.depth)
    between = (opening.triangle >= 0) & unhidden
    return torch.maximum(lips, between[:, None].float())


def _visible(landmarks: Tensor, fragments: Fragments, camera: Camera) -> Tensor:
    """Inside the picture, and not behind the surface in all the nine pixels around."""
    column, row, depth = landmarks.unbind(-1)
    in_frame = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    in_frame &= (depth > camera.near) & (depth < camera.far)
    seen = torch.where(fragments.triangle >= 0, fragments.depth, camera.far)
    farthest = max_pool2d(seen[:, None], 3, stride=1, padding=1).flatten(1)
    pixel = row.long().clamp(0, camera.height - 1) * camera.width
    pixel = pixel + column.long().clamp(0, camera.width - 1)
    return in_frame & (depth <= farthest.gather(1, pixel) + _VISIBLE_WITHIN)


def _check(mesh: Mesh, background: float, depth_range: tuple[float, float]) -> None:
    for name in ("vertices", "normals", "albedo", "irradiance"):
        if not bool(getattr(mesh, name).isfinite().all()):
            raise InputError(
                f"mesh.{name} holds NaN or infinite values. "
                "Check the coefficients the mesh was made from."
            )
    if not -1 <= background <= 1:
        raise InputError(
            f"background is {background} but images live in [-1, 1]. "
            "Use -1 for black, 0 for grey or 1 for white."
        )
    near, far = depth_range
    if not near < far:
        raise InputError(
            f"depth_range is {depth_range}, which has no extent. "
            "Give the nearest distance from the camera first, then the farthest, in dm."
        )
