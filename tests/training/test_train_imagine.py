"""The mini latent diffusion model: its parts alone, and the smoke preset from corpus to folder."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file

from imagineid_core.checkpoint import config_from_json, config_to_json
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus, to_image
from imagineid_core.corpus.people.caption_words import CLASSES, caption_words
from imagineid_core.corpus.people.prompts import PromptConfig, prompt_of
from imagineid_core.corpus.portrait import caption_of, draw_attributes
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.gates import GateMissedError
from imagineid_core.imagine.mini_suite import build_scheduler, build_vae
from imagineid_core.imagine.tokenizer import token_numbers, vocabulary_of
from imagineid_core.training import diffusion_stage
from imagineid_core.training.caption_batches import UNTOLD, CaptionBatch, CaptionBatches
from imagineid_core.training.caption_stage import CaptionStage
from imagineid_core.training.diffusion_stage import DiffusionStage
from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise, region_weights
from imagineid_core.training.imagine_presets import PRESETS, mini, smoke
from imagineid_core.training.latent_batches import (
    LatentBatch,
    LatentBatches,
    RegionWeights,
    latent_weights,
)
from imagineid_core.training.noise_levels import middle_timesteps
from imagineid_core.training.picture_batches import PictureBatchConfig, PictureBatches
from imagineid_core.training.processes import ALL, Share
from imagineid_core.training.run_log import curves
from imagineid_core.training.train_imagine import STAGES, train_imagine
from imagineid_core.training.vae_stage import VaeLossConfig, VaeStage, edge_distance

pytest.importorskip("accelerate", reason="the loop runs on accelerate, of the `train` extra")
pytest.importorskip("tensorboard", reason="the loop logs to TensorBoard, of the `train` extra")


VAE_FILE = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    preset = smoke()
    build_people_corpus(
        folder, num_people=preset.people, num_frames=preset.frames, size=preset.suite.size
    )
    return open_people_corpus(folder)


def run(corpus, folder, preset):
    return train_imagine(corpus, folder, preset, seed=4, command="imagineid train", cpu=True)


def losses(folder, stage):
    return [value for _, value in curves(folder / stage)["loss"]["validation"]]


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagine")
    return folder, run(corpus, folder, smoke())


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["vae", "caption", "diffusion"])
def test_every_loss_of_the_smoke_preset_falls_on_people_never_seen(trained, stage):
    folder, _ = trained
    values = losses(folder, stage)
    assert values[-1] < 0.97 * values[0], values


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "before"),
    [
        ("fine", "vae"),
        ("finer", "vae"),
        ("fine_diffusion", "diffusion"),
        ("finer_diffusion", "diffusion"),
    ],
)
def test_later_stages_begin_with_what_was_learned(trained, stage, before):
    folder, _ = trained
    assert losses(folder, stage)[0] < 0.97 * losses(folder, before)[0]


@pytest.mark.slow
def test_the_model_is_a_diffusers_folder_with_white_latents(trained, corpus):
    folder, result = trained
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion

    model = load_stable_diffusion(result.model)
    means = []
    for name in corpus.names("train"):
        images = to_image(corpus.tensors(name, ("portrait",))["portrait"])
        means.append(model.vae.encode(images).latent_dist.mode())
    by_channel = torch.cat(means).transpose(0, 1).flatten(1)
    # Weights are half precision in the file.
    assert by_channel.mean(dim=1).abs().max() < 0.02
    assert (by_channel.std(dim=1) - 1).abs().max() < 0.02
    told = json.loads((result.model / "training.json").read_text())
    assert (told["command"], told["preset"], told["seed"]) == ("imagineid train", "smoke", 4)
    assert told["corpus"] == corpus.corpus_hash
    assert set(told["stages"]) == set(STAGES)


@pytest.mark.slow
def test_a_second_call_reads_what_the_first_one_learned(trained, corpus):
    folder, result = trained
    before = {path: path.read_bytes() for path in folder.glob("*/step_*")}
    again = run(corpus, folder, smoke())
    assert again.metrics == result.metrics
    assert {path: path.read_bytes() for path in folder.glob("*/step_*")} == before


@pytest.mark.slow
def test_a_training_can_begin_with_a_finished_autoencoder(trained, corpus, tmp_path):
    _, before = trained
    preset = smoke()
    loop = dataclasses.replace(preset.diffusion_loop, num_steps=2, validate_every=1)
    after = train_imagine(
        corpus,
        tmp_path,
        dataclasses.replace(
            preset, diffusion_loop=loop, fine_diffusion_loop=loop, finer_diffusion_loop=None
        ),
        vae=before.model,
        cpu=True,
    )
    assert set(after.metrics) == {"caption", "diffusion", "fine_diffusion"}
    first, second = (load_file(path.model / "vae" / VAE_FILE) for path in (before, after))
    assert all(torch.equal(first[name], second[name]) for name in first)
    for part in ("unet", "vae", "text_encoder"):
        assert str(tmp_path.parent) not in (after.model / part / "config.json").read_text()
    record = json.loads((after.model / "training.json").read_text())
    assert "begun_with" not in record
    told = record["stages"]
    earlier = json.loads((before.model / "training.json").read_text())
    for stage in ("vae", "fine", "finer"):
        origin = {name: earlier[name] for name in ("command", "corpus")}
        assert told[stage] == {**origin, **earlier["stages"][stage]}


@pytest.mark.slow
def test_a_finished_model_learns_on_by_the_last_stage_alone(trained, corpus, tmp_path):
    _, before = trained
    preset = smoke()
    still = dataclasses.replace(preset.finer_diffusion_loop, num_steps=2, learning_rate=0.0)
    after = train_imagine(
        corpus,
        tmp_path,
        dataclasses.replace(preset, finer_diffusion_loop=still),
        unet=before.model,
        until=1,
        cpu=True,
    )
    assert set(after.metrics) == {"finer_diffusion"}
    for part, file in (("unet", VAE_FILE), ("text_encoder", "model.safetensors")):
        first, second = (load_file(path.model / part / file) for path in (before, after))
        assert all(torch.equal(first[name], second[name]) for name in first), part
    for part in ("unet", "vae", "text_encoder"):
        assert str(tmp_path.parent) not in (after.model / part / "config.json").read_text()
    record = json.loads((after.model / "training.json").read_text())
    assert len(record["begun_with"]) == 64
    told = record["stages"]
    earlier = json.loads((before.model / "training.json").read_text())
    origin = {name: earlier[name] for name in ("command", "corpus")}
    for stage in STAGES[:-1]:
        assert told[stage] == {**origin, **earlier["stages"][stage]}
    last = told["finer_diffusion"]
    assert last["steps"] == 1
    assert last["rounds_before"] == [{**origin, **earlier["stages"]["finer_diffusion"]}]
    with pytest.raises(InputError, match="has no stage for that"):
        train_imagine(
            corpus,
            tmp_path,
            dataclasses.replace(preset, finer_diffusion_loop=None),
            unet=before.model,
            cpu=True,
        )


@pytest.mark.slow
@pytest.mark.parametrize("in_the_middle", [True, False])
def test_a_preset_says_at_which_noise_levels_the_last_stage_learns(
    trained, corpus, tmp_path, monkeypatch, in_the_middle
):
    _, before = trained
    asked: list[int] = []

    def middle(scheduler, latents):
        asked.append(len(latents))
        return middle_timesteps(scheduler, latents)

    monkeypatch.setattr(diffusion_stage, "middle_timesteps", middle)
    preset = smoke()
    short = dataclasses.replace(preset.finer_diffusion_loop, num_steps=2)
    preset = dataclasses.replace(
        preset, finer_diffusion_loop=short, finer_in_the_middle=in_the_middle
    )
    train_imagine(corpus, tmp_path, preset, unet=before.model, cpu=True)
    assert len(asked) == (2 if in_the_middle else 0)


@pytest.mark.slow
def test_every_round_of_the_last_stage_is_told(trained, corpus, tmp_path):
    model, preset = trained[1].model, smoke()
    for number in (8, 9):  # late enough to change what is kept in half precision
        model = train_imagine(
            corpus, tmp_path / str(number), preset, unet=model, until=number,
            command=f"round {number}", cpu=True,
        ).model  # fmt: skip
    record = json.loads((model / "training.json").read_text())
    last = record["stages"]["finer_diffusion"]
    assert (record["command"], last["steps"]) == ("round 9", 9)
    first, second = last["rounds_before"]
    assert (second["command"], second["steps"]) == ("round 8", 8)
    assert "rounds_before" not in second
    assert len(second["begun_with"]) == 64
    assert second["begun_with"] != record["begun_with"]
    assert first["steps"] == preset.finer_diffusion_loop.num_steps


def test_an_end_that_no_stage_has_is_refused(corpus, tmp_path):
    whole = smoke()
    without = dataclasses.replace(whole, finer_diffusion_loop=None)
    for preset, until, told in ((whole, 0, "counts from 1"), (without, 5, "no such stage")):
        with pytest.raises(InputError, match=f"end at step {until}, .*{told}. Leave it out"):
            train_imagine(corpus, tmp_path, preset, until=until, cpu=True)
    assert not list(tmp_path.iterdir())


def test_a_gated_preset_stops_at_a_bad_autoencoder_and_says_why(corpus, tmp_path):
    preset = smoke()
    loop = dataclasses.replace(preset.vae_loop, num_steps=1)
    preset = dataclasses.replace(preset, vae_loop=loop, is_gated=True)
    with pytest.raises(GateMissedError, match=r"'vae' is missed: psnr is .* 31.5 are needed"):
        run(corpus, tmp_path, preset)
    told = json.loads((tmp_path / "gate_vae.json").read_text())
    assert told["is_passed"] is False
    assert told["figures"]["num_people"] == 1
    assert not (tmp_path / "diffusion").exists()


def test_a_corpus_of_another_size_is_refused(corpus, tmp_path):
    with pytest.raises(InputError, match="pictures of 32 pixels but the preset 'mini' learns 128"):
        run(corpus, tmp_path, mini())


@pytest.mark.parametrize("name", PRESETS)
def test_every_config_of_a_preset_survives_json(name):
    preset = PRESETS[name]()
    assert preset.name == name
    for field in dataclasses.fields(preset):
        config = getattr(preset, field.name)
        if dataclasses.is_dataclass(config):
            assert config_from_json(config_to_json(config), type(config)) == config, field.name


def test_picture_batches_are_a_function_of_their_index_shared_by_processes(corpus):
    config = PictureBatchConfig(batch_size=8)
    make = PictureBatches(corpus, corpus.names("train"), config, seed=1)
    whole = make(3, ALL)
    halves = [make(3, Share(process=process, num_processes=2)) for process in (0, 1)]
    assert torch.equal(whole.images, torch.cat([half.images for half in halves]))
    assert torch.equal(whole.weights, make(3, ALL).weights)
    assert not torch.equal(whole.images, make(4, ALL).images)
    every = PictureBatches(corpus, corpus.names("train"), config, in_order=True)(0, ALL)
    first = to_image(corpus.tensors(corpus.names("train")[0], ("portrait",))["portrait"])
    assert any(torch.equal(every.images[0], frame) for frame in first)


def test_a_mirrored_picture_has_its_mouth_on_the_other_side(corpus):
    names = corpus.names("train")[:1]
    straight = PictureBatchConfig(batch_size=16, flips=False, mesh_share=0)
    batches = [
        PictureBatches(corpus, names, config, seed=0)(0, ALL)
        for config in (straight, dataclasses.replace(straight, flips=True))
    ]
    crops = [mouth_crops(batch.images, batch.mouth_box) for batch in batches]
    flipped = [i for i in range(16) if not torch.equal(batches[0].images[i], batches[1].images[i])]
    assert 3 < len(flipped) < 13
    for i in flipped:
        assert torch.equal(batches[0].images[i].flip(-1), batches[1].images[i])
        assert torch.equal(batches[0].weights[i].flip(-1), batches[1].weights[i])
        # Half a pixel of rounding may move the crop by one.
        one, other = crops[0][i].flip(-1), crops[1][i]
        close = [(one.roll(by, dims=-1) - other)[..., 1:-1].abs().mean() for by in (-1, 0, 1)]
        assert min(close) < 1e-6


def test_weights_lie_on_eyes_and_mouth_alone(corpus):
    stored = corpus.tensors("p00000", ("landmarks", "mouth_mask"))
    weights = region_weights(stored["landmarks"].float(), 32, weight=3.0)
    assert set(weights.unique().tolist()) == {1.0, 3.0}
    assert (weights[stored["mouth_mask"] > 0] == 3).all()
    assert (weights == 3).float().mean() < 0.35


def test_psnr_is_that_of_pictures_from_minus_one_to_one():
    truth = torch.zeros(2, 3, 4, 4)
    off = torch.stack([truth[0] + 0.2, truth[1]])
    # 10 log10(2^2 / 0.2^2) = 20
    values = peak_signal_to_noise(off, truth)
    assert values[0].item() == pytest.approx(20)
    assert values[1] > 90


def test_a_perfect_picture_costs_nothing_but_its_latent(corpus):
    class Perfect(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = AutoencoderKL(block_out_channels=(4,), norm_num_groups=2)

        def encode(self, images):
            self.images = images
            return self.inner.encode(images)

        def decode(self, latent):
            return dataclasses.make_dataclass("Decoded", ["sample"])(self.images)

    names = corpus.names("train")
    batch = PictureBatches(corpus, names, PictureBatchConfig(batch_size=2))(0, ALL)
    terms = VaeStage(Perfect(), VaeLossConfig())(batch)
    assert terms["absolute"] == 0
    assert terms["edges"] == 0
    assert terms["loss"].item() == pytest.approx(1e-6 * terms["divergence"].item(), rel=1e-4)


def test_edges_see_slopes_and_not_brightness():
    weights = torch.ones(1, 1, 8, 8)
    assert edge_distance(torch.full((1, 3, 8, 8), 0.5), weights, 2) == 0
    ramp = torch.arange(8.0).expand(1, 3, 8, 8)
    assert edge_distance(ramp, weights, 1).item() == pytest.approx(1)
    assert edge_distance(ramp, weights, 2).item() == pytest.approx(2)


def test_prompts_tell_what_they_say_and_no_more():
    config = PromptConfig(left_out=0.5, stray=0.0)
    for seed in range(200):
        attributes = draw_attributes(seed)
        text, classes = prompt_of(attributes, config, np.random.default_rng(seed))
        assert set(classes) == set(CLASSES)
        backdrop = classes["backdrop_colour"]
        assert (backdrop is not None) == ("background" in text)
        if backdrop is not None:
            assert tuple(CLASSES["backdrop_colour"])[backdrop] in text
        if classes["hair_colour"] is not None:
            assert attributes.hair_colour in text
    whole, _ = prompt_of(attributes, PromptConfig(left_out=0, stray=0), np.random.default_rng(0))
    assert whole == caption_of(attributes)


def test_caption_batches_mark_what_is_not_told():
    vocabulary = vocabulary_of(caption_words())
    prompts = PromptConfig(left_out=0.3, stray=0.5)
    batch = CaptionBatches(vocabulary, prompts, batch_size=32, seed=0)(0, ALL)
    assert batch.tokens.shape == (32, 77)
    assert batch.classes.shape == (32, len(CLASSES))
    share = (batch.classes == UNTOLD).float().mean()
    assert 0.1 < share < 0.6
    sizes = torch.tensor([len(names) for names in CLASSES.values()])
    assert (batch.classes < sizes).all()


def test_what_no_caption_of_a_batch_tells_is_no_mistake():
    class Right(torch.nn.Module):
        def forward(self, tokens):
            return {name: torch.eye(3)[tokens[:, 0]] for name in ("hair", "glasses")}

    classes = torch.tensor([[0, UNTOLD], [1, UNTOLD], [1, UNTOLD]])
    batch = CaptionBatch(tokens=torch.tensor([[0], [1], [2]]), classes=classes)
    terms = CaptionStage(Right())(batch)
    assert terms["accuracy"] == terms["worst_accuracy"] == pytest.approx(2 / 3)


class Oracle(torch.nn.Module):
    """Knows the clean latent: the velocity follows from what it is given."""

    def __init__(self, latents):
        super().__init__()
        self.latents, self.kept = latents, build_scheduler().alphas_cumprod
        self.heard = []

    def forward(self, noisy, timestep, tokens):
        self.heard.append(tokens)
        kept = self.kept[timestep].view(-1, 1, 1, 1)
        noise = (noisy - kept.sqrt() * self.latents) / (1 - kept).sqrt()
        return kept.sqrt() * noise - (1 - kept).sqrt() * self.latents


def test_who_knows_the_latent_predicts_the_velocity():
    vocabulary = vocabulary_of(["red"])
    latents, tokens = torch.randn(40, 4, 4, 4), token_numbers(["red"] * 40, vocabulary)
    oracle = Oracle(latents)
    nothing = token_numbers([""], vocabulary)[0]
    stage = DiffusionStage(oracle, nothing, caption_dropout=0.5)
    batch = LatentBatch(latents=latents, tokens=tokens)
    assert stage.train()(batch)["loss"] < 1e-6
    unheard = (oracle.heard[0] == nothing).all(dim=1).float().mean()
    assert 0.2 < unheard < 0.8
    examined = stage.eval()(batch)
    assert examined["loss"] < 1e-6
    assert examined["caption_gap"].abs() < 1e-6


def test_weights_of_places_scale_the_loss_of_each(corpus):
    """A model wrong in one cell only: its loss is that cell's share of all weights."""
    vocabulary = vocabulary_of(["red"])
    latents, tokens = torch.randn(6, 4, 4, 4), token_numbers(["red"] * 6, vocabulary)

    class WrongInOne(Oracle):
        def forward(self, noisy, timestep, tokens):
            velocity = super().forward(noisy, timestep, tokens)
            velocity[:, :, 1, 2] += 1
            return velocity

    nothing = token_numbers([""], vocabulary)[0]
    stage = DiffusionStage(WrongInOne(latents), nothing, caption_dropout=0.0).train()
    weights = torch.ones(6, 1, 4, 4)
    weights[:, :, 1, 2] = 5
    batch = LatentBatch(latents=latents, tokens=tokens)
    assert stage(batch)["loss"] == pytest.approx(1 / 16, rel=1e-4)
    weighted = dataclasses.replace(batch, weights=weights)
    assert stage(weighted)["loss"] == pytest.approx(5 / 20, rel=1e-4)


def test_eyes_and_mouth_weigh_more_also_in_the_mirror(corpus):
    names = corpus.names("train")
    weights = latent_weights(corpus, names, RegionWeights(parts=4.0), side=4, mirrored=True)
    assert weights.shape == (len(names), 4, 1, 4, 4)
    assert torch.equal(weights[:, 2:], weights[:, :2].flip(-1))
    assert weights.min() == 1
    assert 1.5 < weights.amax(dim=(2, 3, 4)).min() <= 4


def test_the_head_weighs_more_than_what_is_round_it_and_less_than_its_eyes(corpus):
    names = corpus.names("train")[:1]
    both = latent_weights(
        corpus, names, RegionWeights(parts=8.0, head=3.0), side=16, mirrored=False
    )[0, 0, 0]
    parts = latent_weights(corpus, names, RegionWeights(parts=8.0), side=16, mirrored=False)[
        0, 0, 0
    ]
    landmarks = corpus.tensors(names[0], ("landmarks",))["landmarks"][0].float()
    columns, rows = (landmarks * 16 / corpus.size).T
    middle = int(columns.mean())
    hair = int(rows.min()) - 2  # above the brows
    assert both[hair, middle] == 3
    assert parts[hair, middle] == 1
    assert both[int(rows.mean()), 0] == 1  # at the border
    assert torch.equal(both[parts == 8], parts[parts == 8])
    assert both.max() <= 8


def test_latents_come_with_the_prompt_of_their_person(corpus):
    vocabulary = vocabulary_of(caption_words())
    names = corpus.names("train")
    latents = torch.arange(len(names)).view(-1, 1, 1, 1, 1).expand(-1, 2, 4, 4, 4).half()
    plain = PromptConfig(left_out=0, stray=0)
    batches = LatentBatches(corpus, names, latents, vocabulary, plain, batch_size=6, seed=1)
    batch = batches(0, ALL)
    for latent, tokens in zip(batch.latents, batch.tokens, strict=True):
        caption = caption_of(corpus.attributes(names[int(latent[0, 0, 0])]))
        assert torch.equal(tokens, token_numbers([caption], vocabulary)[0])


def test_the_autoencoder_of_the_suite_halves_three_times():
    vae = build_vae(smoke().suite)
    assert vae.encode(torch.zeros(1, 3, 32, 32)).latent_dist.mode().shape == (1, 4, 4, 4)
