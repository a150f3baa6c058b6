"""A performance as at most a few hundred points a curve, for whoever draws it elsewhere.

Read off the mesh, as in the picture of a performance. Knows nothing about pictures or interfaces.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.evaluation.lips import lip_gaps
from imagineid_core.values import FaceBasis, MotionTrack, Speech

POINTS = 512
_DIGITS = 3
_MM = 100.0  # a dm


def sound_curve(speech: Speech, points: int = POINTS) -> list[float]:
    """The loudest sample of each part, 0 to 1."""
    return _strongest(speech.waveform.abs(), points)


def motion_curves(motion: MotionTrack, points: int = POINTS) -> Mapping[str, list[float]]:
    """Pitch, yaw and roll in degrees at evenly spaced frames; blink 0 to 1, none left out."""
    degrees = motion.pose[:, :3].detach().cpu() * (180 / math.pi)
    turns = {
        name: even_curve(degrees[:, index], points)
        for index, name in enumerate(("pitch", "yaw", "roll"))
    }
    return {**turns, "blink": _strongest(motion.blink.detach().cpu(), points)}


def mouth_curve(
    shape: Float[Tensor, " shape"],
    expression: Float[Tensor, "frames expression"],
    basis: FaceBasis,
    points: int = POINTS,
) -> list[float]:
    """Distance of the lips in mm on the unposed mesh; the widest of each part."""
    return _strongest(torch.from_numpy(lip_gaps(shape, expression, basis)) * _MM, points)


def even_curve(values: Float[Tensor, " frames"], points: int = POINTS) -> list[float]:
    """Values at evenly spaced frames."""
    places = torch.linspace(0, len(values) - 1, _parts(values, points)).round().long()
    return _rounded(values.detach().cpu()[places])


def _strongest(values: Float[Tensor, " n"], points: int) -> list[float]:
    return _rounded(
        torch.stack([part.max() for part in values.tensor_split(_parts(values, points))])
    )


def _parts(values: Tensor, points: int) -> int:
    return min(len(values), points)


def _rounded(values: Float[Tensor, " n"]) -> list[float]:
    return [round(value, _DIGITS) for value in values.double().tolist()]
