"""Does the place stand still, and does the person pay for it? MBA against plain decoding (Eq. 10).

Knows nothing about how latents came about.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.evaluation.imagine.kept_clips import KeptClip
from imagineid_core.imagine.background import dilate, leaves_background, shows_nobody
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.host import Host

_UNTOUCHED = 0.05  # a mask weaker than this hides nothing
_PERSON = 0.5  # of the true matte
_LEAST = 0.02  # of the picture; of less background nothing is said


@dataclass(frozen=True, kw_only=True)
class StillBackground:
    """Of one clip; PSNR in dB by frame, from the second on."""

    blended: Float[Tensor, " others"]
    plain: Float[Tensor, " others"]
    plain_frames: Float[Tensor, "frames 3 height width"]
    outside: Bool[Tensor, "height width"]


@torch.no_grad()
def still_background(host: Host, clip: KeptClip) -> StillBackground | None:
    """None where the clip was not blended, or its masks leave next to no background."""
    if clip.masks is None:
        return None
    outside = clip.masks.amax(dim=0)[0] < _UNTOUCHED
    if float(outside.float().mean()) < _LEAST:
        return None
    plain = [clip.frames[:1]]  # the first frame is decoded plainly in either way
    plain += [host.decode(one[None], None, None).clamp(-1, 1).cpu() for one in clip.latents[1:]]
    frames = torch.cat(plain)
    return StillBackground(
        blended=_psnr_to_first(clip.frames, outside),
        plain=_psnr_to_first(frames, outside),
        plain_frames=frames,
        outside=outside,
    )


@torch.no_grad()
def foreground_psnr(
    host: Host, corpus: PeopleCorpus, names: Sequence[str], *, has_matting: bool
) -> tuple[float, float] | None:
    """PSNR of the person in real portraits, encoded and decoded plainly, and with MBA; means.

    m is the matte of the host's network as a clip has it, or the true one where there is none;
    what is judged is where the true matte is the person. None if no matte is of any use.
    """
    plainly, blended = [], []
    for name in names:
        stored = corpus.tensors(name, ("portrait", "matte"))
        portrait, matte = to_image(stored["portrait"][:1]), stored["matte"][:1].float() / 255
        mask = host.matte(portrait, None) if has_matting else matte
        mask = dilate(mask, ImagineConfig().matte_dilation)
        if shows_nobody(mask) or not leaves_background(mask):
            continue
        latent = host.encode(portrait)
        plate = host.background(host.inpaint(portrait, mask), latent, mask)
        person = matte[0, 0] > _PERSON
        for found, drawn in (
            (plainly, host.decode(latent, None, None)),
            (blended, host.decode(latent, plate, mask)),
        ):
            found.append(_psnr(drawn.clamp(-1, 1).cpu(), portrait, person))
    if not plainly:
        return None
    return float(torch.cat(plainly).mean()), float(torch.cat(blended).mean())


def _psnr_to_first(
    frames: Float[Tensor, "frames 3 height width"], where: Bool[Tensor, "height width"]
) -> Float[Tensor, " others"]:
    return _psnr(frames[1:], frames[:1], where)


def _psnr(
    images: Float[Tensor, "frames 3 height width"],
    truth: Float[Tensor, "one 3 height width"],
    where: Bool[Tensor, "height width"],
) -> Float[Tensor, " frames"]:
    """Of pictures in [-1, 1], in the pixels of `where` alone."""
    error = (images - truth)[..., where].square().flatten(1).mean(dim=1)
    return 10 * torch.log10(4 / error.clamp_min(1e-10))
