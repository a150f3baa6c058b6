"""Dress a head and take its picture, its matte, the place without it, and its mesh frame.

One training example of the mini suite, by formula. Knows nothing about networks or files.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from imagineid_core.corpus.portrait.attributes import PortraitAttributes
from imagineid_core.corpus.portrait.backdrop import backdrop
from imagineid_core.corpus.portrait.caption import caption_of
from imagineid_core.corpus.portrait.clothing import clothing_pieces
from imagineid_core.corpus.portrait.facial_hair import beard_piece
from imagineid_core.corpus.portrait.glasses import glasses_piece
from imagineid_core.corpus.portrait.hair import hair_pieces
from imagineid_core.corpus.portrait.pieces import Piece
from imagineid_core.errors import InputError
from imagineid_core.face.geometry import vertex_normals, vertices_from
from imagineid_core.face.lighting import default_lighting, irradiance
from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.open_face import open_face_basis
from imagineid_core.face.open_face.rest import rest_face
from imagineid_core.face.pose import pose_normals, pose_vertices
from imagineid_core.render.camera import Camera, d3dfr_camera, project
from imagineid_core.render.mesh_frame import MeshFrame, render_mesh_frame
from imagineid_core.render.rasterize import rasterize
from imagineid_core.render.shade import interpolate
from imagineid_core.values import FaceCoefficients, Mesh

_NECK_ROW = 57  # of the head's grid: the collar closes here
_LAST_NECK_ROW = 58  # below it the head's mesh gives way to the clothes
_SAMPLES = 3  # per pixel and axis
_FAR = 30.0  # dm; hair behind the head reaches beyond D3DFR's 15


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A picture and everything that is known about it. Images are RGB in [-1, 1]."""

    image: Float[Tensor, "1 3 height width"]
    matte: Float[Tensor, "1 1 height width"]  # 1 on the person, 0 on the background
    clean_plate: Float[Tensor, "1 3 height width"]  # the background alone
    caption: str
    mesh_frame: MeshFrame  # the bare head as the generator is shown it: no one's colours or light


def render_portrait(
    attributes: PortraitAttributes,
    coefficients: FaceCoefficients,
    size: int = 128,
) -> Portrait:
    """One frame of a dressed person at `size` pixels; hair, glasses and beard follow the head."""
    if coefficients.expression.shape[0] != 1:
        raise InputError(
            f"coefficients hold {coefficients.expression.shape[0]} frames but a portrait is one. "
            "Render frame by frame."
        )
    camera = replace(d3dfr_camera(size), far=_FAR)
    mesh = mesh_from(coefficients, open_face_basis())
    drawn = _dressed(attributes, coefficients, mesh)
    colour, matte = _drawn(drawn, camera)
    plate = backdrop(attributes, size)
    return Portrait(
        image=colour + plate * (1 - matte),
        matte=matte,
        clean_plate=plate,
        caption=caption_of(attributes),
        mesh_frame=render_mesh_frame(_colourless(coefficients), camera, antialias=True),
    )


def _colourless(coefficients: FaceCoefficients) -> Mesh:
    """A voice tells shape and expression; who learned skin or light from a mesh would miss them."""
    known = replace(
        coefficients,
        texture=torch.zeros_like(coefficients.texture),
        lighting=default_lighting(len(coefficients.lighting)),
    )
    return mesh_from(known, open_face_basis())


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """All that is seen, in world space, with its final colour in [0, 1]."""

    vertices: Tensor  # [vertices, 3]
    triangles: Tensor  # [triangles, 3]
    colour: Tensor  # [vertices, 3]


def _dressed(attributes: PortraitAttributes, coefficients: FaceCoefficients, mesh: Mesh) -> _Drawn:
    basis = open_face_basis()
    still = replace(coefficients, expression=torch.zeros_like(coefficients.expression))
    bare = vertices_from(still, basis)[0].numpy().astype(np.float64)
    moving = vertices_from(coefficients, basis)
    normals = vertex_normals(moving, basis.triangles)[0].numpy()
    on_face = (
        beard_piece(attributes, moving[0].numpy().astype(np.float64), normals),
        glasses_piece(attributes, bare),
    )
    grid = rest_face().skin.grid
    neck = mesh.vertices[0, torch.from_numpy(grid[_NECK_ROW])].numpy().astype(np.float64)
    skin = mesh.albedo[0, int(grid[_NECK_ROW, 0])].numpy()
    pieces = hair_pieces(attributes, bare, skin)
    pieces += [piece for piece in on_face if piece is not None]
    pieces += clothing_pieces(attributes, neck, skin, float(coefficients.pose[0, 1]))

    below = torch.zeros(mesh.vertices.shape[1], dtype=torch.bool)
    below[torch.from_numpy(grid[_LAST_NECK_ROW + 1 :].ravel())] = True
    triangles = [mesh.triangles[~below[mesh.triangles].any(dim=1)]]
    vertices = [mesh.vertices[0]]
    colours = [(mesh.albedo * mesh.irradiance)[0]]
    count = mesh.vertices.shape[1]
    for piece in pieces:
        placed, colour = _lit(piece, coefficients)
        vertices.append(placed)
        colours.append(colour)
        triangles.append(torch.from_numpy(piece.triangles).long() + count)
        count += len(placed)
    return _Drawn(
        vertices=torch.cat(vertices),
        triangles=torch.cat(triangles),
        colour=torch.cat(colours).clamp(0, 1),
    )


def _lit(piece: Piece, coefficients: FaceCoefficients) -> tuple[Tensor, Tensor]:
    """World vertices and colour, under the same light as the head."""
    vertices = torch.from_numpy(piece.vertices).float()[None]
    triangles = torch.from_numpy(piece.triangles).long()
    normals = vertex_normals(vertices, triangles)
    if piece.turns_with_head:
        normals = pose_normals(normals, coefficients.pose)
        vertices = pose_vertices(vertices, coefficients.pose)
    light = irradiance(normals, coefficients.lighting)
    albedo = torch.tensor(piece.albedo, dtype=torch.float32)
    return vertices[0], albedo * light[0]


def _drawn(drawn: _Drawn, camera: Camera) -> tuple[Tensor, Tensor]:
    """Premultiplied colour in [-1, 1] and coverage, several samples a pixel."""
    fine = replace(d3dfr_camera(camera.height * _SAMPLES, camera.width * _SAMPLES), far=camera.far)
    fragments = rasterize(
        project(drawn.vertices[None], fine),
        drawn.triangles,
        fine.height,
        fine.width,
        near=fine.near,
        far=fine.far,
    )
    covered = (fragments.triangle >= 0).float()[:, None]
    colour = interpolate(drawn.colour[None] * 2 - 1, drawn.triangles, fragments)
    return avg_pool2d(colour * covered, _SAMPLES), avg_pool2d(covered, _SAMPLES)
