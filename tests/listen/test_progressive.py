import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.listen.pad import listen
from imagineid_core.listen.progressive import (
    Windowing,
    _plan,
    emotion_from_style,
    listen_content,
    listen_emotion,
    listen_identity,
    over_windows,
)
from tests.tiny import TINY, tiny_pad

CLOSE = {"atol": 1e-5, "rtol": 0.0}  # the bound; batched matrix products round differently
PAD = tiny_pad()


def frames(num_frames: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(num_frames, 1280, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 400), st.integers(2, 40), st.data())
def test_the_shares_of_all_windows_add_up_to_one_in_every_frame(num_frames, length, data):
    overlap = data.draw(st.integers(0, length - 1))
    total = torch.zeros(num_frames)
    for span in _plan(num_frames, Windowing(length=length, overlap=overlap)):
        total[span.start : span.stop] += span.weights
        assert span.stop - span.start == min(length, num_frames)
        assert (span.weights > 0).all()
    torch.testing.assert_close(total, torch.ones(num_frames), atol=1e-6, rtol=0)


@given(st.integers(1, 20))
def test_the_number_of_windows_grows_linearly(minutes):
    one, many = len(_plan(1500, Windowing())), len(_plan(1500 * minutes, Windowing()))
    assert many <= one * minutes + 1


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 120), st.integers(1, 7))
def test_windows_in_batches_equal_windows_one_by_one(num_frames, batch):
    clip = frames(num_frames)
    alone = listen(PAD, clip, windowing=Windowing(batch=1))
    together = listen(PAD, clip, windowing=Windowing(batch=batch))
    torch.testing.assert_close(together.identity.shape, alone.identity.shape, **CLOSE)
    torch.testing.assert_close(together.identity.semantics, alone.identity.semantics, **CLOSE)
    torch.testing.assert_close(together.content.linguistic, alone.content.linguistic, **CLOSE)
    torch.testing.assert_close(together.emotion.expression, alone.emotion.expression, **CLOSE)


@pytest.mark.parametrize("num_frames", [1, 7, 31, 32])
def test_a_clip_of_one_window_is_the_papers_forward_pass(num_frames):
    clip = frames(num_frames)
    heard = listen(PAD, clip)
    with torch.no_grad():
        who = PAD.identity(clip[None])
        what = PAD.content(clip[None], who.shape)
        how = PAD.emotion(clip[None], what.linguistic, who.shape)
    torch.testing.assert_close(heard.identity.shape, who.shape, **CLOSE)
    torch.testing.assert_close(heard.identity.semantics, who.semantics, **CLOSE)
    torch.testing.assert_close(heard.content.lip_expression, what.lip_expression, **CLOSE)
    torch.testing.assert_close(heard.emotion.style, how.style, **CLOSE)
    torch.testing.assert_close(heard.emotion.expression, how.expression, **CLOSE)


@pytest.mark.parametrize("num_frames", [33, 75, 200])
def test_first_and_last_frames_of_a_joined_clip_equal_those_of_its_end_windows_alone(num_frames):
    """The first window alone owns frames 0-23, the last one those after the previous window."""
    clip = frames(num_frames)
    joined = over_windows(PAD.content.encode, PAD.content, [clip], windowing=Windowing())
    with torch.no_grad():
        first = PAD.content.encode(clip[None, :32])[0]
        last = PAD.content.encode(clip[None, -32:])[0]
    plan = _plan(num_frames, Windowing())
    alone_at_start = plan[1].start
    alone_at_end = num_frames - plan[-2].stop
    assert alone_at_start >= 1
    assert alone_at_end >= 1
    torch.testing.assert_close(joined[:alone_at_start], first[:alone_at_start], **CLOSE)
    torch.testing.assert_close(joined[-alone_at_end:], last[-alone_at_end:], **CLOSE)


def test_a_join_leaves_no_seam():
    """Two neighbouring windows that disagree by 1 meet in steps no larger than the fade allows."""
    seen = iter(range(1000))

    def disagree(batch):
        return torch.stack([torch.full((len(rows), 1), float(next(seen) % 2)) for rows in batch])

    joined = over_windows(disagree, PAD.content, [frames(300)], windowing=Windowing())[:, 0]
    steps = joined.diff().abs()
    assert joined.max() > 0.9
    assert joined.min() < 0.1
    # one ninth a frame where two windows meet; a little more where the moved last window meets two
    assert steps.max() < 0.25


def test_identity_does_not_count_an_overlap_twice():
    """Semantics is the mean over frames even when the last window overlaps its neighbour by 31."""
    clip = frames(33)
    features = over_windows(
        lambda batch: PAD.identity.encode(batch)[1], PAD.identity, [clip], windowing=Windowing()
    )
    heard = listen_identity(PAD.identity, clip)
    torch.testing.assert_close(heard.semantics[0], features.mean(dim=0), **CLOSE)


def test_a_style_track_has_a_row_a_frame_and_follows_the_clip():
    clip = torch.cat([frames(60, seed=1), frames(60, seed=2) + 3])
    who = listen_identity(PAD.identity, clip)
    what = listen_content(PAD.content, clip, who.shape)
    whole = listen_emotion(PAD.emotion, clip, what, who.shape)
    track = listen_emotion(PAD.emotion, clip, what, who.shape, style_frames=25)
    assert whole.style.shape == (1, 1, TINY.width)
    assert track.style.shape == (1, 120, TINY.width)
    spread = (track.style - whole.style).norm(dim=-1)[0]
    change = track.style[0].diff(dim=0).norm(dim=-1)
    assert spread[[0, -1]].min() > 3 * change.median()  # its ends differ from the mean of the clip
    assert change.max() < spread.max()  # and it gets there in steps, not in a jump


def test_a_style_track_over_the_whole_clip_nears_the_clips_style():
    clip = frames(20)
    who = listen_identity(PAD.identity, clip)
    what = listen_content(PAD.content, clip, who.shape)
    one_frame = listen_emotion(PAD.emotion, clip, what, who.shape, style_frames=1)
    features = over_windows(PAD.emotion.encode, PAD.emotion, [clip], windowing=Windowing())
    torch.testing.assert_close(one_frame.style[0], features, **CLOSE)


def test_content_of_one_voice_takes_the_style_of_another():
    voice_a, voice_b = frames(50, seed=1), frames(90, seed=2)
    who = listen_identity(PAD.identity, voice_a)
    what = listen_content(PAD.content, voice_a, who.shape)
    mixed = listen_emotion(PAD.emotion, voice_b, what, who.shape)
    own = listen_emotion(PAD.emotion, voice_a, what, who.shape)
    assert mixed.expression.shape == (1, 50, 64)
    assert not torch.allclose(mixed.expression, own.expression)


def test_progress_ends_at_the_last_frame():
    seen = []
    listen(PAD, frames(700), on_progress=lambda *step: seen.append(step))
    stages = [stage for stage, _, _ in seen]
    assert sorted(set(stages), key=stages.index) == ["identity", "content", "emotion"]
    assert [done for stage, done, _ in seen if stage == "content"][-1] == 700
    assert {total for _, _, total in seen} == {700}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: listen(PAD, frames(0)), "0 frames"),
        (lambda: listen(PAD, frames(9), windowing=Windowing(overlap=32)), "overlap is 32"),
        (lambda: listen(PAD, frames(9), windowing=Windowing(batch=0)), "batch 0"),
        (lambda: listen(PAD, frames(9), style_frames=0), "style_frames is 0"),
    ],
)
def test_settings_that_make_no_sense_are_named(call, told):
    with pytest.raises(InputError, match=told):
        call()


def test_a_style_that_does_not_fit_is_named():
    clip = frames(10)
    who = listen_identity(PAD.identity, clip)
    what = listen_content(PAD.content, clip, who.shape)
    with pytest.raises(InputError, match="style has 4 rows but the content has 10 frames"):
        emotion_from_style(PAD.emotion, torch.zeros(1, 4, TINY.width), what, who.shape)
    with pytest.raises(InputError, match="style is 3 wide but linguistic features are 16"):
        emotion_from_style(PAD.emotion, torch.zeros(1, 1, 3), what, who.shape)
