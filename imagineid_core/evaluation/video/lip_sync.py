"""Do lips and voice belong together? LSE-C ('Sync'), LSE-D, their offset, and NLSE-C (Sec. 4.1).

Chung and Zisserman's protocol as Wav2Lip made it a metric; NLSE-C is PD-FGC's Eq. 9. Knows nothing
about finding faces: frames come in cropped.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int16, UInt8
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import interpolate, pad

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.mfcc import mfcc
from imagineid_core.evaluation.video.syncnet import FACE_SIZE, WINDOW, WINDOW_STEPS, SyncNet
from imagineid_core.values import SAMPLE_RATE

FPS = 25  # that SyncNet was trained at
SHIFTS = 15  # windows to either side in which the nearest sound is looked for
_SAMPLES = 640  # a frame, at 16 kHz
_STEPS = 4  # of MFCC a frame
_APART = 1e-6  # added to differences, as in the public implementation
_AT_ONCE = 8  # windows
_BORDER = 110  # grey beyond the frame
_SCALE = 0.4  # of half a box, added round a face
_SMOOTHED = 13  # frames of the median of a face's place and size
Embeddings = Float[Tensor, "windows dim"]
Boxes = Float[np.ndarray, "frames corners=4"]
Track = Float[np.ndarray, "frames size_column_row=3"]


@dataclass(frozen=True, kw_only=True)
class LipSync:
    """LSE-C (higher is better) and LSE-D (lower) have the unit of SyncNet's space.

    `offset`: frames, best is 0; negative where the sound comes late. `confidences`: median minus
    mean distance at each offset from `SHIFTS` down to -`SHIFTS`; LSE-C is the highest.
    """

    lse_c: float
    lse_d: float
    offset: int
    confidences: tuple[float, ...]


def lip_sync(distances: Float[Tensor, "windows shifts=31"]) -> LipSync:
    """Mean over windows; LSE-D is the least of the 31, LSE-C the median minus it."""
    means = distances.mean(dim=0)
    nearest, place = means.min(dim=0)
    return LipSync(
        lse_c=float(means.median() - nearest),
        lse_d=float(nearest),
        offset=SHIFTS - int(place),
        confidences=tuple((means.median() - means).tolist()),
    )


def normalised_confidence(lse_c: float, lse_c_of_truth: float) -> float:
    """NLSE-C = (LSE-C - LSE-C of the training data) / that of the training data; no unit.

    Signed as defined; PD-FGC's tables print the magnitude, and nearer 0 is better.
    """
    if not lse_c_of_truth > 0:
        raise InputError(
            f"the LSE-C of the training data is {lse_c_of_truth:g} but NLSE-C divides by it. "
            "Give the confidence that real clips of the training data have, for example 7.35."
        )
    return (lse_c - lse_c_of_truth) / lse_c_of_truth


def shifted_distances(lips: Embeddings, voice: Embeddings) -> Float[Tensor, "windows shifts=31"]:
    """L2 from each window of lips to the sound 15 windows before ... 15 after; zeros outside."""
    padded = pad(voice, (0, 0, SHIFTS, SHIFTS))
    near = padded.unfold(0, 2 * SHIFTS + 1, 1).transpose(1, 2)  # [windows, shifts, dim]
    return (lips[:, None] - near + _APART).square().sum(dim=-1).sqrt()


@torch.no_grad()
def embed(
    network: SyncNet,
    faces: UInt8[Tensor, "frames 3 224 224"],
    samples: Int16[np.ndarray, " samples"],
) -> tuple[Embeddings, Embeddings]:
    """Lips (frames i to i + 4) and voice (MFCC steps 4 i to 4 i + 19) of every window.

    `faces`: RGB at 25 fps. There are min(frames, samples / 640) - 5 windows.
    """
    count = min(len(faces), len(samples) // _SAMPLES) - WINDOW
    if count < 1:
        raise InputError(
            f"{len(faces)} frames with {len(samples) / SAMPLE_RATE:.2f} s of sound hold no window "
            f"of SyncNet, which needs {WINDOW + 1} frames at 25 fps. Use a longer clip."
        )
    device = next(network.parameters()).device
    heard = torch.from_numpy(mfcc(samples).T).float()
    lips, voice = [], []
    for start in range(0, count, _AT_ONCE):
        windows = range(start, min(start + _AT_ONCE, count))
        seen = torch.stack([faces[i : i + WINDOW].flip(1).transpose(0, 1) for i in windows])
        steps = torch.stack([heard[None, :, _STEPS * i :][..., :WINDOW_STEPS] for i in windows])
        lips.append(network.lips(seen.float().to(device)).cpu())
        voice.append(network.voice(steps.to(device)).cpu())
    return torch.cat(lips), torch.cat(voice)


def steady(boxes: Boxes) -> Track:
    """Half size and centre (column, row) of each box, through a median of 13 frames.

    `boxes`: left, top, right, bottom in pixels. The first and last values go on beyond the ends.
    """
    left, top, right, bottom = boxes.T
    track = np.stack(
        [np.maximum(right - left, bottom - top) / 2, (left + right) / 2, (top + bottom) / 2], axis=1
    )
    return ndimage.median_filter(track, (_SMOOTHED, 1), mode="nearest")


def crop_faces(
    frames: UInt8[Tensor, "frames 3 height width"], track: Track
) -> UInt8[Tensor, "frames 3 224 224"]:
    """The face with its chin low in the picture, as the public pipeline cuts it.

    With half size s and centre c: rows cy - s ... cy + 1.8 s, columns cx - 1.4 s ... cx + 1.4 s,
    110 outside the frame.
    """
    crops = []
    for frame, (size, column, row) in zip(frames, track, strict=True):
        margin = int(size * (1 + 2 * _SCALE))
        padded = pad(frame[None], (margin,) * 4, value=_BORDER)
        row, column = row + margin, column + margin
        rows = slice(int(row - size), int(row + size * (1 + 2 * _SCALE)))
        wide = size * (1 + _SCALE)
        columns = slice(int(column - wide), int(column + wide))
        crops.append(whole_faces(padded[..., rows, columns])[0])
    return torch.stack(crops)


def whole_faces(
    frames: UInt8[Tensor, "frames 3 height width"],
) -> UInt8[Tensor, "frames 3 224 224"]:
    """For clips that are face crops already: whole frames at SyncNet's size."""
    if frames.shape[-2:] == (FACE_SIZE, FACE_SIZE):
        return frames
    resized = interpolate(
        frames.float(), size=(FACE_SIZE, FACE_SIZE), mode="bilinear", align_corners=False
    )
    return resized.round().clamp(0, 255).byte()


def boxes_of(landmarks: Float[np.ndarray, "frames landmarks=68 2"]) -> Boxes:
    """A detector's box from landmarks, which end at the brows: from the forehead to the chin.

    The forehead is taken as a third of the way from chin to brows above them, which stands for the
    S3FD detector of the public pipeline. A frame without a face gets the nearest one's box.
    """
    low, high = landmarks.min(axis=1), landmarks.max(axis=1)
    low[:, 1] -= (high[:, 1] - low[:, 1]) / 3
    boxes = np.concatenate([low, high], axis=1)
    found = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    if not len(found):
        raise InputError(
            f"no face was found in {len(boxes)} frames, so there is nothing to cut out. Check the "
            "landmarks, or measure whole frames if they are face crops already."
        )
    nearest = found[np.abs(found[None] - np.arange(len(boxes))[:, None]).argmin(axis=1)]
    return boxes[nearest]
