"""Expressions to the pictures a lip reader reads: 88 x 88 grey mouths, textured and lit (Sec. 3.1).

"We project the coefficients to the image domain with textures": the mouth's part of the mesh alone
is drawn, differentiable in shape and expression. Knows nothing about audio or lip readers.
"""

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.face.lighting import default_lighting
from imagineid_core.face.mesh import mesh_from
from imagineid_core.render.camera import Camera, project
from imagineid_core.render.rasterize import rasterize
from imagineid_core.render.shade import interpolate
from imagineid_core.values import FaceBasis, FaceCoefficients

SIZE = 88  # pixels; what lip readers of LRW take
_FRAME = 256  # pixels of the whole face picture from which they cut it
_FOCAL = 1015.0 * _FRAME / 224  # D3DFR's camera at that size
_MARGIN = 0.55  # dm round the lips' middle: more than the crop shows, for wide and turned faces
_MOUTH = slice(48, 68)  # landmarks in iBUG order
_LUMA = (0.299, 0.587, 0.114)  # RGB to grey as photographs are made grey
_TEXTURE, _LIGHT, _ANGLE = 0.7, 0.05, 0.12  # standard deviations of looks; angles in radians


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the faces of a batch are seen; one row a clip."""

    texture: Float[Tensor, "batch texture"]
    lighting: Float[Tensor, "batch lighting=27"]
    pose: Float[Tensor, "batch pose=6"]


class MouthCamera(nn.Module):
    """Draws mouths of one face model, which moves with the module and is not saved with it."""

    def __init__(self, basis: FaceBasis) -> None:
        super().__init__()
        part = mouth_part(basis)
        self._name, self._fields = part.name, []
        for field in dataclasses.fields(part):
            if isinstance(value := getattr(part, field.name), Tensor):
                self._fields.append(field.name)
                self.register_buffer(f"_{field.name}", value, persistent=False)

    @property
    def basis(self) -> FaceBasis:
        fields = {name: getattr(self, f"_{name}") for name in self._fields}
        return FaceBasis(name=self._name, **fields)

    def forward(
        self,
        shape: Float[Tensor, "batch shape"],
        expression: Float[Tensor, "batch frames expression"],
        look: Look,
    ) -> Float[Tensor, "batch frames height=88 width=88"]:
        """Grey in [0, 1], background black; each clip's crop is centred on its mouth."""
        basis = self.basis
        # Geometry runs in float32; and clip by clip, since larger pieces leave the CPU's cache.
        with torch.autocast(shape.device.type, enabled=False):
            clips = [
                _draw(shape[i].float(), expression[i].float(), look, i, basis)
                for i in range(len(shape))
            ]
        return torch.stack(clips)


def random_look(basis: FaceBasis, num_clips: int, device: torch.device) -> Look:
    """Another skin, light and a slightly turned head for each clip."""
    texture = torch.randn(num_clips, basis.texture_basis.shape[-1]) * _TEXTURE
    lighting = default_lighting(num_clips) + torch.randn(num_clips, 27) * _LIGHT
    pose = torch.cat([torch.randn(num_clips, 3) * _ANGLE, torch.zeros(num_clips, 3)], dim=1)
    return Look(texture=texture.to(device), lighting=lighting.to(device), pose=pose.to(device))


def mouth_part(basis: FaceBasis) -> FaceBasis:
    """The triangles round the mouth and what lies behind the lips, with the mouth's landmarks."""
    vertices = basis.mean_vertices
    middle = vertices[basis.landmarks[_MOUTH]].mean(dim=0)
    beside = (vertices - middle)[:, :2].abs().amax(dim=1) < _MARGIN
    wanted = (beside & (vertices[:, 2] > middle[2] - _MARGIN)) | basis.mouth
    kept = basis.triangles[wanted[basis.triangles].all(dim=1)]
    landmarks = basis.landmarks[_MOUTH]
    used = torch.cat([kept.flatten(), landmarks]).unique()
    number = torch.full((len(vertices),), -1, device=vertices.device)
    number[used] = torch.arange(len(used), device=vertices.device)
    per_vertex = ("shape_basis", "expression_basis", "mean_albedo", "texture_basis")
    cut = {name: getattr(basis, name)[used] for name in (*per_vertex, "mouth", "eyes", "front")}
    return dataclasses.replace(
        basis,
        name=f"{basis.name}, mouth",
        mean_vertices=vertices[used],
        triangles=number[kept],
        landmarks=number[landmarks],
        **cut,
    )


def _draw(shape: Tensor, expression: Tensor, look: Look, clip: int, basis: FaceBasis) -> Tensor:
    num_frames = len(expression)
    still = (
        one[None].expand(num_frames, -1)  # stride 0: what does not move is computed once
        for one in (shape, look.texture[clip], look.lighting[clip], look.pose[clip])
    )
    shapes, textures, lights, poses = still
    mesh = mesh_from(
        FaceCoefficients(
            shape=shapes, expression=expression, texture=textures, lighting=lights, pose=poses
        ),
        basis,
    )
    camera = Camera(height=SIZE, width=SIZE, focal=_FOCAL, centre=(0.0, 0.0))
    screen = project(mesh.vertices, camera)
    # One centre for the clip: a centre for each frame would hide how the jaw moves.
    centre = screen[:, basis.landmarks, :2].detach().mean(dim=(0, 1)) - SIZE / 2
    screen = screen - torch.cat([centre, centre.new_zeros(1)])
    fragments = rasterize(screen, basis.triangles, SIZE, SIZE, near=camera.near, far=camera.far)
    luma = screen.new_tensor(_LUMA)
    grey = ((mesh.albedo * mesh.irradiance).clamp_min(0) * luma).sum(dim=-1, keepdim=True)
    return interpolate(grey, basis.triangles, fragments)[:, 0].clamp(max=1)
