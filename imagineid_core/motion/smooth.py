"""Savitzky-Golay smoothing over time: a polynomial fitted to a sliding window, in torch.

SadTalker smooths its poses so, window 13 and order 2. Knows nothing about what the values mean.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError

WINDOW, ORDER = 13, 2  # frames and polynomial order of SadTalker's release


def savitzky_golay(
    values: Float[Tensor, "frames dim"], *, window: int = WINDOW, order: int = ORDER
) -> Float[Tensor, "frames dim"]:
    """Each frame becomes the value of the polynomial fitted to the window around it.

    The first and last half window take theirs from the first and last whole window. On a track
    shorter than `window` the window is the largest odd number of frames there is; where that would
    fit `order` exactly (two frames, say) nothing changes.
    """
    if window < 1 or window % 2 == 0 or not 0 <= order < window:
        raise InputError(
            f"window is {window} and order {order}, but the window must be odd and larger than "
            f"the order. SadTalker uses {WINDOW} and {ORDER}."
        )
    num_frames = len(values)
    window = min(window, num_frames - 1 + num_frames % 2)
    if window <= order:
        return values.clone()
    fit = _fit_matrix(window, order).to(values)
    half = window // 2
    middle = values.unfold(0, window, 1) @ fit[half]  # [frames - 2 * half, dim]
    first = fit[:half] @ values[:window]
    last = fit[half + 1 :] @ values[-window:]
    return torch.cat([first, middle, last])


def _fit_matrix(window: int, order: int) -> Float[Tensor, "window window"]:
    """Takes a window to its least-squares polynomial at each frame: Q Q^T of the powers of time."""
    time = torch.linspace(-1, 1, window, dtype=torch.float64)
    powers = time[:, None] ** torch.arange(order + 1, dtype=torch.float64)
    basis, _ = torch.linalg.qr(powers)
    return basis @ basis.T
