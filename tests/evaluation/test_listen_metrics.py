"""Perfect hearing gives perfect numbers; hearing wrongly lowers the number that it should."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from imagineid_core.errors import InputError
from imagineid_core.evaluation.listen.heard_clips import digest_of_clips, hear_clip, hear_corpus
from imagineid_core.evaluation.listen.metrics import (
    factor_table,
    identity_metrics,
    lip_metrics,
    listen_metrics,
)
from imagineid_core.evaluation.metrics import METRICS
from imagineid_core.face.open_face import open_face_basis
from tests.evaluation.heard import OpenFaceCorpus, perfect_clips
from tests.tiny import tiny_pad

BASIS = open_face_basis()


@pytest.fixture(scope="module")
def clips():
    return perfect_clips()


def with_gaps(clips, change):
    return [replace(one, gaps=replace(one.gaps, heard=change(one.gaps.heard))) for one in clips]


def test_perfect_lips_are_perfect(clips):
    values = lip_metrics(clips)
    assert values["mouth_correlation"] == pytest.approx(1)
    assert values["mouth_correlation_content"] == pytest.approx(1)
    assert values["offset_0"] == values["offset_within_1"] == 1
    assert values["closure_recall"] == values["closure_recall_truth"] == 1
    assert values["envelope_correlation"] == values["envelope_correlation_truth"]


def test_lips_a_frame_late_are_within_one_and_two_frames_late_are_not(clips):
    for lag, within in ((1, 1), (2, 0)):
        values = lip_metrics(with_gaps(clips, lambda gaps, lag=lag: np.roll(gaps, lag)))
        assert values["offset_0"] == 0
        assert values["offset_within_1"] == within
        assert values["mouth_correlation"] < 0.95


def test_lips_that_never_shut_miss_every_closure(clips):
    values = lip_metrics(with_gaps(clips, lambda gaps: gaps + 10 * gaps.max()))
    assert values["closure_recall"] == 0
    assert values["mouth_correlation"] == pytest.approx(1)


def test_a_still_mouth_scores_nothing(clips):
    values = lip_metrics(with_gaps(clips, lambda gaps: np.ones_like(gaps)))
    assert values["mouth_correlation"] == values["offset_within_1"] == 0


def test_perfect_identities_are_perfect(clips):
    values = identity_metrics(clips)
    assert values["shape_cosine"] == pytest.approx(1)
    assert values["shape_r2"] == pytest.approx(1)
    assert values["speaker_pairs"] == values["speaker_pairs_semantics"] == 1
    assert values["retrieval_at_1"] == 1
    assert 0 < values["retrieval_chance"] < 0.5


def test_identities_of_other_speakers_are_told(clips):
    """Every clip is given the identity of a clip of the next speaker, turn about."""
    order = np.random.default_rng(0).permutation(len(clips))
    wrong = [
        replace(one, heard=replace(one.heard, identity=clips[other].heard.identity))
        for one, other in zip(clips, order, strict=True)
    ]
    values = identity_metrics(wrong)
    assert values["shape_r2"] < 0.2
    assert values["retrieval_at_1"] < 0.7
    assert values["speaker_pairs"] < 0.7


def test_perfect_parts_are_disentangled(clips):
    table, emotion = factor_table(clips, seed=0)
    assert table.at("emotion", "theta_e") == 1
    assert table.at("speaker", "theta_id") == 1
    assert table.at("phoneme", "l-bar") > 0.9
    assert table.at("emotion", "l-bar") < 0.7  # two moods; the sentences are the same in both
    assert table.at("speaker", "theta_e") < 0.4  # four speakers
    assert table.at("phoneme", "theta_id") < 0.45
    assert emotion is not None
    assert emotion.labels == ("calm", "shaking")


def test_every_number_has_a_name_and_every_name_a_number():
    corpus = OpenFaceCorpus()
    pad = tiny_pad()
    clips = hear_corpus(pad, corpus, "validation", BASIS)
    measured = listen_metrics(pad, clips, BASIS, seed=0)
    assert set(measured.values) == set(METRICS)
    asked = (
        "mouth_correlation closure_recall offset_within_1 offset_0 emotion_from_style "
        "emotion_from_content speaker_from_style speaker_from_identity speaker_chance shape_cosine "
        "shape_r2 speaker_pairs retrieval_at_1 swap_lip_correlation swap_emotion"
    )
    for name in asked.split():
        assert isinstance(measured.values[name], float), name


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_says_what_it_is(name):
    metric = METRICS[name]
    assert metric.better in {"higher", "lower"}
    assert all(getattr(metric, field.name) != "" for field in fields(metric))
    assert metric.is_met(None) is None
    if metric.goal is not None:
        assert metric.is_met(metric.goal)
        assert not metric.is_met(metric.goal + (-0.01 if metric.better == "higher" else 0.01))


def test_a_corpus_that_knows_nothing_leaves_its_numbers_out():
    truths = ("text", "style", "phonemes", "shape", "lip_expression", "expression", "motion")
    pad = tiny_pad()
    clips = hear_corpus(pad, OpenFaceCorpus(without=truths), "validation", BASIS, limit=6)
    values = listen_metrics(pad, clips, BASIS, seed=0).values
    known = {name for name, value in values.items() if value is not None}
    again = listen_metrics(pad, clips, BASIS, seed=0)
    assert again.values == values
    assert known == {"envelope_correlation"}  # six clips of one speaker: nobody to tell apart


def test_clips_are_heard_in_the_corpus_order_up_to_a_limit():
    told = []
    clips = hear_corpus(
        tiny_pad(),
        OpenFaceCorpus(),
        "validation",
        BASIS,
        limit=3,
        on_progress=lambda *step: told.append(step),
    )
    assert [one.clip.name for one in clips] == OpenFaceCorpus().names("validation")[:3]
    assert told == [("listen", 1, 3), ("listen", 2, 3), ("listen", 3, 3)]


def test_the_digest_changes_with_any_truth_or_sample(clips):
    some = clips[:2]
    known = digest_of_clips(some)
    assert digest_of_clips(list(some)) == known
    first = some[0]
    louder = replace(first.clip.speech, waveform=first.clip.speech.waveform * 1.01)
    for changed in (
        replace(first.clip, text="other"),
        replace(first.clip, speech=louder),
        replace(first.clip, shape=first.clip.shape + 1e-3),
        replace(first.clip, motion=None),
    ):
        assert digest_of_clips([replace(first, clip=changed), some[1]]) != known


def test_wrong_limits_splits_and_frame_rates_are_named(clips):
    from fractions import Fraction

    pad, corpus = tiny_pad(), OpenFaceCorpus()
    with pytest.raises(InputError, match="limit is 0 clips"):
        hear_corpus(pad, corpus, "validation", BASIS, limit=0)
    with pytest.raises(InputError, match="no clip in its split 'test'"):
        hear_corpus(pad, corpus, "test", BASIS)
    clip = clips[0].clip
    with pytest.raises(InputError, match=f"clip '{clip.name}' has 30 frames a second"):
        hear_clip(pad, replace(clip, speech=replace(clip.speech, fps=Fraction(30))), BASIS)


def test_listening_sees_no_truth():
    """The same sound with other truths is heard alike."""
    pad, clip = tiny_pad(), OpenFaceCorpus().load("train-0-calm-0")
    other = replace(clip, shape=torch.zeros(80), style=None, phonemes=None, text=None)
    one, two = hear_clip(pad, clip, BASIS), hear_clip(pad, other, BASIS)
    assert torch.equal(one.heard.emotion.expression, two.heard.emotion.expression)
