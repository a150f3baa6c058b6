"""Take out of l-bar what a straight cut tells of the style: least-squares concept erasure (LEACE).

Not the paper's, which trusts the losses of stage two; they leave the style in l-bar (log.md).
With C the covariance of features and styles and M the inverse covariance of the features,
A = C (C' M C)^+ C' M leaves features whose means are the same in every style, so that no linear
reader does better than chance, and moves them as little as possible. Knows nothing about losses.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from imagineid_core.audio.features import MelWindows
from imagineid_core.audio.timeline import window_starts
from imagineid_core.listen.content import ContentNet
from imagineid_core.listen.progressive import PAPER_WINDOWS, over_windows
from imagineid_core.training.recordings import Recording
from imagineid_core.values import PAPER_FPS

_RIDGE = 1e-2  # of a feature's variance, where features are nearly collinear
_MOST_CLIPS = 1_500  # enough for a width of 512


def erase_style(net: ContentNet, recordings: Sequence[Recording]) -> None:
    """Fit `net.erasure` on the mean l-bar of clips, the same number from every part of the list."""
    assert net.erasure is not None
    styled = [one for one in recordings if one.style is not None]
    chosen = styled[:: max(1, len(styled) // _MOST_CLIPS)]
    styles = sorted({one.style for one in chosen if one.style is not None})
    net.erasure.set_to(torch.zeros_like(net.erasure.mean), torch.zeros_like(net.erasure.removed))
    means = torch.stack([_mean_linguistic(net, one) for one in chosen])
    numbers = torch.tensor([styles.index(str(one.style)) for one in chosen])
    told = F.one_hot(numbers, len(styles)).to(means)
    net.erasure.set_to(*erasure_of(means, told))


def erasure_of(
    features: Float[Tensor, "rows dim"], told: Float[Tensor, "rows labels"]
) -> tuple[Float[Tensor, " dim"], Float[Tensor, "dim dim"]]:
    """The mean and A of x - A (x - mean), after which no column of `told` correlates with x."""
    features, told = features.double(), told.double()
    mean = features.mean(dim=0)
    features, told = features - mean, told - told.mean(dim=0)
    covariance = features.T @ features / len(features)
    spread = covariance.diagonal().clamp_min(1e-12)
    inverse = torch.linalg.inv(covariance + _RIDGE * spread.diag())
    common = features.T @ told / len(features)
    removed = common @ torch.linalg.pinv(common.T @ inverse @ common) @ common.T @ inverse
    return mean.float(), removed.float()


def _mean_linguistic(net: ContentNet, recording: Recording) -> Float[Tensor, " dim"]:
    starts = window_starts(recording.num_frames, PAPER_FPS)
    windows = MelWindows(recording.mel.float(), starts)
    return over_windows(net.encode, net, [windows], windowing=PAPER_WINDOWS).mean(dim=0)
