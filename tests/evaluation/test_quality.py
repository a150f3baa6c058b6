"""The regression gate's fast part on the shipped suite, and that it notices what is spoilt."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from imagineid_core.assets import SHIPPED
from imagineid_core.evaluation.imagine.voices import Listener
from imagineid_core.evaluation.quality.compare import LOST, WORSE, check_quality, compare
from imagineid_core.evaluation.quality.films import mouth_follows
from imagineid_core.evaluation.quality.held_out import HeldOut
from imagineid_core.evaluation.quality.measure import measure_quality
from imagineid_core.evaluation.quality.metrics import FAST
from imagineid_core.evaluation.quality.record import FILE, read_record
from imagineid_core.evaluation.quality.suite import load_suite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suite():
    return load_suite()


@pytest.fixture(scope="module")
def held_out():
    return HeldOut()


@pytest.fixture(scope="module")
def record():
    return read_record(SHIPPED / FILE)


def with_noise_on_weights(net, share):
    """Each weight off by a share of what such weights mostly are."""
    spoilt, draw = copy.deepcopy(net), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in spoilt.parameters():
            noise = torch.randn(weight.shape, generator=draw)
            weight.add_(share * weight.abs().mean() * noise)
    return spoilt


def with_model(suite, name, share):
    spoilt = with_noise_on_weights(getattr(suite.model, name), share)
    return dataclasses.replace(suite, model=dataclasses.replace(suite.model, **{name: spoilt}))


def with_adapter(suite, name, share):
    spoilt = with_noise_on_weights(getattr(suite.adapters, name), share)
    adapters = dataclasses.replace(suite.adapters, **{name: spoilt})
    return dataclasses.replace(suite, adapters=adapters)


def with_pad(suite, stage, share):
    listener = suite.listener
    spoilt = with_noise_on_weights(getattr(listener.pad, stage), share)
    pad = dataclasses.replace(listener.pad, **{stage: spoilt})
    return dataclasses.replace(suite, listener=Listener(pad=pad, head=listener.head))


def test_the_shipped_suite_is_as_good_as_recorded(suite, held_out, record):
    """What `imagineid evaluate quality --fast` does. A loss that is meant is taken by --update."""
    comparison = compare(measure_quality(suite, held_out, parts=FAST), record, suite.about)
    assert len(comparison.verdicts) > 10
    check_quality(comparison)


@pytest.mark.parametrize(
    ("spoil", "name", "share", "part", "noticed"),
    [
        (with_model, "vae", 0.1, "autoencoder", "vae_psnr"),
        (with_model, "unet", 0.1, "diffusion", "velocity_error"),
        (with_adapter, "spatial", 0.3, "spatial", "steered_error"),
        (with_adapter, "textual", 20.0, "words", "words_error"),  # words of voices weigh little
        (with_adapter, "blending", 1.0, "blending", "unanchored_gain"),
        (with_adapter, "matting", 0.3, "matting", "matte_error"),
        (with_pad, "content", 0.3, "sample", "voice_correlation"),
    ],
)
def test_noise_on_the_weights_of_a_part_is_noticed(
    spoil, name, share, part, noticed, suite, held_out, record
):
    measured = measure_quality(spoil(suite, name, share), held_out, parts=(part,), rounds=2)
    comparison = compare(measured, record)
    assert noticed in [one.name for one in comparison.named(WORSE, LOST)]


def test_a_part_that_is_gone_or_gives_nan_is_lost(suite, held_out, record):
    gone = dataclasses.replace(
        suite, adapters=dataclasses.replace(suite.adapters, matting=None, textual=None)
    )
    measured = measure_quality(gone, held_out, parts=("matting", "words"), rounds=2)
    assert [one.name for one in compare(measured, record).named(LOST)] == [
        "words_error",
        "matte_error",
    ]
    spoilt = with_adapter(suite, "matting", float("nan"))
    measured = measure_quality(spoilt, held_out, parts=("matting",), rounds=2)
    assert [one.name for one in compare(measured, record).named(LOST)] == ["matte_error"]


def test_a_voice_that_is_not_there_is_skipped_by_name(suite, tmp_path, record):
    held_out = HeldOut(sample=tmp_path / "hello.wav")
    measured = measure_quality(suite, held_out, parts=("sample", "words", "films"))
    assert set(measured.skipped) == {"sample", "words", "films"}
    assert "hello.wav" in measured.skipped["sample"]
    check_quality(compare(measured, record))


def test_missing_espeak_is_skipped_by_name(suite, monkeypatch, record):
    monkeypatch.setattr("imagineid_core.evaluation.quality.held_out.has_espeak", lambda: False)
    measured = measure_quality(suite, HeldOut(), parts=("talkers",))
    assert "espeak-ng" in measured.skipped["talkers"]
    check_quality(compare(measured, record))


@pytest.mark.parametrize("inside", [-0.8, 0.9])
def test_mouths_follow_whether_open_ones_are_dark_or_bright(inside):
    """Rows of an open mouth as the openings say; in another order, or held still, they do not."""
    landmarks, gaps = torch.full((6, 68, 2), 64.0), np.array([0, 3, 1, 5, 2, 4]) / 100
    frames = torch.full((6, 3, 128, 128), 0.2)
    for frame, gap in zip(frames, gaps, strict=True):
        frame[:, 64 : 64 + round(100 * gap), 56:72] = inside
    assert mouth_follows(frames, landmarks, gaps) > 0.9
    assert mouth_follows(frames, landmarks, gaps[[1, 0, 3, 2, 5, 4]]) < 0.5
    assert mouth_follows(frames[:1].repeat(6, 1, 1, 1), landmarks, gaps) == 0
