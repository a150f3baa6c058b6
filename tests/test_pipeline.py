"""The order of the stages, and a performance that survives the disk."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from imagineid_core.audio.features import mel_windows
from imagineid_core.audio.waveform import speech_at, speech_from_waveform
from imagineid_core.checkpoint import read_tensors
from imagineid_core.errors import InputError
from imagineid_core.face.load import load_face
from imagineid_core.listen.pad import listen
from imagineid_core.motion.blink import blinks_at
from imagineid_core.performance import load_performance, save_performance
from imagineid_core.pipeline.perform import (
    coefficients_from,
    hear_windows,
    perform,
    perform_heard,
    performance_from,
    still_and_blinking,
)
from imagineid_core.values import PAPER_FPS
from tests.tiny import tiny_pad

PAD = tiny_pad()


def voice(seconds: float = 2.0, fps=25):
    noise = torch.rand(1, round(16_000 * seconds), generator=torch.Generator().manual_seed(0))
    return speech_from_waveform(noise - 0.5, 16_000, fps)


def test_a_performance_is_what_pad_hears():
    speech = voice()
    performance = perform(speech, PAD, seed=0)
    heard = listen(PAD, mel_windows(speech))
    assert torch.equal(performance.expression, heard.emotion.expression[0])
    assert torch.equal(performance.shape, heard.identity.shape[0])
    assert torch.equal(performance.style, heard.emotion.style[0])


def test_what_was_heard_elsewhere_is_performed_alike_unless_it_is_of_another_voice():
    speech = voice()
    heard = listen(PAD, mel_windows(speech))
    performance = perform_heard(speech, heard, seed=4, blinks=blinks_at(0))
    assert torch.equal(performance.expression, perform(speech, PAD, seed=4).expression)
    assert not performance.motion.blink.any()
    with pytest.raises(InputError, match="the content has 50 frames but the voice 75"):
        perform_heard(voice(3.0), heard, seed=4)


@pytest.mark.parametrize("fps", [10, 24, 29.97, 50, 60])
def test_every_track_has_the_length_of_the_video(fps):
    speech = voice(3.3, fps)
    performance = perform(speech, PAD, seed=0)
    lengths = {
        len(performance.expression),
        len(performance.lip_expression),
        len(performance.motion.pose),
        len(performance.motion.blink),
    }
    assert lengths == {speech.num_frames}
    assert performance.motion.fps == speech.fps


def test_the_networks_hear_25_frames_a_second_whatever_the_video():
    assert len(hear_windows(voice(2.0, 60))) == 50


def test_one_frame_of_fast_video_is_heard_as_one_frame():
    """17 ms are a frame at 60 fps but less than half of one at 25: it used to round to none."""
    speech = voice(0.017, 60)
    assert speech_at(speech, PAPER_FPS).num_frames == 1
    assert len(perform(speech, PAD, seed=0).expression) == 1


def test_style_may_follow_the_voice():
    track = perform(voice(), PAD, seed=0, style_seconds=0.5)
    assert track.style.shape[0] == 50
    with pytest.raises(InputError, match="style_seconds is 0"):
        perform(voice(), PAD, seed=0, style_seconds=0.0)


def test_the_head_blinks_but_keeps_still_when_nothing_is_said_about_it():
    motion = still_and_blinking(voice(20), seed=3)
    assert not motion.pose.any()
    assert motion.blink.max() > 0.9
    assert (motion.blink > 0.1).float().mean() < 0.5


def test_another_listeners_hearing_becomes_a_performance():
    speech = voice(2.0, 50)
    expression = torch.linspace(0, 1, 50)[:, None].expand(50, 64)
    motion = still_and_blinking(speech_at(speech, PAPER_FPS), seed=0)
    performance = performance_from(speech, expression, motion)
    assert performance.shape is None
    assert performance.expression.shape == (100, 64)
    # frame 50 at 50 fps has its middle at 1.01 s, between those of frames 24 and 25 at 25 fps
    torch.testing.assert_close(performance.expression[50], torch.lerp(*expression[24:26], 0.75))


@pytest.mark.parametrize("with_identity", [True, False])
def test_a_performance_survives_the_disk(tmp_path, with_identity):
    performance = perform(voice(1.0, Fraction(30000, 1001)), PAD, seed=0)
    if not with_identity:
        performance = replace(
            performance, shape=None, semantics=None, style=None, lip_expression=None
        )
    save_performance(tmp_path, performance, source="голос.wav")
    again = load_performance(tmp_path)
    for name in ("shape", "semantics", "style", "lip_expression", "expression"):
        before, after = getattr(performance, name), getattr(again, name)
        assert (before is None and after is None) or torch.equal(before, after)
    assert torch.equal(again.motion.pose, performance.motion.pose)
    assert again.motion.fps == Fraction(30000, 1001)


def test_other_files_are_no_performance(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="x.safetensors is not a performance"):
        load_performance(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda tensors, metadata: tensors.pop("blink"), "lacks blink"),
        (lambda tensors, metadata: tensors.update(pose=torch.zeros(3, 6)), r"pose .* \(3, 6\)"),
        (lambda tensors, metadata: tensors.update(pose=torch.zeros(50, 7)), r"\(50, 7\)"),
        (lambda tensors, metadata: tensors.update(expression=torch.zeros(0, 64)), "at least one"),
        (lambda tensors, metadata: metadata.pop("fps"), "fps in .* is None"),
        (lambda tensors, metadata: metadata.update(fps="1/0"), "fps in .* is '1/0'"),
    ],
)
def test_a_damaged_performance_is_refused_with_the_reason(tmp_path, damage, told):
    """Each of these was a KeyError or a size mismatch deep in the renderer, or an empty video."""
    from safetensors.torch import save_file

    path, _ = save_performance(tmp_path, perform(voice(), PAD, seed=0), source="test")
    metadata, tensors = read_tensors(path)
    damage(tensors, metadata)
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(InputError, match=told):
        load_performance(path)


def test_coefficients_that_are_not_there_are_not_called_weights(tmp_path):
    with pytest.raises(InputError, match="coefficients .*nothing are not there.*imagineid listen"):
        load_performance(tmp_path / "nothing")


def test_expression_of_another_face_is_named_before_the_blink_is_added():
    performance = performance_from(voice(), torch.zeros(50, 53), still_and_blinking(voice(), 0))
    with pytest.raises(InputError, match="expression has 53 coefficients .* 'open' has 64"):
        coefficients_from(performance, load_face(), slice(0, 2))
