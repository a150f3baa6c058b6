import numpy as np
import pytest
import torch

from imagineid_core.evaluation.listen.retrieval import (
    cosine_distances,
    distances,
    neighbours,
    retrieval_at_1,
    retrieval_chance,
    speaker_pairs,
)

SPEAKERS = [f"s{i // 5}" for i in range(40)]
SENTENCES = [f"t{i % 5}" for i in range(40)]


def voices(spread, seed=0):
    random = np.random.default_rng(seed)
    centres = np.repeat(random.standard_normal((8, 16)) * 10, 5, axis=0)
    return torch.tensor(centres + spread * random.standard_normal(centres.shape)).float()


def test_voices_that_are_alike_are_retrieved():
    distance = cosine_distances(voices(0.01))
    assert retrieval_at_1(distance, SPEAKERS, SENTENCES) == 1
    assert speaker_pairs(distance, SPEAKERS, SENTENCES) == 1


def test_random_features_are_chance():
    random = np.random.default_rng(1)
    found, pairs = [], []
    for _ in range(30):
        distance = distances(torch.tensor(random.standard_normal((40, 16))))
        found.append(retrieval_at_1(distance, SPEAKERS, SENTENCES))
        pairs.append(speaker_pairs(distance, SPEAKERS, SENTENCES))
    # own speaker: 4 of the 32 clips of other sentences; 1200 queries have a sigma of 0.01
    assert retrieval_chance(distance, SPEAKERS, SENTENCES) == 4 / 32
    assert np.mean(found) == pytest.approx(4 / 32, abs=0.04)
    assert np.mean(pairs) == pytest.approx(0.5, abs=0.03)


def test_equal_features_tie():
    distance = distances(torch.ones(40, 3))
    assert speaker_pairs(distance, SPEAKERS, SENTENCES) == 0.5


def test_features_of_the_sentence_retrieve_nobody():
    """The nearest clips say the same sentence; they are not asked."""
    rows = torch.eye(5).repeat(8, 1) + 1e-3 * voices(0.0)[:, :5]
    nearest = neighbours(distances(rows), SENTENCES)
    for index, order in enumerate(nearest):
        assert len(order) == 32
        assert all(SENTENCES[other] != SENTENCES[index] for other in order)


def test_the_order_of_clips_does_not_matter():
    rows, order = voices(6.0), np.random.default_rng(2).permutation(40)
    before = cosine_distances(rows)
    after = cosine_distances(rows[order.tolist()])
    moved = [[names[i] for i in order] for names in (SPEAKERS, SENTENCES)]
    for metric in (retrieval_at_1, speaker_pairs):
        value = metric(before, SPEAKERS, SENTENCES)
        assert 0.2 < value < 1
        assert metric(after, *moved) == pytest.approx(value)


def test_pairs_are_counted_as_a_slow_loop_counts_them():
    rows = voices(12.0)
    distance = distances(rows)
    won = []
    for a in range(40):
        for b in range(40):
            for c in range(40):
                elsewhere = SENTENCES[b] != SENTENCES[a] != SENTENCES[c]
                if elsewhere and SPEAKERS[b] == SPEAKERS[a] != SPEAKERS[c]:
                    won.append(float(distance[a, b] < distance[a, c]))
    assert speaker_pairs(distance, SPEAKERS, SENTENCES) == pytest.approx(np.mean(won))


def test_speakers_with_one_sentence_have_nothing_to_be_compared_with():
    distance = distances(voices(1.0)[:3])
    assert retrieval_at_1(distance, ["a", "b", "c"], ["x", "y", "z"]) is None
    assert retrieval_chance(distance, ["a", "b", "c"], ["x", "y", "z"]) is None
    assert speaker_pairs(distance, ["a", "b", "c"], ["x", "y", "z"]) is None


def test_one_speaker_alone_cannot_be_mistaken():
    distance = distances(voices(1.0)[:3])
    assert retrieval_at_1(distance, ["a"] * 3, ["x", "y", "z"]) is None
    assert speaker_pairs(distance, ["a"] * 3, ["x", "y", "z"]) is None
