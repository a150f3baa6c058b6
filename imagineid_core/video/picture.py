"""One picture to and from a file, RGB in [-1, 1] in memory. Knows nothing about what it shows."""

import io
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError


def save_picture(
    picture: Float[Tensor, "channels height width"], path: str | PathLike[str]
) -> None:
    """Write a PNG, grey (one channel) or RGB (three), whole or not at all."""
    pixels = ((picture.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    array = pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).numpy()
    save_pixels(array, path)


def save_pixels(pixels: UInt8[np.ndarray, "height width *rgb"], path: str | PathLike[str]) -> None:
    """Write a PNG of bytes, grey or RGB, whole or not at all."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    write_whole(Path(path), buffer.getvalue())


def load_picture(path: str | PathLike[str]) -> Float[Tensor, "3 height width"]:
    """Any picture Pillow reads; transparency is laid on black, as the mesh frame's background."""
    from PIL import Image, UnidentifiedImageError

    path = Path(path)
    if not path.is_file():
        raise InputError(f"Picture {path} is not there. Check the path.")
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise InputError(
            f"{path.name} cannot be read as a picture ({error}). Use PNG, JPEG or WebP."
        ) from error
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    pixels = np.array(Image.alpha_composite(black, image).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1
