"""A synthetic person's coefficients: the head and colours that go with the attributes.

Knows nothing about hair, clothes or pixels.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.portrait.attributes import PortraitAttributes, draw_attributes
from imagineid_core.face.lighting import default_lighting
from imagineid_core.face.open_face import shape_directions, texture_directions
from imagineid_core.face.pose import PORTRAIT_PLACE, rotation_matrices
from imagineid_core.values import FaceCoefficients

SHAPE_SPREAD = 0.85  # of the basis's own standard deviation
_LIMIT = 2.0  # no single coefficient goes further
_NECK = torch.tensor([0.0, -1.00, -0.65])  # dm; heads turn about the neck, not about the nose


@dataclass(frozen=True, kw_only=True)
class Person:
    """Looks, clothes and the coefficients that stay the same in every frame."""

    attributes: PortraitAttributes
    shape: Float[Tensor, " shape"]
    texture: Float[Tensor, " texture"]
    lighting: Float[Tensor, " lighting=27"]


def draw_person(seed: int) -> Person:
    """The person of this seed: attributes, head, colours, and the light of their picture."""
    attributes = draw_attributes(seed)
    draw = np.random.default_rng([seed, 2])
    size = len(shape_directions().names)
    shape = np.clip(draw.normal(size=size), -_LIMIT, _LIMIT) * SHAPE_SPREAD
    return Person(
        attributes=attributes,
        shape=torch.tensor(shape, dtype=torch.float32),
        texture=_texture(attributes, draw),
        lighting=_lighting(draw),
    )


def coefficients_of(
    person: Person,
    expression: Float[Tensor, "frames expression=64"],
    pose: Float[Tensor, "#frames pose=6"],
) -> FaceCoefficients:
    """The person moving: one row a frame; `portrait_pose` gives poses that fit the frame."""
    num_frames = expression.shape[0]
    return FaceCoefficients(
        shape=person.shape.expand(num_frames, -1),
        expression=expression,
        texture=person.texture.expand(num_frames, -1),
        lighting=person.lighting.expand(num_frames, -1),
        pose=pose.expand(num_frames, -1),
    )


def portrait_pose(
    pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0
) -> Float[Tensor, "1 pose=6"]:
    """A head turned about its neck (radians), in the middle of a portrait's frame."""
    angles = torch.tensor([[pitch, yaw, roll]], dtype=torch.float32)
    turned = (rotation_matrices(angles)[0] @ _NECK) - _NECK
    return torch.cat([angles, torch.tensor([PORTRAIT_PLACE]) - turned], dim=1)


def _texture(attributes: PortraitAttributes, draw: np.random.Generator) -> Tensor:
    names = texture_directions().names
    amounts = np.clip(draw.normal(size=len(names)), -_LIMIT, _LIMIT) * 0.7
    brightness = float(np.mean(attributes.hair_rgb))
    blue, green, light = attributes.eye_amounts
    chosen = {
        "skin_tone": attributes.skin_tone,
        "iris_blue": blue,
        "iris_green": green,
        "iris_light": light,
        "brow_tone": float(np.clip(1.4 - 4.2 * brightness, -2.0, 1.6)),
        "stubble": 2.4 if attributes.beard == "stubble" else float(draw.uniform(-1.0, 0.0)),
        # Lips deepen with the skin, or they would look painted on.
        "lip_tone": float(np.clip(-0.3 * attributes.skin_tone + 0.5 * draw.normal(), -2, 2)),
    }
    for name, amount in chosen.items():
        amounts[names.index(name)] = amount
    return _from_named() @ torch.tensor(amounts, dtype=torch.float32)


@lru_cache(maxsize=1)
def _from_named() -> Tensor:
    return torch.from_numpy(texture_directions().from_named).float()


def _lighting(draw: np.random.Generator) -> Float[Tensor, " lighting=27"]:
    """The soft lamp, moved to a side and a little warmer or cooler."""
    bands = default_lighting(1).reshape(3, 9).clone()
    bands[:, 0] += 0.20
    bands[:, 3] += float(draw.uniform(-0.16, 0.16))
    bands[:, 1] += float(draw.uniform(-0.06, 0.04))
    warmth = float(draw.uniform(-0.035, 0.035))
    return (bands * torch.tensor([[1 + warmth], [1.0], [1 - warmth]])).reshape(27)
