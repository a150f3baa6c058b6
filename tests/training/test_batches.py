import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch

from imagineid_core.audio.features import mel_windows
from imagineid_core.errors import InputError
from imagineid_core.training.batches import BatchConfig, WindowBatches
from imagineid_core.training.mel_augment import augment_mel
from imagineid_core.training.processes import ALL, Share
from imagineid_core.training.recordings import read_recordings, styles_of, symbols_of
from tests.training.tiny_corpus import CLIPS, TinyCorpus

CORPUS = TinyCorpus()
CONFIG = BatchConfig(batch_size=8, num_negatives=3)


@pytest.fixture(scope="module")
def recordings():
    return read_recordings(CORPUS, "train")


def batches(recordings, config=CONFIG, **options):
    return WindowBatches(recordings, config, seed=3, **options)


@pytest.mark.parametrize("pair_by", ["speaker", "style"])
def test_positives_share_the_label_and_are_other_clips_and_negatives_do_not_share_it(
    recordings, pair_by
):
    source = batches(recordings, pair_by=pair_by)
    for index in range(20):
        draw = source.draw(index)
        labels = [getattr(recordings[clip], pair_by) for clip, _ in draw.anchors]
        for row, label in enumerate(labels):
            positive, _ = draw.positives[row]
            assert getattr(recordings[positive], pair_by) == label
            assert positive != draw.anchors[row][0], "another clip of the same label"
            for negative in draw.negatives[row]:
                clip, _ = draw.positives[negative]
                assert getattr(recordings[clip], pair_by) != label


def test_labels_take_turns(recordings):
    """Four speakers in a batch of eight: each twice."""
    draw = batches(recordings, pair_by="speaker").draw(0)
    counts = Counter(recordings[clip].speaker for clip, _ in draw.anchors)
    assert set(counts.values()) == {2}


def test_a_speaker_of_one_clip_is_paired_with_itself(recordings):
    firsts = list({one.speaker: one for one in recordings}.values())
    draw = batches(firsts, pair_by="speaker").draw(0)
    assert [clip for clip, _ in draw.positives] == [clip for clip, _ in draw.anchors]


def test_a_batch_depends_on_its_index_alone(recordings):
    options = {"needs": ("shape",), "pair_by": "speaker", "augment": augment_mel}
    one, other = batches(recordings, **options), batches(recordings, **options)
    one(0, ALL)
    for field in ("windows", "positive_windows", "negatives", "shape"):
        assert torch.equal(getattr(one(7, ALL), field), getattr(other(7, ALL), field))
    assert not torch.equal(one(7, ALL).windows, one(8, ALL).windows)


def test_the_shares_of_all_processes_are_the_batch(recordings):
    source = batches(recordings, pair_by="style", augment=augment_mel, needs=("expression",))
    whole = source(2, ALL)
    shares = [source(2, Share(process=i, num_processes=4)) for i in range(4)]
    for field in ("windows", "positive_windows", "negatives", "expression"):
        parts = torch.cat([getattr(share, field) for share in shares])
        assert torch.equal(getattr(whole, field), parts), field


def test_windows_are_what_inference_hears_at_those_frames(recordings):
    source = batches(recordings, needs=("expression", "lip_expression", "pose", "shape"))
    batch = source(0, ALL)
    for row, (number, start) in enumerate(source.draw(0).anchors):
        clip = CORPUS.load(source.recordings[number].name)
        heard = mel_windows(clip.speech)[start : start + CONFIG.frames]
        # Half precision keeps 11 bits: 0.002 of the largest value, 4.
        torch.testing.assert_close(batch.windows[row], heard, atol=2e-3, rtol=0)
        span = slice(start, start + CONFIG.frames)
        for truth, given in (
            (clip.expression[span], batch.expression[row]),
            (clip.lip_expression[span], batch.lip_expression[row]),
            (clip.motion.pose[span], batch.pose[row]),
            (clip.shape, batch.shape[row]),
        ):
            torch.testing.assert_close(given, truth, atol=2e-3, rtol=0)


def test_sounds_are_those_whose_middle_lies_in_the_window(recordings):
    symbols = symbols_of(recordings)
    assert symbols == ("a", "m", "o", "s"), "pauses are not read"
    source = batches(recordings, needs=("phonemes",), symbols=symbols)
    batch = source(1, ALL)
    for row, (number, start) in enumerate(source.draw(1).anchors):
        clip = CORPUS.load(source.recordings[number].name)
        wanted = [
            p.symbol
            for p in clip.phonemes
            if p.symbol != "_:" and start <= (p.start + p.end) / 2 * 25 < start + 32
        ]
        count = int(batch.num_symbols[row])
        assert [symbols[i] for i in batch.symbols[row, :count]] == wanted
        assert (batch.symbols[row, count:] == -1).all()


def test_a_sound_the_reader_does_not_know_is_passed_over(recordings):
    batch = batches(recordings, needs=("phonemes",), symbols=("a", "m"))(0, ALL)
    assert batch.symbols.max() <= 1


def test_styles_are_numbered(recordings):
    styles = styles_of(recordings)
    batch = batches(recordings, needs=("style",), styles=styles)(0, ALL)
    assert set(batch.style.tolist()) <= {0, 1}
    assert styles == ("calm", "shaking")


CHANGED = 0  # a seed of the half that is changed


def test_half_of_the_windows_stay_as_they_are(recordings):
    mel = recordings[0].mel[:, :60].float()
    same = [torch.equal(augment_mel(mel, np.random.default_rng(seed)), mel) for seed in range(100)]
    assert not same[CHANGED]
    assert 35 <= sum(same) <= 65


def test_every_second_window_is_heard_elsewhere(recordings):
    """Where a clip is known in another room; the truths are the same in both."""
    moved = [dataclasses.replace(one, mel_elsewhere=-one.mel) for one in recordings]
    heard, here = batches(moved), batches(recordings)
    there = [
        not torch.equal(one, other)
        for index in range(20)
        for one, other in zip(heard(index, ALL).windows, here(index, ALL).windows, strict=True)
    ]
    assert 0.3 < sum(there) / len(there) < 0.7


def test_augmented_mel_is_another_recording_of_the_same_sound(recordings):
    mel = recordings[0].mel[:, :60].float()
    heard = augment_mel(mel, np.random.default_rng(CHANGED))
    assert heard.shape == mel.shape
    assert heard.min() >= -4
    assert heard.max() <= 4
    assert not torch.equal(heard, mel)
    assert torch.equal(heard, augment_mel(mel, np.random.default_rng(CHANGED)))
    loud = mel > mel.max() - 1.5  # within 19 dB of the loudest: noise hardly reaches it
    together = torch.corrcoef(torch.stack([mel[loud], heard[loud]]))[0, 1]
    assert together > 0.5


def test_every_clip_and_both_ends_are_drawn(recordings):
    source = batches(recordings)
    drawn = [span for index in range(200) for span in source.draw(index).anchors]
    assert {clip for clip, _ in drawn} == set(range(len(recordings)))
    assert {start for _, start in drawn} == set(range(50 - 32 + 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda r: batches(r, needs=("pose",)), "no clip of the corpus knows its pose"),
        (
            lambda r: batches(r, dataclasses.replace(CONFIG, frames=64)),
            "longest usable clip has 50 frames but a window has 64",
        ),
        (
            lambda r: batches(r)(0, Share(process=0, num_processes=3)),
            "batch_size is 8 but there are 3 processes. Use a multiple of 3",
        ),
        (
            lambda r: batches(r[: 2 * CLIPS], pair_by="speaker").draw(0),
            r"one speaker only \('train-0'\), so there is no negative",
        ),
        (
            lambda r: dataclasses.replace(CONFIG, num_negatives=0),
            "num_negatives is 0 but must be at least 1",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told(recordings, make, message):
    ignorant = [dataclasses.replace(one, pose=None) for one in recordings]
    with pytest.raises(InputError, match=message):
        make(ignorant)
