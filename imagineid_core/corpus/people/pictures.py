"""All pictures of one person: portraits, mesh frames, masks, the empty place, and their truths.

Pictures are kept as bytes; `to_image` gives core's [-1, 1]. Knows nothing about files.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from imagineid_core.corpus.people.moments import draw_moments
from imagineid_core.corpus.portrait import (
    PortraitAttributes,
    coefficients_of,
    draw_person,
    render_portrait,
)
from imagineid_core.face.landmarks import MOUTH
from imagineid_core.values import FaceCoefficients

_PERSONS_A_SEED = 1_000_000
_BOX_MARGIN = 3  # pixels at 128


@dataclass(frozen=True, kw_only=True)
class PersonPictures:
    """One person; `frames` rows, except for what never moves. Bytes are 0 ... 255."""

    name: str
    caption: str
    attributes: PortraitAttributes
    styles: tuple[str, ...]
    follows: tuple[int, ...]  # the frame right before, or -1
    portrait: UInt8[Tensor, "frames 3 height width"]
    mesh_frame: UInt8[Tensor, "frames 3 height width"]  # same pose and expression, bare head
    matte: UInt8[Tensor, "frames 1 height width"]  # 255 on the person
    mouth_mask: UInt8[Tensor, "frames 1 height width"]  # 255 on lips and all between them
    clean_plate: UInt8[Tensor, "1 3 height width"]  # the background alone
    mouth_box: Int[Tensor, "frames box=4"]  # left, top, right, bottom; right and bottom outside
    landmarks: Float[Tensor, "frames landmarks 2"]  # column, row; pixel centres at .5
    coefficients: FaceCoefficients


def to_image(
    picture: UInt8[Tensor, "*batch channels height width"],
) -> Float[Tensor, "*batch channels height width"]:
    """Bytes to [-1, 1]."""
    return picture.float() / 127.5 - 1


def to_bytes(
    image: Float[Tensor, "*batch channels height width"],
) -> UInt8[Tensor, "*batch channels height width"]:
    """[-1, 1] to bytes."""
    return ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def person_name(index: int) -> str:
    return f"p{index:05d}"


def draw_pictures(seed: int, index: int, num_frames: int, size: int) -> PersonPictures:
    """Person `index` of the corpus `seed`; nothing else decides what they look like."""
    person = draw_person(seed * _PERSONS_A_SEED + index)
    moments = draw_moments(seed, index, num_frames)
    coefficients = coefficients_of(person, moments.expression, moments.pose)
    portraits = [
        render_portrait(person.attributes, _frame(coefficients, i), size) for i in range(num_frames)
    ]
    landmarks = torch.cat([one.mesh_frame.landmarks for one in portraits])
    return PersonPictures(
        name=person_name(index),
        caption=portraits[0].caption,
        attributes=person.attributes,
        styles=moments.styles,
        follows=moments.follows,
        portrait=to_bytes(torch.cat([one.image for one in portraits])),
        mesh_frame=to_bytes(torch.cat([one.mesh_frame.colour for one in portraits])),
        matte=_mask_bytes(torch.cat([one.matte for one in portraits])),
        mouth_mask=_mask_bytes(torch.cat([one.mesh_frame.mouth_mask for one in portraits])),
        clean_plate=to_bytes(portraits[0].clean_plate),
        mouth_box=mouth_box_of(landmarks, size),
        landmarks=landmarks,
        coefficients=coefficients,
    )


def _frame(coefficients: FaceCoefficients, index: int) -> FaceCoefficients:
    row = slice(index, index + 1)
    return FaceCoefficients(
        shape=coefficients.shape[row],
        expression=coefficients.expression[row],
        texture=coefficients.texture[row],
        lighting=coefficients.lighting[row],
        pose=coefficients.pose[row],
    )


def _mask_bytes(
    mask: Float[Tensor, "frames 1 height width"],
) -> UInt8[Tensor, "frames 1 height width"]:
    return (mask * 255).round().to(torch.uint8)


def mouth_box_of(
    landmarks: Float[Tensor, "frames landmarks 2"], size: int
) -> Int[Tensor, "frames box=4"]:
    """Round the lips, a little wider."""
    points = landmarks[:, MOUTH]
    margin = _BOX_MARGIN * size / 128
    first = (points.amin(dim=1) - margin).floor()
    last = (points.amax(dim=1) + margin).ceil()
    return torch.cat([first, last], dim=1).clamp(0, size).to(torch.int16)
