"""The regression gate's fast part on the shipped suite, and that it notices what is spoilt."""

import copy
import dataclasses

import pytest
import torch

from imagineid_core.assets import SHIPPED
from imagineid_core.evaluation.imagine.voices import Listener
from imagineid_core.evaluation.quality.compare import LOST, WORSE, check_quality, compare
from imagineid_core.evaluation.quality.films import how_it_follows
from imagineid_core.evaluation.quality.held_out import HeldOut
from imagineid_core.evaluation.quality.measure import measure_quality
from imagineid_core.evaluation.quality.metrics import FAST
from imagineid_core.evaluation.quality.record import FEWEST, FILE, read_record
from imagineid_core.evaluation.quality.suite import load_suite
from imagineid_core.face.reader import FaceReader, FaceReaderConfig, FaceReading

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


def with_head(suite, _name, share):
    head = with_noise_on_weights(suite.listener.head, share)
    return dataclasses.replace(suite, listener=Listener(pad=suite.listener.pad, head=head))


def test_the_shipped_suite_is_as_good_as_recorded(suite, held_out, record):
    """What `imagineid evaluate quality --fast` does, in half as many rounds.

    A loss that is meant is taken by --update.
    """
    measured = measure_quality(suite, held_out, parts=FAST, rounds=FEWEST)
    comparison = compare(measured, record, suite.about)
    assert len(comparison.verdicts) > 10
    check_quality(comparison)


def test_other_noise_than_the_records_makes_nothing_worse(suite, held_out, record):
    measured = measure_quality(
        suite, held_out, parts=("diffusion", "matting", "sample"), rounds=FEWEST, first=200
    )
    comparison = compare(measured, record)
    assert not comparison.named(WORSE, LOST)
    assert len(comparison.verdicts) == 6


@pytest.mark.parametrize(
    ("spoil", "name", "share", "part", "noticed"),
    [
        (with_model, "vae", 0.03, "autoencoder", {"vae_psnr", "vae_mouth_psnr"}),
        (with_model, "unet", 0.03, "diffusion", {"velocity_error"}),
        (with_model, "text_encoder", 1.0, "diffusion", {"caption_gap"}),
        (
            with_adapter,
            "spatial",
            0.4,
            "spatial",
            {"steered_error", "mesh_alone_error", "wrong_mesh_penalty"},
        ),
        (with_adapter, "textual", 20.0, "words", {"words_error"}),  # words of voices weigh little
        (with_adapter, "blending", 0.3, "blending", {"unanchored_gain"}),
        (with_adapter, "matting", 0.5, "blending", {"place_gain", "person_loss"}),
        (with_adapter, "matting", 0.1, "matting", {"matte_error"}),
        (with_pad, "content", 0.4, "sample", {"voice_correlation", "silence_openness"}),
        (with_pad, "content", 0.2, "talkers", {"lip_correlation", "expression_error"}),
        (with_pad, "identity", 0.2, "talkers", {"shape_cosine"}),
        (with_head, "head", 0.2, "sample", {"head_motion"}),
    ],
)
def test_noise_on_the_weights_of_a_part_is_noticed(
    spoil, name, share, part, noticed, suite, held_out, record
):
    """Judged round by round: four rounds of the record's own are enough."""
    if part == "talkers" and held_out.espeak != record.espeak:
        pytest.skip("espeak-ng is another than the record's")
    measured = measure_quality(spoil(suite, name, share), held_out, parts=(part,), rounds=FEWEST)
    comparison = compare(measured, record)
    assert noticed <= {one.name for one in comparison.named(WORSE, LOST)}


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


class Told(FaceReader):
    """A reader that sees what it is told to."""

    def __init__(self, landmarks):
        super().__init__(FaceReaderConfig(channels=(8,), maps_at=0, size=16))
        self.landmarks = landmarks

    def forward(self, images):
        return FaceReading(
            landmarks=self.landmarks[: len(images)],
            face=torch.ones(len(images)),
            maps=torch.zeros(len(images), 68, 1, 1),
        )


def test_mouths_and_faces_follow_as_they_are_read():
    """Lips of other heights follow all the same; in another order, or held still, they do not."""
    asked = torch.zeros(6, 68, 2)
    asked[:, 36:42, 0], asked[:, 42:48, 0] = 20.0, 60.0
    asked[:, 65:68, 1] = torch.tensor([0.0, 3, 1, 5, 2, 4])[:, None]
    frames, flat = torch.zeros(6, 3, 16, 16), asked.clone()
    flat[..., 1] /= 2
    mouth, face = how_it_follows(frames, asked, Told(flat))
    assert mouth == pytest.approx(1)
    assert face == pytest.approx(3 / 68 * 1.25 / 40)  # half of 2.5 pixels, three points of 68
    shuffled = how_it_follows(frames, asked, Told(asked[[1, 0, 3, 2, 5, 4]]))
    assert shuffled[0] < 0.2
    assert how_it_follows(frames, asked, Told(asked[:1].expand(6, -1, -1)))[0] == 0
    moved = how_it_follows(frames, asked, Told(asked + torch.tensor([3.0, 4.0])))
    assert moved == (pytest.approx(1), pytest.approx(5 / 40))
