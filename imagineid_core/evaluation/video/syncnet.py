"""SyncNet: five frames of a mouth and 0.2 s of sound to two points that lie near if they belong.

Chung and Zisserman 2016, which the paper's 'Sync' is measured with (Sec. 4.1). Submodules have the
names of the public `syncnet_v2.model`. Knows nothing about offsets or confidences.
"""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.interop.released import fill_renamed, read_pickle

FACE_SIZE = 224
WINDOW = 5  # frames
WINDOW_STEPS = 20  # of MFCC


class SyncNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_heard(1, 64),
            nn.MaxPool2d((1, 1), stride=(1, 1)),
            *_heard(64, 192),
            nn.MaxPool2d((3, 3), stride=(1, 2)),
            *_heard(192, 384),
            *_heard(384, 256),
            *_heard(256, 256),
            nn.MaxPool2d((3, 3), stride=(2, 2)),
            *_heard(256, 512, kernel=(5, 4), padding=0),
        )
        self.netfcaud = _embedding()
        self.netfclip = _embedding()
        self.netcnnlip = nn.Sequential(
            *_seen(3, 96, (5, 7, 7), stride=(1, 2, 2)),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
            *_seen(96, 256, (1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
            *_seen(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_seen(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_seen(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
            *_seen(256, 512, (1, 6, 6)),
        )

    def lips(
        self, frames: Float[Tensor, "batch bgr=3 frames=5 224 224"]
    ) -> Float[Tensor, "batch 1024"]:
        """Five frames of a face crop: blue, green, red in 0 ... 255, not normalised."""
        return self.netfclip(self.netcnnlip(frames).flatten(1))

    def voice(self, mfcc: Float[Tensor, "batch 1 mfcc=13 steps=20"]) -> Float[Tensor, "batch 1024"]:
        """0.2 s of MFCC, the coefficients as rows."""
        return self.netfcaud(self.netcnnaud(mfcc).flatten(1))


def load_syncnet(path: str | Path) -> SyncNet:
    """From the public `syncnet_v2.model`, every weight, in eval mode."""
    network = SyncNet()
    released = read_pickle(path, key=None)
    same_names = {name: name for name, _ in network.named_modules()}
    fill_renamed(network, released, same_names, part="SyncNet", source=Path(path).name)
    return network.eval()


def _heard(
    channels_in: int, channels: int, *, kernel: tuple[int, int] = (3, 3), padding: int = 1
) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels, kernel, padding=padding)
    return [convolution, nn.BatchNorm2d(channels), nn.ReLU()]


def _seen(
    channels_in: int,
    channels: int,
    kernel: tuple[int, int, int],
    *,
    stride: tuple[int, int, int] = (1, 1, 1),
    padding: tuple[int, int, int] = (0, 0, 0),
) -> list[nn.Module]:
    convolution = nn.Conv3d(channels_in, channels, kernel, stride=stride, padding=padding)
    return [convolution, nn.BatchNorm3d(channels), nn.ReLU()]


def _embedding() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))
