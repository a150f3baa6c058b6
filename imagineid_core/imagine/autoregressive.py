"""Autoregressive inference (Alg. 1): frame 1 in diverse mode, every other in coherent mode.

Frames leave as they are made and memory does not grow with their number. What stays the same in a
clip is made once: z_T, Y (by the host), E(I_id), Conv(F_ve) of I_bg; E(I_rd) is made ahead, several
at a time. A coherent frame then costs one VAE encoding (I_ad), one SCA, `num_steps` UNet calls, one
decoding and no text. Frames count from 0 here, so the paper's frame 1 is index 0.

Knows nothing about diffusers, ComfyUI, audio or where the meshes come from.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from imagineid_core.errors import InputError
from imagineid_core.imagine.background import dilate, leaves_background, shows_nobody
from imagineid_core.imagine.config import ImagineConfig, step_seed
from imagineid_core.imagine.host import (
    Denoising,
    Features,
    Host,
    Image,
    Latent,
    Mask,
    MeshPicture,
    Plate,
)
from imagineid_core.imagine.resume import ImaginedFrame, check_resumable

_LOG = logging.getLogger(__name__)
OnStep = Callable[[int, int, int], None]  # frame, steps done, steps in all; may raise


def imagine(
    host: Host,
    meshes: Iterable[MeshPicture],
    config: ImagineConfig,
    *,
    image: Image | None = None,
    noise: Tensor | None = None,
    resume: ImaginedFrame | None = None,
    on_step: OnStep | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[ImaginedFrame]:
    """Yield a finished frame for every mesh, in order (Alg. 1).

    `image` is taken as the first frame instead of imagining one; its face should lie where the
    first mesh does. `noise` is z_T, instead of what the seed draws. `resume` is the last frame that
    was finished: the clip goes on behind it, equal to the bit to one that never stopped; `meshes`
    begins at the clip's start all the same (of a sequence, only what is needed is asked for).
    `interrupted` is asked after every step and ends the clip with the frames yielded so far; so
    does an error raised in `on_step`.
    """
    done, clip = resume, None
    if resume is not None:
        check_resumable(resume, config, image, noise)
    first = 0 if resume is None else resume.index + 1
    stop = interrupted if interrupted is not None else _never
    for index, picture, mesh in _encoded_ahead(host, meshes, config.meshes_ahead, first):
        if stop():
            return
        way = _way(config, index, on_step, stop)
        try:
            if done is None:
                done = _first_frame(host, picture, mesh, config, way, image, noise)
            else:
                if clip is None:
                    clip = _prepare(host, done, config)
                done = _coherent_frame(host, picture, mesh, config, way, clip, done)
        except _Interrupted:
            return
        yield done


def shared_noise(host: Host, seed: int, height: int, width: int) -> Latent:
    """z_T, drawn on the CPU, so a seed means the same on every device and in every host."""
    generator = torch.Generator().manual_seed(seed)
    cell = host.pixels_per_latent
    size = (1, host.latent_channels, height // cell, width // cell)
    return torch.randn(size, generator=generator)


def _noise(
    host: Host, config: ImagineConfig, given: Tensor | None, height: int, width: int
) -> Latent:
    """z_T: what was given, or the seed's."""
    if given is None:
        return shared_noise(host, config.seed, height, width)
    cell = host.pixels_per_latent
    expected = (1, host.latent_channels, height // cell, width // cell)
    if given.shape != expected:
        raise InputError(
            f"noise is {_sizes(given.shape)} but the latents of a frame are {_sizes(expected)}. "
            "Draw it for one latent of the meshes' size."
        )
    if not bool(given.isfinite().all()) or not bool(given.any()):
        raise InputError(
            "noise is zero, NaN or infinite, but every frame begins with it. Draw it from a "
            "normal distribution, or leave it out."
        )
    return given


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def hide_mouth(frame: Image, mouth_mask: Mask, fill: float = -1.0) -> Image:
    """M of Alg. 1: paint over the mouth, so that it cannot be copied."""
    mask = mouth_mask.to(frame)
    return frame * (1 - mask) + fill * mask


@dataclass(frozen=True, kw_only=True)
class _Clip:
    """What stays the same from the second frame on."""

    noise: Latent
    identity: Latent | None  # E(I_id)
    plate: Plate | None  # of I_bg; None: decoded without a background
    first_mask: Mask | None  # of the first frame
    hidden: Latent | None  # E of a picture that M painted over as a whole


class _Interrupted(Exception):
    pass


def _never() -> bool:
    return False


def _way(
    config: ImagineConfig, index: int, on_step: OnStep | None, stop: Callable[[], bool]
) -> Denoising:
    passes = 1 + config.settles if index == 0 else 1
    done = 0

    def report(_step: int) -> None:
        nonlocal done
        done += 1
        if on_step is not None:
            on_step(index, -(-done // passes), config.num_steps)
        if stop():
            raise _Interrupted

    return Denoising(
        num_steps=config.num_steps,
        guidance=config.first_guidance if index == 0 else config.guidance,
        guided_share=config.guided_share,
        eta=config.eta,
        step_seed=lambda step: step_seed(config, index, step),
        on_step=report,
    )


@torch.no_grad()
def _first_frame(
    host: Host,
    picture: MeshPicture,
    mesh: Latent | None,
    config: ImagineConfig,
    way: Denoising,
    image: Image | None,
    given_noise: Tensor | None,
) -> ImaginedFrame:
    """I_1 = D(CCF(z_T, E(I_rd^1), Y)), settled if so wished, or the given image."""
    size = picture.colour.shape[-2:]
    noise = _noise(host, config, given_noise, *size)
    if image is not None:
        _check_image(image, size)
        frame = image.float()
        latent = host.encode(frame) if config.keeps_latents else None
    else:
        latent = _denoised(host, noise, host.condition(picture, mesh, None, None), way, index=0)
        frame = _decoded(host, latent, None, None, index=0)
        for _ in range(config.settles if host.is_steered else 0):
            identity = _encoded(host, frame, index=0)
            hidden = hide_mouth(frame, picture.mouth_mask, config.mouth_fill)
            features = host.condition(picture, mesh, identity, _encoded(host, hidden, index=0))
            settling = replace(way, guidance=config.guidance)
            latent = _denoised(host, noise, features, settling, index=0)
            frame = _decoded(host, latent, None, None, index=0)
    return ImaginedFrame(
        index=0,
        config=config,
        frame=frame,
        first_frame=frame,
        mouth_mask=picture.mouth_mask,
        head_mask=picture.head_mask,
        first_head_mask=picture.head_mask,
        latent=latent if config.keeps_latents else None,
        person_mask=None,
        noise=given_noise,
    )


@torch.no_grad()
def _coherent_frame(
    host: Host,
    picture: MeshPicture,
    mesh: Latent | None,
    config: ImagineConfig,
    way: Denoising,
    clip: _Clip,
    before: ImaginedFrame,
) -> ImaginedFrame:
    """I_i = D'(CCF(z_T, E([I_rd, I_id, I_ad]), Y), E(I_bg), m_i)."""
    index = before.index + 1
    previous = _previous(host, before, clip, config, index) if host.is_steered else None
    features = host.condition(picture, mesh, clip.identity, previous)
    if config.warm_start is not None:
        way = replace(way, start=before.latent, strength=config.warm_start)
    latent = _denoised(host, clip.noise, features, way, index)
    mask = None if clip.plate is None else _person_mask(host, before, clip, config)
    return replace(
        before,
        index=index,
        frame=_decoded(host, latent, clip.plate, mask, index),
        mouth_mask=picture.mouth_mask,
        head_mask=picture.head_mask,
        latent=latent if config.keeps_latents else None,
        person_mask=mask,
    )


@torch.no_grad()
def _prepare(host: Host, done: ImaginedFrame, config: ImagineConfig) -> _Clip:
    first_frame = done.first_frame
    height, width = first_frame.shape[-2:]
    identity = hidden = None
    if host.is_steered:
        identity = _encoded(host, first_frame, index=0)
        if config.resync is not None:
            hidden = host.encode(torch.full_like(first_frame, config.mouth_fill))
    mask = plate = None
    if host.blends:
        matte = host.matte(first_frame, done.first_head_mask)
        mask = dilate(matte.float(), config.matte_dilation)
        if shows_nobody(mask):
            raise InputError(
                f"the matte of the first frame covers {float(mask.mean()):.1%} of it: no person "
                "was found. Take another seed or prompt, or leave out mask blending."
            )
        if leaves_background(mask):
            empty = host.inpaint(first_frame, mask)
            if config.anchors_background:
                shown = _encoded(host, first_frame, index=0) if identity is None else identity
                plate = host.background(empty, shown, mask)
            else:
                plate = host.background(empty)
        else:
            _LOG.warning(
                "the matte of the first frame covers all of it, so there is no background to keep "
                "still; the clip is decoded without mask blending"
            )
    return _Clip(
        noise=_noise(host, config, done.noise, height, width),
        identity=identity,
        plate=plate,
        first_mask=mask,
        hidden=hidden,
    )


def _previous(
    host: Host, before: ImaginedFrame, clip: _Clip, config: ImagineConfig, index: int
) -> Latent:
    """E(I_ad), or with `resync` its stand-in: z_0 of frame i-1 with the mouth's cells replaced."""
    if config.resync is None or (index - 1) % config.resync == 0:
        hidden = hide_mouth(before.frame, before.mouth_mask, config.mouth_fill)
        return _encoded(host, hidden, before.index)
    assert before.latent is not None
    assert clip.hidden is not None
    mouth = max_pool2d(before.mouth_mask.to(before.latent), host.pixels_per_latent)
    return torch.where(mouth > 0, clip.hidden, before.latent)


def _person_mask(host: Host, before: ImaginedFrame, clip: _Clip, config: ImagineConfig) -> Mask:
    """m_i: the matte of frame i-1, dilated; the mask before where no person was found."""
    assert clip.first_mask is not None
    if before.index == 0:
        return clip.first_mask
    mask = dilate(host.matte(before.frame, before.head_mask).float(), config.matte_dilation)
    if not shows_nobody(mask):
        return mask
    _LOG.warning("no person found in frame %d; the mask of the one before is used", before.index)
    assert before.person_mask is not None
    return before.person_mask


def _encoded_ahead(
    host: Host, meshes: Iterable[MeshPicture], together: int, first: int
) -> Iterator[tuple[int, MeshPicture, Latent | None]]:
    """Number, picture and E(I_rd) from `first` on.

    Groups begin at the same frames wherever a clip is taken up again: a picture encoded among
    others may differ in the last bit from the same picture alone.
    """
    size: tuple[int, ...] | None = None
    for group in _groups(meshes, together, first):
        for index, picture in group:
            size = _checked_size(host, picture, index, size)
        latents: Sequence[Latent | None] = [None] * len(group)
        if host.is_steered:
            latents = _encoded_together(host, group)
        for (index, picture), latent in zip(group, latents, strict=True):
            if index >= first:
                yield index, picture, latent


@torch.no_grad()
def _encoded_together(host: Host, group: list[tuple[int, MeshPicture]]) -> Sequence[Latent]:
    together = host.encode(torch.cat([picture.colour for _, picture in group]))
    _check_whole(together, "VAE encoder", "VAE", group[0][0])
    return together.split(1)


def _groups(
    meshes: Iterable[MeshPicture], together: int, first: int
) -> Iterator[list[tuple[int, MeshPicture]]]:
    start = first - first % together
    if isinstance(meshes, Sequence):
        numbered = ((index, meshes[index]) for index in range(start, len(meshes)))
    else:
        numbered = islice(enumerate(meshes), start, None)
    while group := list(islice(numbered, together)):
        yield group


def _denoised(host: Host, noise: Latent, features: Features, way: Denoising, index: int) -> Latent:
    latent = host.denoise(noise, features, way)
    return _check_whole(latent, "UNet", "model", index)


def _decoded(
    host: Host, latent: Latent, plate: Plate | None, mask: Mask | None, index: int
) -> Image:
    frame = host.decode(latent, plate, mask)
    return _check_whole(frame, "VAE decoder", "VAE", index).clamp(-1, 1)


def _encoded(host: Host, image: Image, index: int) -> Latent:
    return _check_whole(host.encode(image), "VAE encoder", "VAE", index)


def _check_whole(made: Tensor, by: str, part: str, index: int) -> Tensor:
    if not bool(made.isfinite().all()):
        raise InputError(
            f"the {by} gave NaN or infinite values at frame {index} (the first is 0); the frames "
            f"before it are whole. Half precision does that: run the {part} in bf16 or fp32."
        )
    return made


def _checked_size(
    host: Host, picture: MeshPicture, index: int, expected: tuple[int, ...] | None
) -> tuple[int, ...]:
    height, width = size = tuple(picture.colour.shape[-2:])
    if expected is not None and size != expected:
        raise InputError(
            f"mesh {index} is {width} x {height} but the first is {expected[1]} x {expected[0]}. "
            "Render every mesh at one size."
        )
    cell = host.pixels_per_latent
    if height % cell or width % cell or not height or not width:
        raise InputError(
            f"meshes are {width} x {height} but sizes must be multiples of {cell}. "
            f"Nearest that work: width {_nearest(width, cell)}, height {_nearest(height, cell)}."
        )
    return size


def _nearest(size: int, cell: int) -> str:
    below, above = size // cell * cell, -(-size // cell) * cell
    return str(above) if below in (0, above) else f"{below} or {above}"


def _check_image(image: Image, size: Sequence[int]) -> None:
    if len(image) != 1 or image.shape[-2:] != torch.Size(size):
        raise InputError(
            f"image is {len(image)} of {image.shape[-1]} x {image.shape[-2]} but the meshes are "
            f"{size[1]} x {size[0]}. Give one picture of that size."
        )
    if not bool(image.isfinite().all()) or float(image.abs().max()) > 1:
        raise InputError("image has values beyond [-1, 1]. Scale its pixels to that range.")
