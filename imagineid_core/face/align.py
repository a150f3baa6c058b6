"""Five-point alignment of a photograph to D3DFR's 224 crop, and the way back (supplement 0.1).

Two conventions meet here. Pixel positions, ours, have pixel centres at .5 and row 0 on top. D3DFR's
landmarks are pixel indices whose y counts up from the bottom row: y_up = height - 1 - y.
Knows nothing about detecting landmarks or about the network that reads the crop.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError

CROP_SIZE = 224
_FACE_SPAN = 102.0  # pixels of the crop that one unit of the standard points spans
_LARGEST_SCALED = 100_000_000  # pixels; 300 MB of RGB
_SMALLEST_FACE = 2.0  # pixels of the photograph a unit may span; less is no face to reconstruct

# Left eye, right eye, nose, left and right mouth corner of the mean face, as seen; y up.
STANDARD_POINTS = np.array(
    [
        [-0.31148657, 0.29036078, 0.13377953],
        [0.30979887, 0.28972036, 0.13179526],
        [0.0032535, -0.04617932, 0.55244243],
        [-0.25216928, -0.38133916, 0.22405732],
        [0.2484662, -0.38128236, 0.22235769],
    ]
)


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How a photograph was scaled and cut. `translation` is in D3DFR's y-up frame."""

    width: int  # of the photograph
    height: int
    scale: float
    translation: tuple[float, float]

    @property
    def trans_params(self) -> tuple[float, float, float, float, float]:
        """D3DFR's name and order: width, height, scale, x, y."""
        return (float(self.width), float(self.height), self.scale, *self.translation)

    @property
    def scaled_size(self) -> tuple[int, int]:
        """Width and height of the whole photograph after scaling."""
        return int(self.width * self.scale), int(self.height * self.scale)

    @property
    def corner(self) -> tuple[int, int]:
        """Column and row of the crop's top left pixel in the scaled photograph."""
        (width, height), (x, y) = self.scaled_size, self.translation
        half = CROP_SIZE / 2
        # int() cuts toward zero, as the reference does, also left of and above the photograph.
        left = int(width / 2 - half + (x - self.width / 2) * self.scale)
        top = int(height / 2 - half + (self.height / 2 - y) * self.scale)
        return left, top


def align_face(landmarks: Float[Tensor, "landmarks 2"], *, height: int, width: int) -> Alignment:
    """Scale and translation that bring the face to its place in the crop.

    `landmarks`: pixel columns and rows (row 0 on top) of 68 iBUG points, or of the five points
    themselves. Least squares of an affine camera: x = r1 X + a, y = r2 X + b (8 unknowns).
    """
    points = five_points(landmarks).double().cpu().numpy()
    upward = np.stack([points[:, 0], height - 1 - points[:, 1]], axis=1)
    system = np.concatenate([STANDARD_POINTS, np.ones((5, 1))], axis=1)
    solution = np.linalg.lstsq(system, upward, rcond=None)[0]  # rows: r (3), translation
    span = float(np.linalg.norm(solution[:3], axis=0).mean())
    if span < _SMALLEST_FACE:
        raise InputError(
            f"landmarks span {span:.2g} pixels, so there is no face to align. "
            "Check the detector: all its points lie (almost) on one place."
        )
    x, y = map(float, solution[3])
    return Alignment(width=width, height=height, scale=_FACE_SPAN / span, translation=(x, y))


def five_points(landmarks: Float[Tensor, "landmarks axes"]) -> Float[Tensor, "5 axes"]:
    """Eye centres (from their corners), nose tip and mouth corners of 68 iBUG points, 2D or 3D."""
    if landmarks.shape[0] not in (5, 68):
        raise InputError(
            f"landmarks has {landmarks.shape[0]} points but alignment needs 68 (iBUG order) or 5 "
            "(eyes, nose, mouth corners). Use a detector of one of these kinds."
        )
    if not torch.isfinite(landmarks).all():
        raise InputError(
            "landmarks holds NaN or infinite values. The detector found no face in this frame; "
            "skip it or use another."
        )
    if landmarks.shape[0] == 5:
        return landmarks
    left_eye, right_eye = landmarks[[36, 39]].mean(dim=0), landmarks[[42, 45]].mean(dim=0)
    return torch.stack([left_eye, right_eye, landmarks[30], landmarks[48], landmarks[54]])


def crop_face(
    image: Float[Tensor, "3 height width"], alignment: Alignment
) -> Float[Tensor, "3 crop_height=224 crop_width=224"]:
    """The aligned crop, RGB in [-1, 1]; what lies outside the photograph is black.

    Scaled by Pillow's bicubic filter on 8-bit values, as the photographs of D3DFR's training were.
    """
    from PIL import Image

    if image.shape[-2:] != (alignment.height, alignment.width):
        raise InputError(
            f"image is {image.shape[-1]}x{image.shape[-2]} but the alignment was made for "
            f"{alignment.width}x{alignment.height}. Align the landmarks of this image."
        )
    width, height = alignment.scaled_size
    if width * height > _LARGEST_SCALED:
        raise InputError(
            f"image is {alignment.width}x{alignment.height} and its face so small that aligning "
            f"scales it to {width}x{height}. Cut the image closer to the face."
        )
    eight_bit = ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    photograph = Image.fromarray(eight_bit.permute(1, 2, 0).cpu().numpy())
    left, top = alignment.corner
    # Scaled whole, then cut: resizing only the cut part rounds one pixel in 200 to another grey.
    scaled = photograph.resize((width, height), Image.Resampling.BICUBIC)
    crop = scaled.crop((left, top, left + CROP_SIZE, top + CROP_SIZE))
    pixels = torch.from_numpy(np.array(crop)).to(image.device)
    return pixels.permute(2, 0, 1).to(image.dtype) / 127.5 - 1


def into_crop(
    positions: Float[Tensor, "points 2"], alignment: Alignment
) -> Float[Tensor, "points 2"]:
    """Where positions of the photograph lie in the crop: the geometry of its pixels, exactly."""
    scale, corner = _pixel_geometry(positions, alignment)
    return positions * scale - corner


def out_of_crop(
    positions: Float[Tensor, "points 2"], alignment: Alignment
) -> Float[Tensor, "points 2"]:
    """Where positions of the crop lie in the photograph: the inverse of `into_crop`."""
    scale, corner = _pixel_geometry(positions, alignment)
    return (positions + corner) / scale


def d3dfr_landmarks_in_crop(
    landmarks: Float[Tensor, "landmarks 2"], alignment: Alignment
) -> Float[Tensor, "landmarks 2"]:
    """Landmarks in the crop as D3DFR trains on them: u, and v counting up from the bottom.

    Comparable with `d3dfr_landmarks` of a mesh. Up to a pixel beside `into_crop`: this formula
    leaves out that the crop starts on a whole pixel.
    """
    size = landmarks.new_tensor([alignment.width, alignment.height])
    scaled_size = landmarks.new_tensor(alignment.scaled_size)
    upward = torch.stack([landmarks[:, 0], alignment.height - 1 - landmarks[:, 1]], dim=1)
    centred = upward - landmarks.new_tensor(alignment.translation) + size / 2
    return centred * alignment.scale - (scaled_size / 2 - CROP_SIZE / 2)


def _pixel_geometry(like: Tensor, alignment: Alignment) -> tuple[Tensor, Tensor]:
    size = like.new_tensor([alignment.width, alignment.height])
    return like.new_tensor(alignment.scaled_size) / size, like.new_tensor(alignment.corner)
