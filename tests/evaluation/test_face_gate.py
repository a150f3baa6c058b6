import argparse
import dataclasses
import json

import pytest
import torch

from imagineid_core.cli import gate as gate_commands
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus
from imagineid_core.evaluation.imagine import face_judge
from imagineid_core.evaluation.imagine.face_faults import MELTED, faulty
from imagineid_core.evaluation.imagine.face_gate import bordered, try_judge
from imagineid_core.evaluation.imagine.face_judge import (
    FaceJudge,
    FaceJudgeConfig,
    Verdicts,
    train_face_judge,
)
from imagineid_core.evaluation.imagine.face_patches import SIZE, places_of
from imagineid_core.evaluation.imagine.face_spoiling import (
    SEEN,
    UNSEEN,
    part_mask,
    spoil_eyes,
    spoil_mouth,
)
from imagineid_core.evaluation.imagine.gates import GateMissedError, check_gate
from imagineid_core.evaluation.imagine.samples import portraits_of, returned
from tests.imagine.tiny_diffusion import save_tiny_suite

TINY = FaceJudgeConfig(
    locator_channels=(4, 8), channels=(8, 16), locator_steps=120, num_steps=120, batch_size=24
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    build_people_corpus(folder, num_people=13, num_frames=1, size=SIZE)
    return open_people_corpus(folder)


@pytest.fixture(scope="module")
def trained(corpus):
    return train_face_judge(corpus, Faithful(), TINY)


def landmarks_of(corpus, split):
    stored = [corpus.tensors(name, ("landmarks",))["landmarks"] for name in corpus.names(split)]
    return torch.cat(stored).float()


def portraits(corpus, split):
    return torch.cat([portraits_of(corpus, name) for name in corpus.names(split)])


def draw():
    return torch.Generator().manual_seed(3)


SPOIL = {"eyes": spoil_eyes, "mouth": spoil_mouth}


@pytest.mark.parametrize("part", SPOIL)
def test_a_face_is_spoilt_in_the_part_that_was_asked_for_and_nowhere_else(corpus, part):
    images, points = portraits(corpus, "train"), landmarks_of(corpus, "train")
    outside = part_mask(points, part, SIZE) == 0
    spoilt = set()
    for kind in (*SEEN[part], *UNSEEN[part]):
        made = SPOIL[part](images, points, kind, draw())
        torch.testing.assert_close(made.patches * outside, images * outside)
        changed = (made.patches - images).abs().amax(dim=(1, 2, 3))
        assert (changed[made.is_spoilt] > 0.14).all()
        assert made.patches.abs().max() <= 1
        spoilt |= {kind} if made.is_spoilt.any() else set()
    # A mouth of few colours can be smeared or made coarse without a fault that one sees.
    assert set(SEEN[part]) <= spoilt


def test_what_changes_nothing_is_no_fault():
    grey = torch.zeros(4, 3, SIZE, SIZE)
    points = torch.rand(4, 68, 2, generator=draw()) * 12 + 50
    for kind in ("blurred", "erased", "moved", "of another", "doubled"):
        for spoil in SPOIL.values():
            assert not spoil(grey, points, kind, draw()).is_spoilt.any()


@pytest.mark.parametrize("part", SPOIL)
def test_a_judge_is_tried_on_faults_it_never_saw(part):
    assert SEEN[part]
    assert UNSEEN[part]
    assert not set(SEEN[part]) & set(UNSEEN[part])


def test_the_judge_finds_eyes_and_mouth_and_sees_what_is_wrong_with_them(corpus, trained):
    """On the faces it learned from: ten are too few to know others."""
    images, points = portraits(corpus, "train"), landmarks_of(corpus, "train")
    with torch.no_grad():
        places = trained.locator(face_judge._looked_at(images))
    assert float((places - places_of(points)).norm(dim=-1).mean()) < 4
    judge = trained.calibrated(images)
    real = judge.verdicts(images)
    assert float(real.whole.float().mean()) > 0.6  # each limit refuses its worst of nine
    for part in SPOIL:
        made = faulty(Faithful(), images, images, points, {part: "erased"}, draw())
        assert made.has_fault[part].any()
        passed = getattr(judge.verdicts(made.images), part).float().mean()
        assert float(passed) < float(getattr(real, part).float().mean()) - 0.4


def test_a_fault_that_the_autoencoder_mends_is_none(corpus):
    """One that gives back the same whatever it is shown, and one that keeps everything."""

    class Mending(Faithful):
        def encode(self, images):
            return super().encode(torch.zeros_like(images))

    images, points = portraits(corpus, "train"), landmarks_of(corpus, "train")
    kinds = {"eyes": "erased", "mouth": "erased"}
    for vae, is_seen in ((Mending(), False), (Faithful(), True)):
        made = faulty(vae, images, returned(vae, images), points, kinds, draw())
        assert {bool(seen.any()) for seen in made.has_fault.values()} == {is_seen}


def test_a_face_is_level_by_its_own_axis():
    """Turned as a whole it stays level; with one eye moved up it is not."""
    upright = torch.tensor([[[50.0, 50.0], [78.0, 50.0], [64.0, 80.0]]])
    angle = torch.tensor(0.4)
    turn = torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
    )
    tilted = upright @ turn.T
    uneven = upright.clone()
    uneven[0, 0, 1] -= 8
    tilts = face_judge._tilt(torch.cat([upright, tilted, uneven])).abs()
    torch.testing.assert_close(tilts[:2], torch.zeros(2), atol=1e-5, rtol=0)
    assert tilts[2] > 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Knowing(FaceJudge):
    """Passes the portraits it knows, or everything."""

    known: torch.Tensor
    passes_all: bool = False

    def verdicts(self, images):
        away = (images[:, None] - self.known).abs().amax(dim=(2, 3, 4)).amin(dim=1)
        passed = (away < 1e-3) | self.passes_all
        return Verdicts(eyes=passed, level=torch.ones_like(passed), mouth=passed)


class Faithful(torch.nn.Module):
    """Latents are the picture itself, folded: what was not touched is given back exactly."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.config = argparse.Namespace(scaling_factor=2.0)

    def encode(self, images):
        folded = torch.nn.functional.pixel_unshuffle(images, 8)
        return argparse.Namespace(latent_dist=argparse.Namespace(mode=lambda: folded))

    def decode(self, latents):
        return argparse.Namespace(sample=torch.nn.functional.pixel_shuffle(latents, 8))


def tried(corpus, **options):
    known = torch.cat([portraits_of(corpus, name)[:1] for name in corpus.names("test")])
    nothing = torch.nn.Identity()
    judge = Knowing(locator=nothing, eyes=nothing, mouth=nothing, known=known, **options)
    return try_judge(judge, Faithful(), corpus)


def test_a_judge_that_knows_passes_the_true_and_fails_the_spoilt(corpus):
    figures = tried(corpus)
    assert (
        figures["real_passed"] == figures["spoilt_failed"] == figures[f"eyes_{MELTED}_failed"] == 1
    )
    check_gate("face", {**figures, "whole": 0.93})
    with pytest.raises(GateMissedError, match=r"whole is 0.800 but 0.9 are needed"):
        check_gate("face", {**figures, "whole": 0.8})


def test_a_judge_that_passes_everything_misses_the_gate(corpus):
    figures = tried(corpus, passes_all=True)
    assert figures["spoilt_failed"] == 0
    with pytest.raises(GateMissedError, match="spoilt_failed is 0.000"):
        check_gate("face", {**figures, "whole": 1.0})


def test_the_samples_of_an_untrained_model_miss_the_gate(
    corpus, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(face_judge, "train_face_judge", lambda *_, **__: trained)
    model, out, sheet = tmp_path / "model", tmp_path / "gate.json", tmp_path / "sheet.png"
    save_tiny_suite(model)
    parser = argparse.ArgumentParser()
    gate_commands.add_commands(parser.add_subparsers())
    words = ["gate", "face", "--model", model, "--corpus", corpus.folder, "--out", out]
    options = parser.parse_args([*map(str, words), "--steps", "1", "--sheet", str(sheet)])
    with pytest.raises(GateMissedError, match="'face' is missed"):
        options.run(options)
    told = json.loads(out.read_text())
    assert told["is_passed"] is False
    assert {"whole", "eyes", "level", "mouth", "real_passed", "spoilt_failed"} <= set(
        told["figures"]
    )
    assert "missed" in capsys.readouterr().out
    assert sheet.is_file()


def test_passed_samples_have_a_green_border_and_others_a_red_one():
    framed = bordered(torch.zeros(2, 3, 32, 32), torch.tensor([True, False]))
    assert framed[:, :, 0, 0].tolist() == [[-1, 1, -1], [1, -1, -1]]
    assert float(framed[:, :, 8:-8, 8:-8].abs().max()) == 0
