"""Rendered people who do what their mesh does: as good as films can be, and made in seconds."""

from dataclasses import fields, replace
from fractions import Fraction

import torch

from imagineid_core.corpus.portrait import draw_person, render_portrait
from imagineid_core.face.load import load_face
from imagineid_core.face.open_face import expression_from_controls
from imagineid_core.face.pose import PORTRAIT_PLACE
from imagineid_core.pipeline.perform import coefficients_from
from imagineid_core.values import FaceCoefficients, MotionTrack, Performance

OPENINGS = (0.1, 0.0, 0.6, 0.2, 0.9, 0.4)


def speaking(openings=OPENINGS) -> Performance:
    """A mean head that turns a little and opens its mouth."""
    turn, still = torch.linspace(-0.1, 0.1, len(openings)), torch.zeros(len(openings))
    return Performance(
        shape=torch.zeros(80),
        semantics=None,
        style=None,
        lip_expression=None,
        expression=expression_from_controls({"jaw_open": torch.tensor(openings)}),
        motion=MotionTrack(
            pose=torch.stack([0.3 * turn, turn, still, still, still, still], dim=1),
            blink=torch.zeros(len(openings)),
            fps=Fraction(25),
        ),
    )


def true_film(performance: Performance, seed: int, size: int = 128) -> torch.Tensor:
    """[frames, 3, size, size] in [-1, 1], of the person that `seed` draws."""
    person, count = draw_person(seed), len(performance.expression)
    moving = coefficients_from(performance, load_face(), slice(0, count))
    dressed = replace(
        moving,
        pose=moving.pose + torch.tensor([0.0, 0.0, 0.0, *PORTRAIT_PLACE]),
        texture=person.texture.expand(count, -1),
        lighting=person.lighting.expand(count, -1),
    )
    rows = [_row(dressed, frame) for frame in range(count)]
    return torch.cat([render_portrait(person.attributes, row, size).image for row in rows])


def _row(coefficients: FaceCoefficients, frame: int) -> FaceCoefficients:
    return FaceCoefficients(
        **{
            one.name: getattr(coefficients, one.name)[frame : frame + 1]
            for one in fields(FaceCoefficients)
        }
    )
