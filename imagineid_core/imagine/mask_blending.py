"""MBA: the background of one clip in every frame's decoding (Sec. 3.2, Eq. 10).

F-hat_vd = F_vd x m + Conv(F_ve) x (1 - m) in the decoder's finest level, F_ve from the encoder's.
The VAE's own blocks are run one by one; nothing is added to it. A plate may be `anchored` to a
picture of the place (not in the paper): a convolution tells neither what the decoder's zeros do at
the border nor every level of its features, and its last norm makes the person pay for that. Latents
here are the VAE's own, before any scaling factor. Knows nothing about matting or the UNet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, adaptive_max_pool2d

from imagineid_core.checkpoint import load_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.smooth_fill import smooth_fill

ARCHITECTURE = "mask_blending"
SD_CHANNELS = (128, 256, 512, 512)  # of the VAE of SD1.x and SD2.x, finest level first
Image = Float[Tensor, "batch 3 height width"]
Mask = Float[Tensor, "masks 1 height width"]
Latent = Float[Tensor, "batch latent rows columns"]
Map = Float[Tensor, "_ _ _ _"]
Vae = Any  # AutoencoderKL of diffusers


@dataclass(frozen=True, kw_only=True)
class MaskBlendingConfig:
    """`channels` of the blended levels, finest first. The default is the paper's: one level."""

    channels: tuple[int, ...] = SD_CHANNELS[:1]
    uses_mask: bool = True
    kernel: int = 3

    def __post_init__(self) -> None:
        if not self.channels or self.kernel % 2 == 0:
            raise InputError(
                f"channels is {self.channels} and kernel {self.kernel}, but a level needs channels "
                "and an odd kernel. Use for example (128,) and 3."
            )


def variant_config(
    variant: str, vae_channels: tuple[int, ...] = SD_CHANNELS
) -> MaskBlendingConfig | None:
    """Supplement Fig. 3: a no mask, b all levels, c the two finest, d the finest; none is None.

    Variant a adds Conv(F_ve) to F_vd in all levels, as b without its mask.
    """
    if variant == "none":
        return None
    blended = {"a": len(vae_channels), "b": len(vae_channels), "c": 2, "d": 1}
    if variant not in blended:
        raise InputError(f"variant is '{variant}'. Use a, b, c, d or none.")
    return MaskBlendingConfig(channels=vae_channels[: blended[variant]], uses_mask=variant != "a")


@dataclass(frozen=True, kw_only=True)
class Plate:
    """Conv(F_ve) of each blended level, finest first: made once a clip."""

    levels: tuple[Map, ...]
    uses_mask: bool


class MaskBlendingAdapter(nn.Module):
    """F_MB: one convolution a blended level."""

    def __init__(self, config: MaskBlendingConfig) -> None:
        super().__init__()
        self.config = config
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, config.kernel, padding=config.kernel // 2)
            for width in config.channels
        )
        if not config.uses_mask:  # added to everything, so it starts from the VAE as it is
            for parameter in self.parameters():
                nn.init.zeros_(parameter)

    def forward(self, features: Sequence[Map]) -> Plate:
        """The plate from `background_features`."""
        levels = tuple(conv(item) for conv, item in zip(self.convs, features, strict=True))
        return Plate(levels=levels, uses_mask=self.config.uses_mask)

    def background(
        self, vae: Vae, image: Image, shown: Latent | None = None, mask: Mask | None = None
    ) -> Plate:
        """The plate of I_bg; given a picture's latent and mask, anchored to it."""
        check_fits_vae(self.config, vae)
        levels = len(self.config.channels)
        weight = next(self.parameters())
        plate = self(tuple(item.to(weight) for item in background_features(vae, image, levels)))
        if shown is None or mask is None:
            return plate
        return anchored(plate, decoder_features(vae, shown, levels), mask)

    def decode(self, vae: Vae, latent: Latent, plate: Plate, mask: Mask) -> Image:
        return decode_blended(vae, latent, plate, mask)


def load_mask_blending(path: str | PathLike[str]) -> MaskBlendingAdapter:
    return load_checkpoint(
        str(path),
        MaskBlendingAdapter,
        architecture=ARCHITECTURE,
        config_class=MaskBlendingConfig,
    )


def background_features(vae: Vae, image: Image, num_levels: int) -> tuple[Map, ...]:
    """F_ve: what the encoder knows of `image` in its finest levels, before each halves the size.

    Deeper blocks are not run.
    """
    encoder, features = vae.encoder, []
    x = encoder.conv_in(image)
    for block in encoder.down_blocks[:num_levels]:
        x = _resnets(block, x)
        features.append(x)
        for halve in block.downsamplers or ():
            x = halve(x)
    return tuple(features)


def decoder_features(vae: Vae, latent: Latent, num_levels: int) -> tuple[Map, ...]:
    """F_vd of the finest levels, finest first, where Eq. 10 would blend them."""
    features: list[Map] = []
    x = _entered(vae, latent)
    for block in vae.decoder.up_blocks:
        x = _resnets(block, x)
        features.insert(0, x)
        for double in block.upsamplers or ():
            x = double(x)
    return tuple(features[:num_levels])


def anchored(plate: Plate, own: Sequence[Map], mask: Mask) -> Plate:
    """The plate agrees with `own`, a picture's F_vd, wherever the mask leaves that picture open.

    Behind the mask Conv(F_ve) stays, moved by as much as its surroundings. A plate without a mask
    is added to every feature, so it has nothing to agree with and stays.
    """
    if not plate.uses_mask:
        return plate
    levels = []
    for level, features in zip(plate.levels, own, strict=True):
        hidden = adaptive_max_pool2d(mask.to(level), level.shape[-2:])
        levels.append(level + smooth_fill(features.to(level) - level, hidden))
    return Plate(levels=tuple(levels), uses_mask=True)


def decode_blended(
    vae: Vae, latent: Latent, plate: Plate | None = None, mask: Mask | None = None
) -> Image:
    """D' of Eq. 10: the picture of `latent` with the plate where `mask` is 0; D without a plate.

    `mask` has the picture's size, 1 on the person; levels of half size and less use its mean over
    their cells. Without a plate equal to the bit to `vae.decode`. Never tiled or sliced.
    """
    if plate is not None:
        _check(vae, latent, plate, mask)
    x = _entered(vae, latent)
    blocks = vae.decoder.up_blocks
    for depth, block in enumerate(blocks):
        x = _resnets(block, x)
        level = len(blocks) - 1 - depth
        if plate is not None and level < len(plate.levels):
            x = blended(x, plate.levels[level], mask if plate.uses_mask else None)
        for double in block.upsamplers or ():
            x = double(x)
    return finish_decoding(vae, x)


def blended(features: Map, background: Map, mask: Mask | None) -> Map:
    """F_vd x m + Conv(F_ve) x (1 - m); without a mask their sum."""
    background = background.to(features)
    if mask is None:
        return features + background
    rows, columns = features.shape[-2:]
    share = adaptive_avg_pool2d(mask.to(features), (rows, columns))
    return features * share + background * (1 - share)


def finish_decoding(vae: Vae, features: Map) -> Image:
    decoder = vae.decoder
    return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(features)))


def check_fits_vae(config: MaskBlendingConfig, vae: Vae) -> None:
    """The blended levels exist, are as wide, and are made of blocks this module can run."""
    encoder, decoder = getattr(vae, "encoder", None), getattr(vae, "decoder", None)
    blocks = [*getattr(encoder, "down_blocks", ()), *getattr(decoder, "up_blocks", ())]
    if not blocks or any(getattr(block, "attentions", None) for block in blocks):
        raise WeightsError(
            f"{type(vae).__name__} is not built of plain levels, so there is no place to blend. "
            "Use AutoencoderKL as SD1.x and SD2.x have it."
        )
    widths = tuple(vae.config.block_out_channels)
    if widths[: len(config.channels)] != config.channels:
        raise WeightsError(
            f"the blending adapter is {config.channels} wide but the levels of this VAE are "
            f"{widths}, finest first. Use the adapter trained for this VAE."
        )


def _entered(vae: Vae, latent: Latent) -> Tensor:
    if getattr(vae, "post_quant_conv", None) is not None:
        latent = vae.post_quant_conv(latent)
    return vae.decoder.mid_block(vae.decoder.conv_in(latent), None)


def _resnets(block: Any, x: Tensor) -> Tensor:
    for resnet in block.resnets:
        x = resnet(x, temb=None)
    return x


def _check(vae: Vae, latent: Latent, plate: Plate, mask: Mask | None) -> None:
    cell = 2 ** (len(vae.decoder.up_blocks) - 1)
    size = (cell * latent.shape[-2], cell * latent.shape[-1])
    if tuple(plate.levels[0].shape[-2:]) != size:
        raise InputError(
            f"the background is {plate.levels[0].shape[-1]} x {plate.levels[0].shape[-2]} but the "
            f"frame will be {size[1]} x {size[0]}. Use one size for a clip."
        )
    if mask is None and plate.uses_mask:
        raise InputError("a background is given without a mask. Give the mask of the person.")
    if mask is not None and tuple(mask.shape[-2:]) != size:
        raise InputError(
            f"the mask is {mask.shape[-1]} x {mask.shape[-2]} but the frame will be "
            f"{size[1]} x {size[0]}. Give a mask of the picture's size."
        )
