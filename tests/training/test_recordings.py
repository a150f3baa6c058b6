import dataclasses
from fractions import Fraction

import pytest
import torch

from imagineid_core.corpus.clip import Corpus
from imagineid_core.errors import InputError
from imagineid_core.training.recordings import digest_of, read_recordings, recording_of
from tests.training.tiny_corpus import TinyCorpus

CORPUS = TinyCorpus()
NAME = CORPUS.names("train")[0]


def test_the_tiny_corpus_is_a_corpus():
    assert isinstance(CORPUS, Corpus)


def test_every_clip_of_a_split_is_read_in_order_and_progress_is_told():
    told = []
    read = read_recordings(CORPUS, "validation", on_progress=lambda *state: told.append(state))
    assert [one.name for one in read] == CORPUS.names("validation")
    assert told[-1] == (len(read), len(read))


def test_what_the_corpus_does_not_know_is_none():
    one = recording_of(TinyCorpus(without=("shape", "motion", "phonemes")).load(NAME))
    assert (one.shape, one.pose, one.phonemes) == (None, None, None)
    assert one.expression is not None


def test_the_digest_tells_corpora_apart():
    read = read_recordings(CORPUS, "validation")
    assert digest_of(read) == digest_of(read_recordings(CORPUS, "validation"))
    louder = dataclasses.replace(read[0], mel=read[0].mel + 1)
    renamed = dataclasses.replace(read[0], style="other")
    for changed in (louder, renamed):
        assert digest_of([changed, *read[1:]]) != digest_of(read)
    assert digest_of(read[1:]) != digest_of(read)


def test_an_empty_split_is_named():
    with pytest.raises(InputError, match="no clip in its split 'test'"):
        read_recordings(CORPUS, "test")


def test_another_frame_rate_names_the_clip():
    clip = CORPUS.load(NAME)
    speech = dataclasses.replace(clip.speech, fps=Fraction(30))
    with pytest.raises(InputError, match=f"'{NAME}' has 30 frames a second but training hears 25"):
        recording_of(dataclasses.replace(clip, speech=speech))


@pytest.mark.parametrize("field", ["expression", "lip_expression"])
def test_a_truth_of_another_length_names_the_clip(field):
    other = {"expression": "lip_expression", "lip_expression": "expression"}[field]
    clip = TinyCorpus(without=(other,)).load(NAME)
    clip = dataclasses.replace(clip, **{field: torch.zeros(49, 5)})
    with pytest.raises(InputError, match=f"{field} of clip '{NAME}' has 49 frames .* has 50"):
        recording_of(clip)


def test_a_clip_sounds_the_same_elsewhere_each_time_and_unlike_here():
    clip = CORPUS.load(CORPUS.names("train")[0])
    one, again = recording_of(clip, elsewhere=True), recording_of(clip, elsewhere=True)
    assert recording_of(clip).mel_elsewhere is None
    assert torch.equal(one.mel_elsewhere, again.mel_elsewhere)
    assert one.mel_elsewhere.shape == one.mel.shape
    assert not torch.equal(one.mel_elsewhere, one.mel)
    assert digest_of([one]) != digest_of([recording_of(clip)])
