"""The three adapters: their batches and stages alone, and the smoke preset from corpus to host."""

import dataclasses
import json

import pytest
import torch

from imagineid_core.checkpoint import read_tensors
from imagineid_core.cli import main
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.adapters import encoded_prompt, find_adapters, load_adapters
from imagineid_core.imagine.mask_blending import MaskBlendingAdapter, variant_config
from imagineid_core.imagine.mini_suite import build_scheduler
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from imagineid_core.training.adapter_presets import PRESETS, mini, paper, smoke
from imagineid_core.training.blending_batches import BlendingBatchConfig, BlendingBatches
from imagineid_core.training.blending_stage import BlendingStage
from imagineid_core.training.condition_latents import ConditionLatents, neighbours_of
from imagineid_core.training.noise_levels import noised, squared_error
from imagineid_core.training.perceptual_loss import EdgeDistance, VggDistance
from imagineid_core.training.processes import ALL
from imagineid_core.training.run_log import curves
from imagineid_core.training.spatial_batches import SpatialBatchConfig, SpatialBatches, tokens_by
from imagineid_core.training.train_adapters import STAGES, Voices, train_adapters
from tests.imagine.tiny_diffusion import save_tiny_suite, tiny_model
from tests.tiny import tiny_pad
from tests.training.tiny_corpus import TinyCorpus

pytest.importorskip("accelerate", reason="the loop runs on accelerate, of the `train` extra")
pytest.importorskip("tensorboard", reason="the loop logs to TensorBoard, of the `train` extra")

SIZE = 64


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    build_people_corpus(folder, num_people=12, num_frames=3, size=SIZE)
    return open_people_corpus(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_tiny_suite(folder)
    return load_stable_diffusion(folder)


@pytest.fixture(scope="module")
def trained(model, corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    voices = Voices(pad=tiny_pad(), corpus=TinyCorpus(shape=80, expression=64))
    return folder, train_adapters(
        model, corpus, folder, smoke(), voices=voices, seed=3, command="imagineid train", cpu=True
    )


@pytest.mark.parametrize("stage", STAGES)
def test_every_loss_of_the_smoke_preset_falls_on_people_never_seen(trained, stage):
    folder, _ = trained
    values = [value for _, value in curves(folder / stage)["loss"]["validation"]]
    assert values[-1] < 0.995 * values[0], values


def test_the_files_make_a_host_and_tell_how_they_were_made(trained, model):
    folder, result = trained
    assert set(find_adapters(folder)) == {"textual", "spatial", "blending"}
    assert set(find_adapters(folder).values()) == set(result.files)
    adapters = load_adapters(folder, model)
    text = encoded_prompt(
        model, "", textual=adapters.textual, semantics=torch.ones(16), style=torch.ones(1, 16)
    )
    assert text.shape == (1, 77, 12)
    made = [json.loads(read_tensors(path)[0]["provenance"]) for path in result.files]
    for told in made:
        assert (told["command"], told["preset"], told["seed"]) == ("imagineid train", "smoke", 3)
        assert set(told["model"]) == {"vae", "unet"}
        assert told["metrics"]["loss"] > 0
    assert "slopes" in made[-1]["perceptual_loss"]


def test_validation_measures_what_the_adapters_are_judged_by(trained):
    _, result = trained
    assert {"coherent", "diverse", "none", "of_none", "wrong_mesh_penalty"} < set(
        result.metrics["spatial"]
    )
    assert {"none", "others", "others_penalty"} < set(result.metrics["word"])
    assert {"background_gain", "foreground_loss"} < set(result.metrics["blending"])


def test_only_the_adapter_learns(trained, model):
    assert not any(p.requires_grad for p in [*model.unet.parameters(), *model.vae.parameters()])


def test_adapters_of_before_learn_on(trained, model, corpus, tmp_path):
    folder, before = trained
    short = dataclasses.replace(smoke().spatial_loop, num_steps=1, learning_rate=0.0)
    preset = dataclasses.replace(smoke(), spatial_loop=short, variant="none")
    again = train_adapters(model, corpus, tmp_path, preset, begin=folder, seed=3, cpu=True)
    assert [path.name for path in again.files] == ["spatial_condition.safetensors"]
    assert again.metrics["spatial"]["loss"] == pytest.approx(
        before.metrics["spatial"]["loss"], rel=1e-3
    )
    told, was = (
        json.loads(read_tensors(place / "spatial_condition.safetensors")[0]["provenance"])
        for place in (tmp_path, folder)
    )
    assert len(told["begun_with"]) == 64
    assert "begun_with" not in was


def test_what_cannot_be_begun_with_is_refused(trained, model, corpus, tmp_path):
    folder, _ = trained
    deeper = dataclasses.replace(smoke(), num_blocks=2)
    with pytest.raises(InputError, match="num_blocks=1.* but this model and preset need.*=2"):
        train_adapters(model, corpus, tmp_path, deeper, begin=folder, cpu=True)
    with pytest.raises(InputError, match="holds no adapters to begin with. Give the folder"):
        train_adapters(model, corpus, tmp_path, smoke(), begin=tmp_path, cpu=True)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_an_error_means_the_same_in_every_kind_of_prediction(kind):
    """Whoever takes the latent for z + d errs in v by what d is worth, however it is told."""
    model = tiny_model(prediction_type=kind)
    kept = model.scheduler.alphas_cumprod[[100, 600]].view(-1, 1, 1, 1)
    latents, noise, off = (torch.randn(2, 4, 4, 4) for _ in range(3))
    shown = noised(model.scheduler, latents, noise, torch.tensor([100, 600]))
    guessed = latents + off
    its_noise = (shown.noisy - kept.sqrt() * guessed) / (1 - kept).sqrt()
    its_velocity = kept.sqrt() * its_noise - (1 - kept).sqrt() * guessed
    told = {"epsilon": its_noise, "v_prediction": its_velocity, "sample": guessed}[kind]
    velocity = kept.sqrt() * noise - (1 - kept).sqrt() * latents
    expected = (its_velocity - velocity).square().flatten(1).mean(dim=1)
    error = squared_error(told, shown) * shown.velocity_share
    torch.testing.assert_close(error, expected, rtol=1e-3, atol=1e-5)


def test_noise_is_added_as_the_scheduler_does():
    scheduler, step = build_scheduler(), torch.tensor([0, 500, 999])
    latents, noise = torch.randn(3, 4, 4, 4), torch.randn(3, 4, 4, 4)
    shown = noised(scheduler, latents, noise, step)
    torch.testing.assert_close(shown.noisy, scheduler.add_noise(latents, noise, step))
    torch.testing.assert_close(shown.target, scheduler.get_velocity(latents, noise, step))


def test_neighbours_are_taken_in_both_directions():
    assert neighbours_of([-1, -1, 1, -1, 3]) == [-1, 2, 1, 4, 3]


def numbered_latents(people, frames=3):
    """Every latent holds a number of its own: 100 person + 10 kind + frame."""
    number = 100.0 * torch.arange(people).view(-1, 1) + torch.arange(frames)
    latent = number.view(people, frames, 1, 1, 1).expand(-1, -1, 4, 2, 2)
    return ConditionLatents(
        portrait=latent,
        mesh=latent + 10,
        hidden=torch.stack([latent + 20, latent + 30], dim=2),
        region=torch.tensor([0.0, 0.5]).expand(people, frames, 1, 2, 2),
        neighbour=torch.tensor([[-1, 2, 1]]).expand(people, -1),
    )


def spatial_batches(corpus, model, **changed):
    names = corpus.names("train")
    config = SpatialBatchConfig(batch_size=64, noise=0.0, **changed)
    people = [corpus.attributes(name) for name in names]
    latents = numbered_latents(len(names))
    return SpatialBatches(people, latents, tokens_by(model.tokenizer), config)


def test_a_frame_is_steered_by_its_mesh_another_frame_and_its_neighbour(corpus, model):
    batch = spatial_batches(corpus, model)(0, ALL)
    coherent = 0
    for row in range(64):
        target, mesh, identity, previous = (
            float(item[row, 0, 0, 0])
            for item in (batch.latents, batch.mesh, batch.identity, batch.previous)
        )
        assert mesh == target + 10
        if not batch.previous[row].any():
            assert not batch.identity[row].any()
            continue
        coherent += 1
        person, frame = divmod(target, 100)
        neighbour = {1.0: 2.0, 2.0: 1.0}[frame]
        assert previous in {100 * person + 20 + neighbour, 100 * person + 30 + neighbour}
        assert identity // 100 == person
        assert identity != target
    assert 0.6 < coherent / 64 < 0.95
    assert batch.tokens.shape == (64, 77)


def test_a_far_neighbour_is_any_other_frame_so_that_only_the_mesh_tells_the_pose(corpus, model):
    batch = spatial_batches(corpus, model, far=1.0, coherent=1.0)(0, ALL)
    rows = [
        tuple(float(item[row, 0, 0, 0]) for item in (batch.latents, batch.mesh, batch.previous))
        for row in range(64)
    ]
    pairs = set()
    for target, mesh, previous in rows:
        assert mesh == target + 10
        frame, near = target % 100, previous % 10
        assert near != frame
        assert previous - previous % 10 - target + frame in {20, 30}  # of the same person
        pairs.add((frame, near))
    assert pairs == {(1, 0), (1, 2), (2, 0), (2, 1)}


def test_smears_change_the_neighbour_slowly_and_nothing_else(corpus, model):
    plain = spatial_batches(corpus, model, coherent=1.0)(0, ALL)
    smeared = spatial_batches(corpus, model, coherent=1.0, smears=1.0)(0, ALL)
    for name in ("latents", "mesh", "identity"):
        assert torch.equal(getattr(plain, name)[0], getattr(smeared, name)[0]), name
    off = smeared.previous - plain.previous
    assert 0.2 < float(off.std()) < 1.0
    of_each = off.mean(dim=(2, 3))  # an offset of its own for every picture and channel
    assert float(of_each.std()) > 0.5 * float(off.std())


def test_recoloured_frames_have_one_change_in_common(corpus, model):
    plain = spatial_batches(corpus, model, coherent=1.0)(0, ALL)
    other = spatial_batches(corpus, model, coherent=1.0, recoloured=1.0)(0, ALL)
    assert torch.equal(plain.mesh, other.mesh)
    off = other.latents - plain.latents
    assert float(off.std()) > 0.1
    for change, one in ((0.35, "identity"), (0.35, "previous")):
        unlike = getattr(other, one) - getattr(plain, one) - off  # contrast alone tells them apart
        spread = getattr(plain, one) - plain.latents
        assert bool((unlike.abs() <= change * spread.abs() + 1e-4).all()), one


def test_eyes_and_mouth_may_weigh_more(corpus, model):
    weights = spatial_batches(corpus, model, region_weight=5.0)(0, ALL).weights
    assert weights.shape == (64, 1, 2, 2)
    assert weights[0, 0].tolist() == [[1, 3], [1, 3]]  # numbered_latents: half of a cell
    assert bool((spatial_batches(corpus, model)(0, ALL).weights == 1).all())


def test_weights_change_where_and_not_how_much_is_learned(model):
    shown = noised(
        model.scheduler, torch.zeros(2, 4, 2, 2), torch.zeros(2, 4, 2, 2), torch.tensor([5, 500])
    )
    off = torch.zeros(2, 4, 2, 2)
    off[0, :, :, 1] = 1.0
    weights = torch.tensor([1.0, 3.0]).expand(2, 1, 2, 2)
    assert squared_error(off, shown).tolist() == [0.5, 0]
    assert squared_error(off, shown, weights).tolist() == [0.75, 0]
    assert squared_error(off, shown, 7 * weights).tolist() == [0.75, 0]
    ones = torch.ones(2, 1, 2, 2)
    assert torch.equal(squared_error(off, shown, ones), squared_error(off, shown))


def test_an_ablation_leaves_a_condition_out(corpus, model):
    batch = spatial_batches(corpus, model, conditions=("identity",))(0, ALL)
    assert not batch.previous.any()
    whole = spatial_batches(corpus, model)(0, ALL)
    for name in ("latents", "mesh", "identity", "tokens"):
        assert torch.equal(getattr(batch, name), getattr(whole, name)), name
    with pytest.raises(InputError, match="conditions has pose"):
        SpatialBatchConfig(conditions=("pose",))


def test_captions_that_are_too_long_end_all_the_same(model):
    numbers = tokens_by(model.tokenizer, 8)(["a red hat " * 40, "a"])
    end = model.tokenizer.eos_token_id
    assert numbers.shape == (2, 77)
    assert (numbers == end).int().argmax(dim=1).tolist() == [68, 2]


@pytest.mark.parametrize("variant", ["a", "b", "c", "d"])
def test_every_variant_of_mask_blending_gets_gradients(corpus, model, variant):
    config = variant_config(variant, tuple(model.vae.config.block_out_channels))
    assert config is not None
    batches = BlendingBatches(
        model.vae,
        corpus,
        corpus.names("train"),
        BlendingBatchConfig(batch_size=1, pool=1),
        num_levels=len(config.channels),
    )
    stage = BlendingStage(
        MaskBlendingAdapter(config),
        vae=model.vae,
        perceptual=EdgeDistance(),
        perceptual_weight=0.5,
    )
    assert stage.slow == {
        f"convs.{level}": 4 / width for level, width in enumerate(config.channels) if width > 4
    }
    stage.train()(batches(0, ALL))["loss"].backward()
    gradients = [weight.grad for weight in stage.learned.parameters()]
    assert all(one is not None and bool(one.any()) for one in gradients)


def test_kept_features_of_one_level_decode_as_the_whole_decoder_does(corpus, model):
    batch = BlendingBatches(
        model.vae, corpus, corpus.names("train"), BlendingBatchConfig(batch_size=2, pool=2)
    )(0, ALL)
    config = variant_config("d", tuple(model.vae.config.block_out_channels))
    assert config is not None
    stage = BlendingStage(
        MaskBlendingAdapter(config),
        vae=model.vae,
        perceptual=EdgeDistance(),
        perceptual_weight=0.5,
    ).eval()
    with torch.no_grad():
        kept = stage(batch)
        whole = stage(dataclasses.replace(batch, finest=None))
    for name, value in whole.items():
        assert kept[name].item() == pytest.approx(value.item(), abs=5e-3), name


def test_a_vgg_pools_where_its_numbers_say():
    sizes = {0: (4, 3), 2: (4, 4), 5: (8, 4), 7: (8, 8), 10: (8, 8)}
    weights = {}
    for number, (out, into) in sizes.items():
        weights[f"features.{number}.weight"] = torch.randn(out, into, 3, 3)
        weights[f"features.{number}.bias"] = torch.zeros(out)
    distance = VggDistance(weights)
    assert [len(list(block.children())) for block in distance.blocks] == [4, 5, 3]
    picture, other = torch.rand(2, 1, 3, 16, 16)
    assert distance(picture, picture) == 0
    assert distance(picture, other) > 0
    with pytest.raises(WeightsError, match="not a VGG"):
        VggDistance({"layer1.weight": torch.zeros(1)})


def test_the_presets_keep_the_papers_sizes():
    assert {name: make().name for name, make in PRESETS.items()} == {n: n for n in PRESETS}
    full = paper()
    assert (full.num_words, full.num_blocks, full.variant) == (8, 2, "d")
    assert not full.separate_inputs
    assert full.spatial.coherent == mini().spatial.coherent == 0.8


def test_pad_without_talkers_is_refused(corpus, tmp_path, capsys):
    arguments = ["train", "adapters", "--model", str(tmp_path), "--corpus", str(corpus.folder)]
    assert main([*arguments, "--pad", str(tmp_path)]) == 2
    assert "--talkers" in capsys.readouterr().err


def test_the_same_command_goes_on_and_needs_no_voices(trained, model, corpus, caplog):
    folder, before = trained
    again = train_adapters(model, corpus, folder, smoke(), seed=3, cpu=True)
    assert again.metrics == {name: before.metrics[name] for name in ("spatial", "blending")}
    assert "no voices" in caplog.text
    longer = dataclasses.replace(smoke(), num_blocks=2)
    with pytest.raises(InputError, match="preset"):
        train_adapters(model, corpus, folder, longer, seed=3, cpu=True)
