import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagineid_core.corpus.people.caption_words import caption_words
from imagineid_core.corpus.portrait import caption_of, draw_attributes
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.tokenizer import (
    check_fits,
    pieces_of,
    read_vocabulary,
    token_numbers,
    vocabulary_of,
    write_vocabulary,
)

CAPTIONS = [caption_of(draw_attributes(seed)) for seed in range(40)]
OTHERS = [
    "",
    "a high quality photograph, sharp focus, 8k",
    "Ein schöner Tag für Zoë's 42 Hüte!!! don't ½ x²",
    "日本語 テキスト 🙂 portrait",
    "  A\n\tB  we'll've  <|endoftext|> after",
    "e\u0301 ﬁne İstanbul ŉ",
    "it's!? hello_world 3rd ?? 's",
    "\u200b zero\u00a0width",
    "x" * 200,
]


@pytest.fixture(scope="module")
def vocabulary():
    return vocabulary_of(caption_words())


@pytest.fixture(scope="module")
def reference(vocabulary, tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the package's own imports
        from transformers import CLIPTokenizer
    folder = tmp_path_factory.mktemp("tokenizer")
    write_vocabulary(folder, vocabulary)
    assert read_vocabulary(folder) == vocabulary
    return CLIPTokenizer.from_pretrained(str(folder))


def of_reference(reference, texts):
    return reference(
        texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt"
    ).input_ids


@pytest.mark.parametrize("texts", [CAPTIONS, OTHERS], ids=["captions", "others"])
def test_transformers_reads_the_same_77_numbers(vocabulary, reference, texts):
    ours = token_numbers(texts, vocabulary)
    assert ours.shape == (len(texts), 77)
    assert torch.equal(ours, of_reference(reference, texts))
    assert len(vocabulary) == len(reference)


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF, exclude_categories=["Cc"]), max_size=30))
def test_any_latin_text_reads_the_same(vocabulary, reference, text):
    assert torch.equal(token_numbers([text], vocabulary), of_reference(reference, [text]))


def test_a_word_of_a_caption_is_one_token(vocabulary):
    for caption in CAPTIONS:
        numbers = token_numbers([caption], vocabulary)[0]
        words = pieces_of(caption)
        assert (numbers != vocabulary.end).sum() == len(words) + 1
        longer = [len(word) > 1 for word in words]
        assert ((numbers[1 : len(words) + 1] >= 512) == torch.tensor(longer)).all()


def test_every_drawn_caption_is_made_of_the_listed_words():
    listed = {piece for word in caption_words() for piece in pieces_of(word)}
    for seed in range(2000):
        said = set(pieces_of(caption_of(draw_attributes(seed))))
        assert said <= listed, said - listed


def test_no_captioned_person_is_cut_off(vocabulary):
    check_fits(CAPTIONS, vocabulary)
    with pytest.raises(InputError, match=r"200 tokens but 75 fit: 'xxx"):
        check_fits(["x" * 200], vocabulary)


def test_a_folder_without_merges_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"it has no merges.txt"):
        read_vocabulary(tmp_path)
    (tmp_path / "merges.txt").write_text("#version\na b c\n")
    with pytest.raises(WeightsError, match="no pair of symbols"):
        read_vocabulary(tmp_path)
