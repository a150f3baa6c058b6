"""PSNR and SSIM of frames against the true ones, as the papers' tables hold them (Sec. 4.1).

The papers state no parameters; these are ours: all of RGB, the full range of 8 bit (2 in [-1, 1]),
the whole frame. Knows nothing about faces or time.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d

from imagineid_core.errors import InputError

_RANGE = 2.0  # of pictures in [-1, 1]
_RADIUS, _SIGMA = 5, 1.5  # pixels; a window of 11 x 11
_STABLE = ((0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2)
WINDOW = 2 * _RADIUS + 1
MOST_PSNR = 100.0  # dB
Frames = Float[Tensor, "batch 3 height width"]


def psnr(frames: Frames, truth: Frames) -> Float[Tensor, " batch"]:
    """Peak signal to noise ratio in dB, higher is better; equal frames count as 100 dB.

    10 log10(range^2 / mean squared error over pixels and channels), one value a frame. Without the
    limit one equal frame would make a clip's mean infinite; 8 bit pictures that differ come near
    it only by a handful of pixels.
    """
    error = (frames - truth).square().flatten(1).mean(dim=1)
    return (10 * torch.log10(_RANGE**2 / error)).clamp_max(MOST_PSNR)


def ssim(frames: Frames, truth: Frames) -> Float[Tensor, " batch"]:
    """Structural similarity, -1 ... 1, higher is better; 1 for equal frames.

    Gaussian window of 11 x 11 with sigma 1.5, population covariance, K = 0.01 and 0.03, the mean
    over channels and over the pixels whose window lies in the frame (Wang et al. 2004).
    """
    if min(frames.shape[-2:]) < WINDOW:
        raise InputError(
            f"frames are {frames.shape[-1]} x {frames.shape[-2]} but SSIM looks through a window "
            f"of {WINDOW} x {WINDOW}. Use larger frames."
        )
    one, other = frames.float(), truth.float()
    mean_one, mean_other = _windowed(one), _windowed(other)
    # 1. Variances and covariance in each window.
    var_one = _windowed(one * one) - mean_one.square()
    var_other = _windowed(other * other) - mean_other.square()
    covariance = _windowed(one * other) - mean_one * mean_other
    # 2. Luminance, then contrast and structure in one.
    c1, c2 = _STABLE
    luminance = (2 * mean_one * mean_other + c1) / (mean_one.square() + mean_other.square() + c1)
    structure = (2 * covariance + c2) / (var_one + var_other + c2)
    return (luminance * structure).flatten(1).mean(dim=1)


def _windowed(images: Tensor) -> Tensor:
    """Gaussian means of the windows that lie in the picture, channel by channel."""
    offsets = torch.arange(-_RADIUS, _RADIUS + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    weights = weights / weights.sum()
    planes = images.flatten(0, 1)[:, None]
    planes = conv2d(conv2d(planes, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
    return planes.view(*images.shape[:2], *planes.shape[-2:])
