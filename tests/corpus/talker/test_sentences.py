import itertools

import pytest

from imagineid_core.corpus.talker.mouth_shapes import is_closure, is_pause, mouth_shapes
from imagineid_core.corpus.talker.sentences import (
    SPLITS,
    WORDS,
    draw_sentence,
    split_of_pair,
)
from imagineid_core.errors import InputError

DRAWN = {split: [draw_sentence(split, seed) for seed in range(1000)] for split in SPLITS}
KNOWN = sorted({word for words in WORDS.values() for word in words}, key=len, reverse=True)


def test_there_are_thousands_of_sentences():
    for sentences in DRAWN.values():
        assert len(set(sentences)) > 0.95 * len(sentences)
    assert len(KNOWN) > 250


@pytest.mark.parametrize("split", SPLITS)
def test_neighbouring_words_belong_to_the_split_of_their_sentence(split):
    """So no test sentence, nor two words of it in a row, was ever trained on."""
    for sentence in DRAWN[split]:
        words = content_words(sentence)
        assert len(words) >= 2, sentence
        for first, second in itertools.pairwise(words):
            assert split_of_pair(first, second) == split, (sentence, first, second)


def test_no_sentence_is_in_two_splits():
    for one, other in itertools.combinations(SPLITS, 2):
        assert not set(DRAWN[one]) & set(DRAWN[other])


def test_splits_have_the_shares_of_pairs_they_claim():
    pairs = [split_of_pair(one, other) for one in WORDS["who"] for other in WORDS["did"]]
    for split, share in SPLITS.items():
        # 2025 pairs: the standard deviation of a share is at most 0.01.
        assert pairs.count(split) / len(pairs) == pytest.approx(share, abs=0.04)


def test_the_same_seed_gives_the_same_sentence_and_an_article_fits_its_word():
    assert draw_sentence("train", 5) == draw_sentence("train", 5)
    assert draw_sentence("train", (1, 2)) != draw_sentence("train", (2, 1))
    for sentence in DRAWN["train"]:
        assert not any(f" a {vowel}" in sentence for vowel in "aeio"), sentence


def test_an_unknown_split_is_refused():
    with pytest.raises(InputError, match="split is 'dev'. Use one of: train"):
        draw_sentence("dev", 0)


def test_lips_close_often_in_these_sentences():
    """Letters stand for sounds here: p, b and m are spelt as they sound, nearly always."""
    letters = "".join(DRAWN["train"]).lower()
    assert sum(letters.count(letter) for letter in "pbm") / len(letters) > 0.05


def test_a_sound_that_nobody_knows_is_refused():
    assert is_pause("_:")
    assert is_closure("m")
    assert mouth_shapes("t#") == mouth_shapes("t")
    with pytest.raises(InputError, match="phoneme 'Q!' is not one of American English's"):
        mouth_shapes("Q!")


def content_words(sentence: str) -> list[str]:
    """The words of the lists as they stand in a sentence; the longest match first."""
    left = f" {sentence.lower().replace(',', '').replace(' an ', ' a ')} "
    found = []
    while left.strip():
        word = next((word for word in KNOWN if left.startswith(f" {word.lower()} ")), None)
        if word is not None:
            found.append(word)
        left = left[1 + len(word or left[1:].split(" ")[0]) :]
    return found
