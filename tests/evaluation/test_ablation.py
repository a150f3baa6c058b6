"""The ablations on tiny nets: every row is there, and what should learn learns and nothing else."""

import copy
import dataclasses
import json

import pytest
import torch

from imagineid_core.bench.count import full_size_parameters
from imagineid_core.cli import main
from imagineid_core.cli.evaluate_ablation import NAMES
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.ablation.conditions import VARIANTS
from imagineid_core.evaluation.imagine.ablation.held_frames import Given
from imagineid_core.evaluation.imagine.ablation.joint import joint_batches
from imagineid_core.evaluation.imagine.ablation.run import ABLATIONS, ALL, run_ablations
from imagineid_core.evaluation.imagine.ablation.table import (
    PICTURE,
    TABLE,
    TEXT,
    Claim,
    lower,
    table_document,
    table_text,
)
from imagineid_core.evaluation.imagine.ablation.trials import Trials, short_preset
from imagineid_core.evaluation.imagine.ablation.words import sound_statistics
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from imagineid_core.training.adapter_presets import mini, smoke
from imagineid_core.training.adapter_sources import AdapterSources, Voices, digest_of
from imagineid_core.training.joint_stages import OpenUnetStage, VoicedStage, WordsAndSpace
from imagineid_core.training.loop import LoopConfig, train
from imagineid_core.training.train_adapters import frozen, new_spatial, new_words
from imagineid_core.video.picture import load_picture
from tests.imagine.tiny_diffusion import save_tiny_suite
from tests.tiny import tiny_pad
from tests.training.tiny_corpus import TinyCorpus

pytest.importorskip("accelerate", reason="the loop runs on accelerate, of the `train` extra")
pytest.importorskip("tensorboard", reason="the loop logs to TensorBoard, of the `train` extra")
pytest.importorskip("matplotlib", reason="the tables come with pictures")

SIZE, STEPS = 64, 2
ROWS = {
    "conditions": ["text alone", *VARIANTS, "I_id copied"],
    "blending": ["none", "a", "b", "c", "d"],
    "words": ["N = 1", "N = 2", "N = 4", "N = 8", "N = 16"],
    "joint": ["sequential", "joint", "I_id copied"],
    "raw_audio": ["PAD", "raw audio"],
    "open_unet": ["frozen", "opened", "I_id copied"],
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    build_people_corpus(folder, num_people=10, num_frames=3, size=SIZE)
    return open_people_corpus(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_tiny_suite(folder)
    return load_stable_diffusion(folder)


def voices():
    return Voices(pad=tiny_pad(), corpus=TinyCorpus(shape=80, expression=64))


def quick(preset):
    """Fewer and smaller batches than even `smoke`."""
    return dataclasses.replace(
        preset,
        people=4,
        clips=2,
        validation_batch_size=2,
        words=dataclasses.replace(preset.words, batch_size=2),
        spatial=dataclasses.replace(preset.spatial, batch_size=2),
        blending=dataclasses.replace(preset.blending, batch_size=1, pool=2),
    )


def ablate(names, model, corpus, folder, **changed):
    options = {
        "voices": voices(), "steps": STEPS, "num_pictured": 1, "sampler_steps": 1, "cpu": True
    }  # fmt: skip
    return run_ablations(names, model, corpus, folder, quick(smoke()), **(options | changed))


@pytest.fixture(scope="module")
def tables(model, corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablations")
    before = digest_of(model.unet, model.vae, model.text_encoder)
    with pytest.MonkeyPatch.context() as patched:  # twenty pictures of curves nobody sees
        patched.setattr("imagineid_core.training.loop.draw_curves", lambda *_: None)
        ablate(list(ABLATIONS), model, corpus, folder)
    assert digest_of(model.unet, model.vae, model.text_encoder) == before
    return folder


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_has_all_its_rows_its_claims_and_a_picture(tables, name):
    document = json.loads((tables / name / TABLE).read_text())
    assert [row["variant"] for row in document["rows"]] == ROWS[name]
    assert [claim["says"] for claim in document["claims"]] == [
        claim.says for claim in ABLATIONS[name].claims
    ]
    for claim in document["claims"]:
        assert claim["is_the_papers_sign"] == (claim["smaller"] < claim["larger"])
    text = (tables / name / TEXT).read_text()
    assert all(f"| {row} |" in text for row in ROWS[name])
    assert text.strip() in (tables / ALL).read_text().replace(f"{name}/{PICTURE}", PICTURE)
    assert load_picture(tables / name / PICTURE).std() > 0.1


def test_variants_of_one_ablation_differ_in_what_is_learned_alone(tables):
    rows = {name: json.loads((tables / name / TABLE).read_text())["rows"] for name in ABLATIONS}
    for name, figure in (("conditions", "coherent"), ("words", "loss")):
        values = [row[figure] for row in rows[name] if figure in row]
        assert len(set(values)) == len(values), name
    assert len({row["none"] for row in rows["words"]}) == 1
    trained = [row["seam"] for row in rows["blending"] if row["variant"] in "bcd"]
    assert len(set(trained)) == 3


def test_opening_the_unet_counts_it_too(tables, model):
    rows = json.loads((tables / "open_unet" / TABLE).read_text())["rows"]
    frozen_row, opened = rows[:2]
    unet = sum(weight.numel() for weight in model.unet.parameters())
    assert opened["trainable"] == frozen_row["trainable"] + unet
    count = full_size_parameters()
    assert frozen_row["full_size"] == count["sca"] == 282_973_440
    assert opened["full_size"] == count["sca"] + count["unet"]
    assert 1.14e9 < opened["full_size"] < 1.15e9


def test_what_is_finished_is_not_run_again(tables, model, corpus, monkeypatch):
    monkeypatch.setitem(
        ABLATIONS, "words", dataclasses.replace(ABLATIONS["words"], run=pytest.fail)
    )
    (text,) = ablate(["words"], model, corpus, tables)
    assert "| N = 16 |" in text
    with pytest.raises(InputError, match="'steps': 2.*'steps': 3"):
        ablate(["words"], model, corpus, tables, steps=3)


def test_words_need_voices(model, corpus, tmp_path):
    with pytest.raises(InputError, match="joint is of words.*--talkers"):
        ablate(["conditions", "joint"], model, corpus, tmp_path, voices=None)


def sources(model, corpus, folder):
    return AdapterSources(model, corpus, folder, short_preset(quick(smoke()), STEPS), cpu=True)


def one_step(stage, batches, folder):
    config = LoopConfig(num_steps=1, learning_rate=1e-2, average_decay=0.0)
    return train(stage, batches, folder, config, cpu=True)


def test_an_opened_unet_learns_slowly_on_a_copy(model, corpus, tmp_path):
    made = sources(model, corpus, tmp_path)
    latents = {split: made.conditions(split) for split in ("train", "validation")}
    stage = OpenUnetStage(new_spatial(made), **frozen(model), coherent_share=0.8)
    given, adapter = digest_of(model.unet), copy.deepcopy(stage.learned.spatial)
    one_step(stage, made.spatial_batches(latents)[0], tmp_path / "stage")
    assert digest_of(model.unet) == given
    moved = {
        name: max(
            float((a - b).detach().abs().max())
            for a, b in zip(new.parameters(), old.parameters(), strict=True)
        )
        for name, new, old in (
            ("unet", stage.learned.unet, model.unet),
            ("spatial", stage.learned.spatial, adapter),
        )
    }
    # AdamW's first step is as long as its rate wherever there is a gradient.
    assert moved["unet"] == pytest.approx(1e-3, rel=0.1)
    assert moved["spatial"] == pytest.approx(1e-2, rel=0.1)


@pytest.mark.parametrize("jointly", [True, False])
def test_joint_training_moves_both_and_sequential_training_one(model, corpus, tmp_path, jointly):
    made = sources(model, corpus, tmp_path)
    trials = Trials(
        sources=made, folder=tmp_path, voices=voices(), num_pictured=1, sampler=ImagineConfig()
    )
    textual = new_words(made, 16, 16).requires_grad_(jointly)
    stage = VoicedStage(
        WordsAndSpace(textual, new_spatial(made)), **frozen(model), coherent_share=0.8
    )
    parts = (stage.learned.textual, stage.learned.spatial, model.unet, model.text_encoder)
    before = [digest_of(part) for part in parts]
    batches = joint_batches(trials)
    one_step(stage, batches[0], tmp_path / "stage")
    after = [digest_of(part) for part in parts]
    assert [a != b for a, b in zip(after, before, strict=True)] == [jointly, True, False, False]


def test_an_adapter_is_given_only_what_it_knows():
    def told(*latents):
        return [torch.tensor(latent is not None) for latent in latents]

    mesh, identity, previous = torch.zeros(3, 1, 4, 2, 2).unbind()
    given = Given(adapter=told, conditions=("previous",))
    assert [bool(there) for there in given(mesh, identity, previous)] == [True, False, True]


def test_sound_statistics_know_how_loud_and_how_varied_a_band_is():
    corpus = TinyCorpus()
    names = corpus.names("train")
    mean, spread = sound_statistics(corpus, names)
    assert mean.shape == spread.shape == (len(names), 80)
    calm, shaking = ([name.split("-")[2] == mood for name in names] for mood in ("calm", "shaking"))
    assert spread[shaking].mean() > spread[calm].mean()


def test_a_sign_that_is_not_the_papers_is_said():
    rows = {"a": {"error": 2.0}, "b": {"error": 1.0, "weights": 12345.0}}
    claims = (
        lower("b is better", "error", "b", "a"),
        Claim(says="a is better", smaller=lambda r: r["a"]["error"], larger=lambda r: 1.5),
    )
    document = table_document("x", {"steps": 3}, rows, claims)
    text = table_text(document, "X", "p.png")
    assert "- b is better: 1 against 2, the same sign." in text
    assert "- a is better: 2 against 1.5, NOT the paper's sign." in text
    assert "| b | 1 | 12,345 |" in text
    assert "| a | 2 |  |" in text


def test_a_short_preset_is_the_preset_but_shorter():
    short, whole = short_preset(mini(), 50), mini()
    assert short.spatial_loop.num_steps == short.word_loop.num_steps == 50
    assert short.spatial_loop.learning_rate == whole.spatial_loop.learning_rate
    assert short.spatial == whole.spatial
    assert short.people < whole.people


def test_the_command_knows_every_ablation(capsys):
    assert set(NAMES) == set(ABLATIONS)
    arguments = ["evaluate", "ablation", "words", "--model", "m", "--corpus", "c", "--out", "o"]
    assert main([*arguments, "--pad", "p"]) == 2
    assert "Give" in capsys.readouterr().err
