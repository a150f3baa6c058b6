import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.corpus.talker.shape_rule import LIMIT, shape_of
from imagineid_core.corpus.talker.voices import draw_speaker, place_of, speaker_at
from imagineid_core.face.open_face import shape_directions

places = st.lists(st.floats(0, 1), min_size=12, max_size=12).map(np.array)


@settings(deadline=None)  # the first call builds the face
@given(places, places)
def test_a_small_step_of_the_voice_is_a_small_step_of_the_head(place, direction):
    step = 0.01 * (direction - 0.5)
    here, there = shape_of(speaker_at(place)), shape_of(speaker_at(np.clip(place + step, 0, 1)))
    # Across the whole cube (12 axes of 1) heads differ by about 15; 0.6 is twice the steepest met.
    assert float((here - there).norm()) < 0.6


@settings(deadline=None)  # the first call builds the face
@given(places)
def test_every_coefficient_stays_within_its_limit(place):
    assert float(shape_of(speaker_at(place)).abs().max()) <= LIMIT


def test_a_longer_vocal_tract_has_a_longer_face():
    middle = np.full(12, 0.5)
    longer = middle.copy()
    longer[2] = 0.1  # `tract`: formants below the usual
    assert face_length(longer) > face_length(middle) + 0.3


def test_voices_near_one_another_have_heads_near_one_another():
    places = np.array([place_of(draw_speaker(0, index)) for index in range(120)])
    shapes = np.array([shape_of(draw_speaker(0, index)).numpy() for index in range(120)])
    between = np.linalg.norm(places[:, None] - places, axis=-1)[np.triu_indices(120, 1)]
    apart = np.linalg.norm(shapes[:, None] - shapes, axis=-1)[np.triu_indices(120, 1)]
    # 0.47; a rule without order would have 0 within 0.02. Axes that are hard to hear count less.
    assert np.corrcoef(between, apart)[0, 1] > 0.4


def test_heads_vary_about_as_much_as_the_basis_means_them_to():
    shapes = torch.stack([shape_of(draw_speaker(0, index)) for index in range(300)])
    assert 0.7 < float(shapes.std()) < 1.2  # coefficients of the basis are about N(0, 1)
    assert float(shapes.std(0).min()) > 0.3  # none is left out


def face_length(place: np.ndarray) -> float:
    amounts = np.linalg.solve(shape_directions().from_named, shape_of(speaker_at(place)).numpy())
    return float(amounts[shape_directions().names.index("face_length")])
