"""Small convolutional networks that judge pictures, and how they learn in seconds on a CPU.

Knows nothing about what they judge.
"""

from collections.abc import Callable

from torch import Tensor, nn

from imagineid_core.training.muon import Muon, muon_groups

Progress = Callable[[int, int], None]
_WARMUP = 0.04  # of the steps


def convolutions(channels: tuple[int, ...], *, channels_in: int = 3) -> nn.Sequential:
    """A layer that halves the picture for each width, and one more behind all but the first."""
    layers: list[nn.Module] = []
    for depth, width in enumerate(channels):
        layers += [*_layer(channels_in, width, stride=2)]
        if depth > 0:
            layers += [*_layer(width, width, stride=1)]
        channels_in = width
    return nn.Sequential(*layers, nn.Flatten())


def num_features(channels: tuple[int, ...], height: int, width: int) -> int:
    """How many numbers `convolutions` make of a picture of this size."""
    for _ in channels:
        height, width = -(-height // 2), -(-width // 2)
    return channels[-1] * height * width


def behind(tell: Progress | None, before: int, total: int) -> Progress | None:
    """Tells how far all of the work is, of which `before` steps were done."""
    return None if tell is None else lambda done, _: tell(before + done, total)


def train_briefly(
    net: nn.Module,
    loss_at: Callable[[int], Tensor],
    *,
    num_steps: int,
    learning_rate: float,
    on_progress: Progress | None = None,
) -> None:
    """`loss_at` gives the loss of a step; the rate rises at once and falls to nothing."""
    net.train()
    optimizer = Muon(muon_groups(net), lr=learning_rate, weight_decay=0.02)
    for step in range(num_steps):
        loss_at(step).backward()
        rise = min(1.0, (step + 1) / max(1.0, _WARMUP * num_steps))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * rise * (1 - step / num_steps)
        optimizer.step()
        optimizer.zero_grad()
        if on_progress is not None:
            on_progress(step + 1, num_steps)
    net.eval()


def _layer(channels_in: int, width: int, *, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(channels_in, width, 3, stride=stride, padding=1, bias=False)
    return conv, nn.BatchNorm2d(width), nn.ReLU()
