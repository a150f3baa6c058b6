"""More or less feeling in a performance."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from imagineid_core.errors import InputError
from imagineid_core.motion.track import still_track
from imagineid_core.pipeline.edit_performance import with_emotion
from imagineid_core.values import Performance

LIPS = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
FELT = torch.tensor([0.5, -1.0])  # what the emotion adds in every frame


def performance(lips=LIPS):
    return Performance(
        shape=None,
        semantics=None,
        style=None,
        lip_expression=lips,
        expression=LIPS + FELT,
        motion=still_track(3, Fraction(25)),
    )


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_the_lips_stay_and_the_emotion_scales(strength):
    edited = with_emotion(performance(), strength)
    torch.testing.assert_close(edited.expression, LIPS + strength * FELT)
    assert edited.lip_expression is LIPS


def test_every_frame_may_have_its_own_strength():
    edited = with_emotion(performance(), torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(edited.expression[1], LIPS[1] + 0.5 * FELT)


def test_what_cannot_be_told_apart_or_counted_is_refused():
    with pytest.raises(InputError, match="no lip expression"):
        with_emotion(performance(lips=None), 2.0)
    with pytest.raises(InputError, match="strength is \\(2,\\) but the performance has 3 frames"):
        with_emotion(performance(), torch.ones(2))
    with pytest.raises(InputError, match="strength goes down to -1"):
        with_emotion(performance(), -1.0)


def test_the_given_performance_is_not_changed():
    given = performance()
    before = given.expression.clone()
    with_emotion(replace(given), 3.0)
    assert torch.equal(given.expression, before)
