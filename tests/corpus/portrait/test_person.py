from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from imagineid_core.corpus.portrait import (
    caption_of,
    coefficients_of,
    draw_attributes,
    draw_person,
    portrait_pose,
)
from imagineid_core.corpus.portrait.attributes import (
    BEARDS,
    GARMENTS,
    HAIR_STYLES,
    SKIN_RANGE,
    skin_word,
)
from imagineid_core.errors import InputError
from imagineid_core.face.geometry import albedo_from
from imagineid_core.face.open_face import expression_from_controls, open_face_basis

# Words that would say who someone is instead of what is seen.
NEVER = {
    "man", "woman", "boy", "girl", "male", "female", "he", "she", "his", "her", "gentleman", "lady",
    "old", "young", "elderly", "middle-aged", "teenage", "child", "adult", "asian", "african",
    "european", "caucasian", "hispanic", "latino", "latina", "indian", "arab", "ethnic", "race",
    "black skin", "white skin", "black person", "white person",
}  # fmt: skip


def test_a_seed_draws_the_same_person_again():
    assert draw_attributes(17) == draw_attributes(17)
    first, second = draw_person(17), draw_person(17)
    assert torch.equal(first.shape, second.shape)
    assert torch.equal(first.texture, second.texture)


def test_two_hundred_seeds_use_every_style_and_are_all_different():
    people = [draw_attributes(seed) for seed in range(200)]
    assert {person.hair_style for person in people} == set(HAIR_STYLES)
    assert {person.beard for person in people} == set(BEARDS)
    assert {person.garment for person in people} == set(GARMENTS)
    assert len({tuple(asdict(replace(person, seed=0)).values()) for person in people}) == 200


def test_attributes_do_not_depend_on_each_other():
    """No stereotypes: hair, beard and clothes say nothing about skin tone (|r| of 2000 draws)."""
    people = [draw_attributes(seed) for seed in range(2000)]
    tone = np.array([person.skin_tone for person in people])
    for is_so in (
        [person.beard != "none" for person in people],
        [person.hair_style.startswith("long") for person in people],
        [person.hair_colour == "blonde" for person in people],
        [person.eye_colour == "blue" for person in people],
    ):
        # Three standard errors of a correlation over 2000 draws are 0.067.
        assert abs(np.corrcoef(tone, np.array(is_so, dtype=float))[0, 1]) < 0.07


def test_skin_tones_fill_their_range_evenly():
    tones = np.sort([draw_attributes(seed).skin_tone for seed in range(400)])
    assert tones[0] >= SKIN_RANGE[0]
    assert tones[-1] <= SKIN_RANGE[1]
    even = np.linspace(*SKIN_RANGE, 400)
    assert np.abs(tones - even).max() < 0.35


def test_captions_say_what_is_seen_and_never_who_someone_is():
    for seed in range(300):
        caption = caption_of(draw_attributes(seed)).lower()
        words = caption.replace(",", " ").split()
        assert not NEVER & set(words), caption
        assert not any(phrase in caption for phrase in NEVER if " " in phrase), caption


def test_a_caption_names_every_attribute():
    attributes = replace(
        draw_attributes(0),
        hair_style="short curly", hair_colour="brown", beard="full beard", glasses="round",
        glasses_colour="black", garment="hoodie", garment_colour="orange", garment_striped=False,
        backdrop="plain", backdrop_colour="teal", skin_tone=0.0, eye_colour="green",
    )  # fmt: skip
    assert caption_of(attributes) == (
        "portrait of a person with short curly brown hair, a full brown beard, "
        "round black glasses, tan skin, green eyes, wearing an orange hoodie, plain teal background"
    )


@pytest.mark.parametrize(("tone", "word"), [(-2.3, "dark brown"), (-1.0, "brown"), (2.1, "fair")])
def test_skin_words_follow_the_tone(tone, word):
    assert skin_word(tone) == word


def test_a_lighter_tone_is_a_lighter_face():
    basis = open_face_basis()
    cheek = int(basis.landmarks[2])
    seen = []
    for seed in range(30):
        person = draw_person(seed)
        coefficients = coefficients_of(person, expression_from_controls({}), portrait_pose())
        lightness = albedo_from(coefficients, basis)[0, cheek].mean()
        seen.append((person.attributes.skin_tone, float(lightness)))
    tones, lightness = np.array(seen).T
    assert np.corrcoef(tones, lightness)[0, 1] > 0.95


def test_stubble_is_painted_on_the_jaw():
    basis = open_face_basis()
    seeds = range(120)
    with_it = [seed for seed in seeds if draw_attributes(seed).beard == "stubble"]
    chin, brow = int(basis.landmarks[8]), int(basis.landmarks[27])
    for seed in with_it:
        person = draw_person(seed)
        coefficients = coefficients_of(person, expression_from_controls({}), portrait_pose())
        albedo = albedo_from(coefficients, basis)[0]
        assert albedo[chin].mean() < albedo[brow].mean()
    assert with_it


def test_one_row_a_frame_and_the_same_head_in_each():
    person = draw_person(1)
    expression = expression_from_controls({"jaw_open": torch.linspace(0, 1, 4)})
    coefficients = coefficients_of(person, expression, portrait_pose(yaw=0.2))
    assert coefficients.shape.shape == (4, 80)
    assert coefficients.pose.shape == (4, 6)
    assert torch.equal(coefficients.shape[0], coefficients.shape[3])


def test_a_turned_head_stays_over_its_neck():
    neck = torch.tensor([0.0, -1.0, -0.65])
    from imagineid_core.face.pose import pose_vertices

    places = [
        pose_vertices(neck.expand(1, 1, 3), portrait_pose(pitch, yaw, roll))[0, 0]
        for pitch, yaw, roll in ((0.0, 0.0, 0.0), (0.2, -0.7, 0.1), (-0.3, 0.5, -0.2))
    ]
    assert torch.allclose(places[0], places[1], atol=1e-5)
    assert torch.allclose(places[0], places[2], atol=1e-5)


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="seed is -1, but a draw needs 0 or more"):
        draw_attributes(-1)
