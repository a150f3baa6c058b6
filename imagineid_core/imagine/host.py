"""What Alg. 1 asks of whoever runs the diffusion model, and what it hands over for each frame.

Images are RGB in [-1, 1], masks 1 on the person or the mouth, batch 1 unless said. Latents have the
scale the UNet works in. Knows nothing about diffusers, ComfyUI or the order of the frames.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

Image = Float[Tensor, "batch 3 height width"]
Mask = Float[Tensor, "batch 1 height width"]
Latent = Float[Tensor, "batch channels rows columns"]
Features = Any  # what `condition` gives is the host's own affair
Plate = Any  # what `background` gives, likewise


@dataclass(frozen=True, kw_only=True)
class MeshPicture:
    """One frame of the mesh as Alg. 1 needs it."""

    colour: Float[Tensor, "1 3 height width"]  # I_rd
    mouth_mask: Float[Tensor, "1 1 height width"]  # what M hides, dilated
    head_mask: Float[Tensor, "1 1 height width"] | None = None  # a matte where there is no other
    control: Float[Tensor, "1 3 height width"] | None = None  # for a ControlNet: normals or depth


@dataclass(frozen=True, kw_only=True)
class Denoising:
    """One frame's way from z_T to z_0."""

    num_steps: int
    guidance: float  # classifier-free guidance; 1 is none, and costs nothing
    step_seed: Callable[[int], int]  # the seed of what a stochastic sampler draws in a step
    on_step: Callable[[int], None]  # called after each step with how many are done; may raise
    guided_share: float = 1.0  # of all steps, from the first on, in which there is guidance
    eta: float = 0.0  # DDIM's: the share of a step's noise that is drawn anew
    start: Latent | None = None  # begin from this latent, noised, instead of from noise alone
    strength: float = 1.0  # and how far it is noised: the share of the steps that is run


@runtime_checkable
class Host(Protocol):
    """A latent diffusion model with the three adapters, of which every one may be missing."""

    @property
    def latent_channels(self) -> int: ...

    @property
    def pixels_per_latent(self) -> int:
        """8 for Stable Diffusion."""
        ...

    @property
    def is_steered(self) -> bool:
        """There is an SCA; else conditions are not even encoded."""
        ...

    @property
    def blends(self) -> bool:
        """There is an MBA; else there is no matte and no background either."""
        ...

    def encode(self, images: Image) -> Latent:
        """E: the mean of the VAE's posterior, so the same picture has the same latent."""
        ...

    def condition(
        self,
        picture: MeshPicture,
        mesh: Latent | None,
        identity: Latent | None,
        previous: Latent | None,
    ) -> Features:
        """F_sc of Eq. 9, once a frame; `identity` and `previous` are None in diverse mode.

        Every latent is None where nothing steers; `picture` is for a ControlNet.
        """
        ...

    def denoise(self, noise: Latent, features: Features, way: Denoising) -> Latent:
        """z_0 from z_T of unit variance, the text Y and the features."""
        ...

    def background(
        self, image: Image, shown: Latent | None = None, mask: Mask | None = None
    ) -> Plate:
        """What MBA needs of I_bg: Conv(F_ve) of Eq. 10, made once a clip.

        With the latent of a frame, and the mask of what hides the place there, `anchored` to it.
        """
        ...

    def decode(self, latent: Latent, plate: Plate | None, mask: Mask | None) -> Image:
        """D, or D' of Eq. 10 with a background and a mask."""
        ...

    def matte(self, image: Image, head: Mask | None) -> Mask:
        """G_MOD: where the person is; `head` is where the mesh of the same frame is, if known."""
        ...

    def inpaint(self, image: Image, mask: Mask) -> Image:
        """G_IA: the picture with what the mask covers filled from its surroundings."""
        ...
