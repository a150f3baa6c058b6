"""Landmarks, features and parameters of faces: cases whose answer is known."""

import numpy as np
import pytest

from imagineid_core.errors import InputError
from imagineid_core.evaluation.video.diversity import diversity_and_coherence
from imagineid_core.evaluation.video.face_parameters import (
    factor_table,
    factor_variance,
    parameter_errors,
)
from imagineid_core.evaluation.video.feature_likeness import (
    cosine_to,
    cosines,
    emotion_accuracy,
    emotion_distance,
    mean_of_found,
)
from imagineid_core.evaluation.video.landmark_distance import landmark_distance
from imagineid_core.face.landmarks import MOUTH


def points(frames: int = 6, seed: int = 0) -> np.ndarray:
    """68 landmarks in pixels; the eyes' centres are 40 pixels apart."""
    found = np.random.default_rng(seed).uniform(0, 100, (frames, 68, 2))
    found[:, 36:42], found[:, 42:48] = (30.0, 40.0), (70.0, 40.0)
    return found


def test_equal_landmarks_lie_0_apart():
    found = landmark_distance(points(), points())
    assert (found.pixels, found.between_eyes, found.num_frames) == (0.0, 0.0, 6)


def test_landmarks_moved_by_3_and_4_lie_5_pixels_apart_and_an_eighth_of_the_eyes():
    found = landmark_distance(points() + (3.0, 4.0), points())
    assert found.pixels == pytest.approx(5.0)
    assert found.between_eyes == pytest.approx(5.0 / 40)


def test_the_mouth_is_points_48_to_67():
    moved = points()
    moved[:, 48:68] += (0.0, 2.0)
    assert landmark_distance(moved, points(), MOUTH).pixels == pytest.approx(2.0)
    assert landmark_distance(moved, points()).pixels == pytest.approx(2.0 * 20 / 68)


def test_between_the_eyes_a_larger_picture_is_the_same_face():
    one, other = points(seed=1), points(seed=2)
    small, large = landmark_distance(one, other), landmark_distance(3 * one, 3 * other)
    assert large.pixels == pytest.approx(3 * small.pixels)
    assert large.between_eyes == pytest.approx(small.between_eyes)


def test_frames_without_a_face_do_not_count_and_are_counted():
    lost = points() + (3.0, 4.0)
    lost[[1, 4]] = np.nan
    found = landmark_distance(lost, points())
    assert (found.pixels, found.num_frames) == (pytest.approx(5.0), 4)
    nobody = landmark_distance(np.full((6, 68, 2), np.nan), points())
    assert np.isnan(nobody.pixels)
    assert nobody.num_frames == 0


def test_landmark_distance_grows_with_the_shift():
    values = [landmark_distance(points() + step, points()).pixels for step in (0.5, 1, 2, 4)]
    assert values == sorted(values)


def test_cosines_of_equal_opposite_and_unrelated_features():
    features = np.eye(4)
    assert cosines(features, features) == pytest.approx(np.ones(4))
    assert cosines(features, -3 * features) == pytest.approx(-np.ones(4))
    assert cosines(features, np.roll(features, 1, axis=0)) == pytest.approx(np.zeros(4))


def test_csim_falls_from_oneself_over_a_likeness_to_permuted_identities():
    """Eight people, ten frames each, every frame a little off its person."""
    random = np.random.default_rng(0)
    people = random.normal(size=(8, 32))
    frames = people[:, None] + 0.3 * random.normal(size=(8, 10, 32))

    def csim(sources: np.ndarray) -> float:
        return float(
            np.mean([cosine_to(f, s).mean() for f, s in zip(frames, sources, strict=True)])
        )

    own, halfway = csim(people), csim(people + 1.5 * random.normal(size=people.shape))
    permuted = csim(people[[1, 2, 3, 4, 5, 6, 7, 0]])
    assert own > 0.9
    assert own > halfway > permuted
    assert abs(permuted) < 0.2


def test_a_frame_without_a_face_has_no_cosine_and_is_told():
    features = np.eye(4)
    features[2] = np.nan
    assert mean_of_found(cosine_to(features, np.ones(4))) == (pytest.approx(0.5), 3)
    mean, count = mean_of_found(np.full(3, np.nan))
    assert np.isnan(mean)
    assert count == 0


def test_emotion_accuracy_and_distance_move_against_each_other():
    truth = np.tile([0.8, 0.1, 0.1], (4, 1))
    same, wrong = truth.copy(), np.tile([0.1, 0.8, 0.1], (4, 1))
    assert emotion_accuracy(same, truth).tolist() == [1.0] * 4
    assert emotion_distance(same, truth) == pytest.approx(np.zeros(4))
    assert emotion_accuracy(wrong, truth).tolist() == [0.0] * 4
    assert emotion_distance(wrong, truth) == pytest.approx(np.full(4, 0.7 * np.sqrt(2)))
    assert emotion_accuracy(wrong, 1).tolist() == [1.0] * 4  # the class it was spoken in


def test_a_face_that_is_not_found_has_no_emotion():
    truth = np.tile([0.8, 0.2], (3, 1))
    found = truth.copy()
    found[1] = np.nan
    assert np.isnan(emotion_accuracy(found, truth)).tolist() == [False, True, False]
    assert np.isnan(emotion_accuracy(found, 0)).tolist() == [False, True, False]
    assert np.isnan(emotion_distance(found, truth)).tolist() == [False, True, False]


def test_parameter_errors_are_mean_squares():
    driving = np.zeros((2, 4))
    found = np.array([[1.0, 1.0, 1.0, 1.0], [2.0, 0.0, 0.0, 0.0]])
    assert parameter_errors(found, driving).tolist() == [1.0, 1.0]


def test_factor_variance_of_known_motion():
    """Two values to either side of their mean: every frame lies its half difference away."""
    swinging = np.array([[-3.0, -4.0], [3.0, 4.0]] * 5)
    assert factor_variance([swinging]) == pytest.approx(5.0)
    assert factor_variance([swinging, np.zeros((7, 2))]) == pytest.approx(2.5)
    assert factor_variance([np.ones((4, 3))]) == 0.0
    lost = np.concatenate([swinging, np.full((3, 2), np.nan)])
    assert factor_variance([lost]) == pytest.approx(5.0)
    assert np.isnan(factor_variance([]))


def test_a_factor_table_shows_what_drives_what():
    still, moving = np.zeros((6, 2)), np.array([[1.0, 0.0], [-1.0, 0.0]] * 3)
    table = factor_table(
        {
            "pose": [{"pose": moving, "expression": 0.1 * moving}],
            "expression": [{"pose": still, "expression": moving}],
        }
    )
    assert table.driven == ("pose", "expression")
    assert table.variance == ((1.0, 0.0), (pytest.approx(0.1), 1.0))
    assert table.selectivity("expression") == pytest.approx(10.0)
    assert np.isnan(table.selectivity("pose"))  # nothing else moves it: no finite ratio


def test_people_apart_and_steady_are_diverse_and_coherent():
    """Three people 2 apart on a line's ends, frames 0.5 to either side of each."""
    wobble = np.array([[0.5, 0.0], [-0.5, 0.0]] * 4)
    found = diversity_and_coherence([wobble + (0.0, 2.0 * number) for number in range(3)])
    assert found.between == pytest.approx((2 + 2 + 4) / 3)
    assert found.within == pytest.approx(0.5)
    assert found.ratio == pytest.approx(found.between / 0.5)


def test_diversity_over_coherence_falls_as_clips_wander():
    random = np.random.default_rng(0)
    people = 3 * random.normal(size=(5, 1, 16))
    ratios = [
        diversity_and_coherence(list(people + amount * random.normal(size=(5, 30, 16)))).ratio
        for amount in (0.1, 0.5, 2.0, 8.0)
    ]
    assert ratios == sorted(ratios, reverse=True)


def test_diversity_needs_two_clips_with_faces():
    with pytest.raises(InputError, match="got 1. Give at least 2 clips"):
        diversity_and_coherence([np.zeros((3, 2))])
    with pytest.raises(InputError, match="clip 1 of 2 .* has no frame with a face"):
        diversity_and_coherence([np.zeros((3, 2)), np.full((3, 2), np.nan)])
