"""How a clip is imagined: seed, steps, guidance, and what may differ from Alg. 1 (all off).

Knows nothing about models: which scheduler takes the steps is the host's affair.
"""

import hashlib
from dataclasses import dataclass

from imagineid_core.errors import InputError

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class ImagineConfig:
    """Alg. 1 with the paper's T = 50. Guidance and anchoring the background are our choice."""

    seed: int = 0
    num_steps: int = 50  # T
    first_guidance: float = 7.5  # of the first frame, which has only text and mesh to go by
    guidance: float = 1.0  # of the others; 1 is none and halves the work
    guided_share: float = 1.0  # of the steps, from the first on, that are guided at all
    # DDIM's eta: 0 adds no noise in a step, 1 as much as DDPM, which lets later steps mend what
    # earlier ones got wrong. What is added is shared by all frames, as z_T is.
    eta: float = 0.0
    matte_dilation: float = 0.02  # of m, a fraction of the image height
    mouth_fill: float = -1.0  # what M paints over the mouth of I_ad; black, as in training
    meshes_ahead: int = 4  # how many I_rd are encoded together
    # Beyond the paper:
    # An imagined first frame is made anew, as a coherent frame of itself, so many times: with none,
    # a model whose two modes differ in looks shows a jump behind the first frame.
    settles: int = 0
    anchors_background: bool = True  # off: the plate is Conv(F_ve) of I_bg and no more
    warm_start: float | None = None  # begin from frame i-1, noised for this share of the steps
    resync: int | None = None  # I_ad by masking latents; through pixels every so many frames
    fresh_step_noise: bool = False  # stochastic samplers draw other noise in every frame

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= LARGEST_SEED:
            raise InputError(f"seed is {self.seed}. Use a whole number from 0 to 2^63 - 1.")
        for name in ("num_steps", "meshes_ahead", "resync"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value} but must be at least 1. Use a larger one.")
        for name in ("first_guidance", "guidance"):
            value = getattr(self, name)
            if not 1 <= value < float("inf"):
                raise InputError(f"{name} is {value:g} but 1 is none. Use 1 or more.")
        if not 0 < self.guided_share <= 1:
            raise InputError(
                f"guided_share is {self.guided_share:g}. Use a share of the steps between 0 and 1; "
                "without guidance at all, set it to 1."
            )
        if not 0 <= self.eta <= 1:
            raise InputError(f"eta is {self.eta:g}. Use a share of the noise from 0 to 1.")
        if self.settles < 0:
            raise InputError(f"settles is {self.settles}. Use 0 for none, or 1 or 2.")
        if not 0 <= self.matte_dilation <= 0.5:
            raise InputError(
                f"matte_dilation is {self.matte_dilation:g}. "
                "Use a fraction of the image height from 0 to 0.5, for example 0.02."
            )
        if not -1 <= self.mouth_fill <= 1:
            raise InputError(
                f"mouth_fill is {self.mouth_fill:g} but images live in [-1, 1]. Use -1 for black."
            )
        if self.warm_start is not None and not 0 < self.warm_start <= 1:
            raise InputError(
                f"warm_start is {self.warm_start:g}. Use a share of the steps between 0 and 1, "
                "for example 0.6, or leave it out."
            )

    @property
    def keeps_latents(self) -> bool:
        """An option needs z_0 of the frame before."""
        return self.warm_start is not None or self.resync is not None


def paper_config(seed: int = 0) -> ImagineConfig:
    """Alg. 1 in 50 steps."""
    return ImagineConfig(seed=seed)


def quick_config(seed: int = 0) -> ImagineConfig:
    """Twenty steps of a deterministic scheduler: what we run on a CPU."""
    return ImagineConfig(seed=seed, num_steps=20)


def few_step_config(seed: int = 0, num_steps: int = 4) -> ImagineConfig:
    """For models or LoRAs distilled to few steps (LCM, TCD, Hyper-SD), guidance distilled in."""
    return ImagineConfig(seed=seed, num_steps=num_steps, first_guidance=1.0)


def step_seed(config: ImagineConfig, frame: int, step: int) -> int:
    """The seed of what a stochastic sampler draws in one step of one frame.

    As z_T is shared, so is this noise unless `fresh_step_noise`: other noise in every frame
    flickers. It depends on nothing that was drawn before, so a clip can go on from any frame.
    """
    drawn = f"{config.seed}/{frame if config.fresh_step_noise else 0}/{step}"
    digest = hashlib.blake2b(drawn.encode("ascii"), digest_size=8).digest()
    return int.from_bytes(digest, "big") & LARGEST_SEED
