"""The command is thin; what it calls is tested in tests/evaluation."""

import hashlib

import pytest

from imagineid_core.cli import main
from imagineid_core.corpus import people, talker
from imagineid_core.evaluation.imagine import report as report_file
from imagineid_core.evaluation.imagine.metrics import IMAGINE_METRICS
from imagineid_core.evaluation.imagine.plan import quick, whole
from imagineid_core.listen.pad import save_pad
from tests.evaluation.imagined import VOICE_DIM, MoodyCorpus
from tests.imagine.tiny_diffusion import save_tiny_suite
from tests.tiny import tiny_pad


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    model, pad = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("pad")
    save_tiny_suite(model, identity_dim=VOICE_DIM, emotion_dim=VOICE_DIM)
    save_pad(pad, tiny_pad())
    return model, pad


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    people.build_people_corpus(folder, num_people=3, num_frames=1, size=32)
    return people.open_people_corpus(folder)


@pytest.fixture
def asked(monkeypatch, faces):
    """What the command asks for; corpora are not made, nothing is imagined."""
    calls = []

    def evaluate(model, adapters, sources, folder, **options):
        calls.append((adapters, sources, folder, options))
        values = {name: 0.5 if name == "mouth_coherent" else None for name in IMAGINE_METRICS}
        return {**values, "calls": {"unet": 20}, "notes": ["a note"], "made": {"frames": 3}}

    def build(folder, **options):
        calls.append((folder, options))

    def opened(kind):
        def open_corpus(folder):
            calls.append(folder)
            return kind

        return open_corpus

    monkeypatch.setattr(report_file, "evaluate_imagine", evaluate)
    monkeypatch.setattr(talker, "build_talker_corpus", build)
    monkeypatch.setattr(people, "build_people_corpus", build)
    monkeypatch.setattr(talker, "open_talker_corpus", opened(MoodyCorpus()))
    monkeypatch.setattr(people, "open_people_corpus", opened(faces))
    return calls


def evaluate(folders, *arguments):
    model, pad = folders
    given = ["--model", str(model), "--weights", str(pad), *map(str, arguments)]
    return main(["evaluate", "imagine", *given])


def test_missing_corpora_are_made_and_the_numbers_told(folders, asked, tmp_path, capsys):
    assert evaluate(folders, "--out", tmp_path, "--seed", 4) == 0
    (made, voices), opened, (also_made, _), also_opened, last = asked
    assert made == opened == tmp_path / "talkers"
    assert also_made == also_opened == tmp_path / "people"
    assert voices["split"] == "test"
    adapters, sources, folder, options = last
    assert (sources.model, sources.adapters) == (folders[0], folders[0])
    assert adapters.missing == ()
    assert (folder, options["seed"], options["plan"]) == (tmp_path, 4, whole())
    unet = folders[0] / "unet" / "diffusion_pytorch_model.safetensors"
    named = options["about"]["unet/diffusion_pytorch_model.safetensors"]
    assert named == hashlib.sha256(unet.read_bytes()).hexdigest()
    assert "spatial_condition.safetensors" in options["about"]
    assert "pad_identity.safetensors" in options["heard_by"]
    told = capsys.readouterr().out
    assert "mouth_coherent" in told
    assert ">= 0.60" in told
    assert "missed" in told
    assert "0 +- 0.15" in told
    assert "a coherent frame: 20 unet" in told


def test_corpora_steps_and_a_quick_look_can_be_asked_for(folders, asked, tmp_path):
    arguments = ("--talkers", "a", "--people", "b", "--quick", "--steps", 3, "--guidance", 1.5)
    assert evaluate(folders, "--out", tmp_path / "out", *arguments) == 0
    talkers, others, (_, _, _, options) = asked
    assert (talkers, others) == ("a", "b")
    plan = options["plan"]
    assert (plan.num_steps, plan.guidance, plan.speakers) == (3, 1.5, quick().speakers)
    assert sum((plan.long_frames, plan.clip_frames)) < whole().clip_frames


def test_a_report_that_is_there_is_not_replaced_unasked(folders, asked, tmp_path, capsys):
    (tmp_path / "report.json").write_text("{}")
    assert evaluate(folders, "--out", tmp_path) == 2
    assert "holds report.json already" in capsys.readouterr().err
    assert asked == []
    assert evaluate(folders, "--out", tmp_path, "--overwrite") == 0
