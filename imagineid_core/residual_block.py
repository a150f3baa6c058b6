"""The block that our small picture networks are made of. Knows nothing about what they look at."""

from torch import Tensor, nn
from torch.nn.functional import silu

PER_GROUP = 8  # channels


class ResidualBlock(nn.Module):
    """Norm, SiLU and convolution, twice, beside a straight way; channels in whole groups."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        groups = channels // PER_GROUP
        self.first_norm = nn.GroupNorm(groups, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second_norm = nn.GroupNorm(groups, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        change = self.first(silu(self.first_norm(x)))
        return x + self.second(silu(self.second_norm(change)))
