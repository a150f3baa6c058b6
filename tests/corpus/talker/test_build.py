import dataclasses
import json
import shutil

import pytest
import torch

from imagineid_core.corpus.clip import Corpus
from imagineid_core.corpus.shard_folder import shard_path
from imagineid_core.corpus.talker import build_talker_corpus, open_talker_corpus
from imagineid_core.corpus.talker.corpus import TalkerCorpus
from imagineid_core.corpus.talker.espeak import has_espeak, installed_data_folder
from imagineid_core.corpus.talker.mouth_shapes import is_closure
from imagineid_core.corpus.talker.prosody import STYLES
from imagineid_core.corpus.talker.shape_rule import shape_of
from imagineid_core.corpus.talker.talker import make_clip, plan_clip, speaker_name
from imagineid_core.corpus.talker.voices import draw_speaker, write_voices
from imagineid_core.errors import InputError
from imagineid_core.face.open_face import open_face_basis

needs_espeak = pytest.mark.skipif(
    not has_espeak(), reason="needs libespeak-ng.so.1 of the Debian package espeak-ng"
)
SMALL = {"num_speakers": 4, "clips_per_speaker": 6, "seed": 7}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("talkers") / "corpus é"
    build_talker_corpus(folder, **SMALL)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def lip_gap(expression: torch.Tensor) -> torch.Tensor:
    basis = open_face_basis()
    upper, lower = basis.landmarks[62], basis.landmarks[66]
    moved = basis.expression_basis[upper, 1] - basis.expression_basis[lower, 1]
    return expression @ moved  # at rest the lips touch


def every_clip(corpus: TalkerCorpus):
    return [
        corpus.load(name)
        for split in ("train", "validation", "test")
        for name in corpus.names(split)
    ]


@needs_espeak
def test_a_corpus_is_a_corpus_split_by_speaker_and_by_sentence(made):
    corpus = open_talker_corpus(made)
    assert isinstance(corpus, Corpus)
    clips = {
        split: [corpus.load(name) for name in corpus.names(split)]
        for split in ("train", "validation", "test")
    }
    assert [len(clips[split]) for split in clips] == [12, 6, 6]
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert not {clip.speaker for clip in clips[one]} & {clip.speaker for clip in clips[other]}
        assert not {clip.text for clip in clips[one]} & {clip.text for clip in clips[other]}


@needs_espeak
def test_a_clip_knows_every_truth_for_every_frame(made):
    corpus = open_talker_corpus(made)
    for clip in every_clip(corpus):
        num_frames = clip.speech.num_frames
        assert len(clip.speech.waveform) == num_frames * 640
        assert clip.lip_expression.shape == clip.expression.shape == (num_frames, 64)
        assert clip.motion.pose.shape == (num_frames, 6)
        assert clip.motion.blink.shape == (num_frames,)
        assert clip.phonemes[0].start == 0
        assert abs(clip.phonemes[-1].end - num_frames / 25) < 0.02 + 1e-9  # half a frame of padding
        assert 0.5 <= clip.intensity <= 1
        number = int(clip.speaker[1:])
        assert torch.equal(clip.shape, shape_of(draw_speaker(7, number)))
        assert corpus.speaker(clip.speaker) == draw_speaker(7, number)


@needs_espeak
def test_six_clips_of_a_speaker_have_the_six_styles(made):
    corpus = open_talker_corpus(made)
    styles = [corpus.load(name).style for name in corpus.names("test")]
    assert sorted(styles) == sorted(STYLES)


@needs_espeak
def test_lips_are_shut_in_every_p_b_and_m_whatever_the_style_and_in_silence(made):
    num_closures = 0
    for clip in every_clip(open_talker_corpus(made)):
        for expression in (clip.lip_expression, clip.expression):
            gap = lip_gap(expression)
            # float16 truths: coefficients of 1 move the lips by a fiftieth of a millimetre at most.
            assert gap[0] < 0.1 * gap.mean() + 0.002
            assert gap[-1] < 0.002
            for sound in clip.phonemes:
                if is_closure(sound.symbol):
                    first = max(round((sound.start - 0.02) * 25 - 0.5), 0)
                    last = round((sound.end + 0.02) * 25 - 0.5)
                    assert gap[first : last + 1].min() < 0.25 * gap.mean(), (clip.name, sound)
                    num_closures += 1
    assert num_closures > 50


@needs_espeak
def test_an_open_mouth_goes_with_sound(made):
    """Vowels are louder than closures: the gap follows the loudness, one frame against another."""
    for clip in every_clip(open_talker_corpus(made))[:8]:
        level = clip.speech.waveform.reshape(-1, 640).square().mean(1).add(1e-8).log10()
        together = torch.corrcoef(torch.stack([lip_gap(clip.lip_expression), level]))[0, 1]
        assert together > 0.4, clip.name


@needs_espeak
def test_s_segments_hiss_in_the_finished_clip(made):
    """The whole path keeps the phonemes' times: silence, resampling, effort, 16 bits."""
    shares = []
    for clip in every_clip(open_talker_corpus(made)):
        if clip.style == "sad":  # low-passed
            continue
        for sound in clip.phonemes:
            if sound.symbol == "s":
                piece = clip.speech.waveform[int(sound.start * 16000) : int(sound.end * 16000)]
                power = torch.fft.rfft(piece).abs().square()
                shares.append(float(power[len(power) // 2 :].sum() / power.sum()))
    assert len(shares) > 5
    assert sorted(shares)[len(shares) // 2] > 0.6


@needs_espeak
def test_a_clip_is_the_same_alone_as_in_the_corpus(made, tmp_path):
    """Neither the number of speakers nor the order nor what was spoken before matters."""
    index = 2
    voices = [(speaker_name(index), draw_speaker(7, index))]
    data = write_voices(tmp_path, voices, installed_data_folder())
    alone = make_clip(plan_clip(7, index, 3), data)
    stored = open_talker_corpus(made).load(alone.name)
    assert stored.phonemes == alone.phonemes
    assert stored.text == alone.text
    # Half a step of 16 bits.
    assert (stored.speech.waveform - alone.speech.waveform).abs().max() <= 0.51 / 32767
    assert torch.equal(stored.expression, alone.expression.half().float())


@needs_espeak
def test_more_speakers_and_more_workers_change_no_byte_of_the_others(made, tmp_path):
    manifest = build_talker_corpus(tmp_path / "c", **(SMALL | {"num_speakers": 5}), workers=2)
    before = open_talker_corpus(made).manifest
    assert len(manifest.shards) == 5
    for name, record in before.shards.items():
        assert manifest.shards[name] == record
    assert manifest.corpus_hash != before.corpus_hash


@needs_espeak
def test_a_finished_corpus_is_left_alone_and_may_grow(copy):
    before = {path.name: path.stat().st_mtime_ns for path in (copy / "shards").iterdir()}
    seen = []
    build_talker_corpus(copy, **SMALL, on_progress=lambda *done: seen.append(done))
    assert seen == [(4, 4)]
    build_talker_corpus(copy, **(SMALL | {"num_speakers": 5}))
    after = {path.name: path.stat().st_mtime_ns for path in (copy / "shards").iterdir()}
    assert {name: after[name] for name in before} == before
    assert len(after) == 5


@needs_espeak
def test_an_interrupted_build_keeps_what_is_finished_and_goes_on(made, tmp_path):
    class Interruption(Exception):
        pass

    def stop(done, total):
        if done == 2:
            raise Interruption

    folder = tmp_path / "c"
    with pytest.raises(Interruption):
        build_talker_corpus(folder, **SMALL, on_progress=stop)
    with pytest.raises(InputError, match="half made: 2 of 4 speakers"):
        open_talker_corpus(folder)
    manifest = build_talker_corpus(folder, **SMALL)
    assert manifest == open_talker_corpus(made).manifest


@needs_espeak
def test_a_cut_shard_is_named_and_made_again(copy, made, caplog):
    path = shard_path(copy, "s0001")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"s0001.safetensors has 1000 bytes instead of"):
        open_talker_corpus(copy)
    build_talker_corpus(copy, **SMALL)
    assert "s0001" in caplog.text
    assert path.read_bytes() == shard_path(made, "s0001").read_bytes()


@needs_espeak
def test_a_changed_byte_is_found_when_the_shard_is_first_read(copy):
    path = shard_path(copy, "s0000")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    corpus = open_talker_corpus(copy)
    with pytest.raises(InputError, match="s0000.safetensors does not have the hash"):
        corpus.load("s0000_c000")


@needs_espeak
def test_a_missing_shard_is_named(copy):
    shard_path(copy, "s0003").unlink()
    with pytest.raises(InputError, match="s0003.safetensors is listed in manifest.json but"):
        open_talker_corpus(copy)


@needs_espeak
def test_another_seed_in_the_same_folder_is_refused(copy):
    with pytest.raises(InputError, match="seed 7 instead of 8"):
        build_talker_corpus(copy, **(SMALL | {"seed": 8}))


@needs_espeak
def test_unknown_names_are_refused(made):
    corpus = open_talker_corpus(made)
    with pytest.raises(InputError, match="clip 's0000_c999' is not in"):
        corpus.load("s0000_c999")
    with pytest.raises(InputError, match="speaker 's0009' is not in"):
        corpus.speaker("s0009")
    with pytest.raises(InputError, match="split is 'dev'"):
        corpus.names("dev")


def test_folders_that_are_no_corpus_are_named(tmp_path):
    with pytest.raises(InputError, match="nowhere is no talker corpus: it is not there"):
        open_talker_corpus(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"it has no manifest.json"):
        open_talker_corpus(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format_version": 1, "corp')
    with pytest.raises(InputError, match=r"manifest.json is not readable"):
        open_talker_corpus(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": 9, "corpus": "talker"}))
    with pytest.raises(InputError, match="format version 9"):
        open_talker_corpus(tmp_path)


@needs_espeak
def test_a_folder_of_something_else_is_not_built_into(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="has files but no manifest.json"):
        build_talker_corpus(tmp_path, **SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_speakers": 2}, "num_speakers is 2"),
        ({"clips_per_speaker": 0}, "clips_per_speaker is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"workers": 0}, "workers 0"),
        ({"split": "dev"}, "split is 'dev'. Use one of: train, validation, test"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_made(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        build_talker_corpus(tmp_path / "new", **(SMALL | change))
    assert not (tmp_path / "new").exists()


@needs_espeak
def test_plans_do_not_depend_on_one_another():
    plan = plan_clip(7, 2, 3)
    assert plan == plan_clip(7, 2, 3)
    assert dataclasses.replace(plan, seed=8) != plan_clip(8, 2, 3)


@needs_espeak
def test_a_split_alone_is_the_same_as_in_the_whole_corpus(made, tmp_path):
    seen = []
    folder = tmp_path / "c"
    manifest = build_talker_corpus(
        folder, **SMALL, split="test", on_progress=lambda *done: seen.append(done)
    )
    assert seen == [(0, 1), (1, 1)]
    whole = open_talker_corpus(made)
    assert manifest.shards == {"s0002": whole.manifest.shards["s0002"]}
    corpus = open_talker_corpus(folder)
    assert corpus.splits == ("test",)
    assert corpus.names("test") == whole.names("test")
    assert corpus.load("s0002_c000").text == whole.load("s0002_c000").text


@needs_espeak
def test_a_partial_corpus_has_no_other_split_and_can_be_finished(made, tmp_path):
    folder = tmp_path / "c"
    build_talker_corpus(folder, **SMALL, split="test")
    before = shard_path(folder, "s0002").stat().st_mtime_ns
    with pytest.raises(InputError, match=r"partial corpus of the split test, so it has no 'train'"):
        open_talker_corpus(folder).names("train")
    build_talker_corpus(folder, **SMALL, split="validation")
    with pytest.raises(InputError, match=r"of the split validation and test, so .* no 'train'"):
        open_talker_corpus(folder).names("train")
    assert len(open_talker_corpus(folder).names("validation")) == 6
    assert build_talker_corpus(folder, **SMALL) == open_talker_corpus(made).manifest
    assert open_talker_corpus(folder).manifest == open_talker_corpus(made).manifest
    assert shard_path(folder, "s0002").stat().st_mtime_ns == before


@needs_espeak
def test_a_whole_corpus_stays_whole_when_a_split_is_asked(copy, made):
    build_talker_corpus(copy, **SMALL, split="test")
    assert open_talker_corpus(copy).manifest == open_talker_corpus(made).manifest


@needs_espeak
def test_a_manifest_without_splits_is_of_a_whole_corpus(copy):
    """As they were written before a corpus could be partial."""
    document = json.loads((copy / "manifest.json").read_text())
    del document["splits"]
    (copy / "manifest.json").write_text(json.dumps(document))
    assert open_talker_corpus(copy).splits == ("train", "validation", "test")


@needs_espeak
def test_a_partial_corpus_that_grew_only_in_other_splits_knows_its_size(tmp_path):
    build_talker_corpus(tmp_path, num_speakers=3, clips_per_speaker=1, split="test")
    build_talker_corpus(tmp_path, num_speakers=5, clips_per_speaker=1, split="test")
    assert open_talker_corpus(tmp_path).manifest.num_speakers == 5
