"""The matting network: its batches and measures alone, and the smoke preset from corpus to file."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from imagineid_core.checkpoint import read_tensors
from imagineid_core.cli import build_parser, main
from imagineid_core.cli.train_on_people import PRESETS as OFFERED
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus, to_image
from imagineid_core.errors import InputError
from imagineid_core.imagine.matting import MattingConfig, MattingNet, load_matting
from imagineid_core.training.matte_batches import (
    MatteBatch,
    MatteBatchConfig,
    MatteBatches,
    disturbed,
)
from imagineid_core.training.matte_stage import (
    MatteStage,
    boundary_error,
    edge_distance,
    overlap,
)
from imagineid_core.training.matting_presets import PRESETS, mini, smoke
from imagineid_core.training.processes import ALL, Share
from imagineid_core.training.run_log import curves
from imagineid_core.training.train_matting import train_matting

pytest.importorskip("accelerate", reason="the loop runs on accelerate, of the `train` extra")
pytest.importorskip("tensorboard", reason="the loop logs to TensorBoard, of the `train` extra")

AS_TRAINED = MatteBatchConfig(batch_size=8)
AS_DRAWN = MatteBatchConfig(batch_size=8, elsewhere=0.0, disturbed=0.0, empty=0.0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    build_people_corpus(folder, num_people=12, num_frames=2, size=32)
    return open_people_corpus(folder)


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("matting")
    command = "imagineid train matting --preset smoke --seed 3"
    return folder, train_matting(corpus, folder, smoke(), seed=3, command=command, cpu=True)


def batches(corpus, config=AS_TRAINED, **how) -> MatteBatches:
    return MatteBatches(corpus, corpus.names("train"), config, **how)


def test_a_batch_is_the_same_whoever_draws_it_and_when(corpus):
    again = batches(corpus)
    again(5, ALL)
    whole, half = batches(corpus)(2, ALL), again(2, Share(process=1, num_processes=2))
    assert torch.equal(whole.images[4:], half.images)
    assert torch.equal(whole.mattes[4:], half.mattes)
    assert not torch.equal(whole.images, again(3, ALL).images)
    assert not torch.equal(whole.images, batches(corpus, seed=1)(2, ALL).images)


def test_images_and_mattes_have_their_ranges(corpus):
    batch = batches(corpus)(0, ALL)
    assert batch.images.shape == (8, 3, 32, 32)
    assert batch.mattes.shape == (8, 1, 32, 32)
    assert -1 <= batch.images.min() < batch.images.max() <= 1
    assert batch.mattes.min() == 0
    assert batch.mattes.max() == 1
    assert 0.2 < batch.mattes.mean() < 0.6


def test_in_order_every_portrait_of_everybody_comes_as_it_is(corpus):
    names = corpus.names("train")
    in_order = batches(corpus, AS_DRAWN, in_order=True)
    shown = [in_order(index, ALL) for index in range(-(-2 * len(names) // 8))]
    images, mattes = (
        torch.cat([getattr(batch, key) for batch in shown]) for key in ("images", "mattes")
    )
    for number in range(2 * len(names)):
        stored = corpus.load(names[number % len(names)])
        frame = number // len(names)
        torch.testing.assert_close(images[number], to_image(stored.portrait[frame]))
        torch.testing.assert_close(mattes[number], stored.matte[frame].float() / 255)


def test_the_person_stays_and_the_background_changes(corpus):
    config = dataclasses.replace(AS_DRAWN, batch_size=16, elsewhere=1.0)
    one = MatteBatches(corpus, corpus.names("train")[:1], config, in_order=True)(0, ALL)
    images, matte = one.images[::2], one.mattes[0]  # every second row is frame 0
    inside, outside = matte[0] == 1, matte[0] == 0
    assert images[:, :, inside].std(0).max() < 1e-5
    assert images[:, :, outside].std(0).mean() > 0.1


def test_some_pictures_show_nobody(corpus):
    config = dataclasses.replace(AS_DRAWN, empty=1.0)
    batch = batches(corpus, config, in_order=True)(0, ALL)
    assert not batch.mattes.any()
    plates = [corpus.load(name).clean_plate for name in corpus.names("train")[:8]]
    torch.testing.assert_close(batch.images, to_image(torch.cat(plates)))
    mixed = batches(corpus, dataclasses.replace(AS_DRAWN, empty=0.5, batch_size=64))(0, ALL)
    assert 16 < (mixed.mattes.amax((1, 2, 3)) == 0).sum() < 48


def test_a_disturbed_picture_looks_otherwise_and_keeps_its_matte(corpus):
    as_drawn = batches(corpus, AS_DRAWN, in_order=True)(0, ALL)
    seen = batches(corpus, dataclasses.replace(AS_DRAWN, disturbed=1.0), in_order=True)(0, ALL)
    assert torch.equal(seen.mattes, as_drawn.mattes)
    off = (seen.images - as_drawn.images).abs().mean((1, 2, 3))
    assert off.min() > 0.01
    assert off.median() < 0.4


def test_disturbed_pictures_are_often_softer_and_often_noisier():
    """Steps between pixels of a chequered picture vanish; those of a flat one appear."""
    flat = torch.full((3, 32, 32), 0.5)
    chequered = flat + 0.3 * (2 * (torch.arange(32) % 2) - 1)
    generators = [np.random.default_rng(seed) for seed in range(40)]
    steps = torch.tensor([disturbed(chequered, g).diff(dim=-1).abs().mean() for g in generators])
    assert 8 < (steps < 0.3).sum() < 32
    steps = torch.tensor([disturbed(flat, g).diff(dim=-1).abs().mean() for g in generators])
    assert 8 < (steps > 0.01).sum() < 38


def test_without_people_there_is_nothing_to_learn(corpus):
    with pytest.raises(InputError, match="there are no people to learn mattes from"):
        MatteBatches(corpus, (), MatteBatchConfig())


@pytest.mark.parametrize(
    ("change", "told"),
    [({"batch_size": 0}, "batch_size is 0 but must be"), ({"empty": 1.5}, "empty is 1.5")],
)
def test_configs_that_draw_nothing_are_refused(change, told):
    with pytest.raises(InputError, match=told):
        MatteBatchConfig(**change)


def test_the_measures_are_those_of_their_names():
    one = torch.zeros(1, 1, 4, 4)
    one[..., :2] = 1
    other = torch.zeros(1, 1, 4, 4)
    other[..., 1:3] = 0.8
    assert overlap(one, other) == pytest.approx(4 / 12)
    assert overlap(0 * one, 0 * one) == 1
    assert edge_distance(one, one) == 0
    assert edge_distance(one, 0.5 * one) == pytest.approx(0.5 / 3)  # one step of three in a row


def test_the_boundary_is_the_outline_and_not_the_edge_of_the_picture():
    person = torch.zeros(1, 1, 80, 80)
    person[..., 40:, 20:60] = 1  # stands on the lower edge
    assert boundary_error(person, person) == 0
    assert boundary_error(1 - person, person) == 1
    far_off = person.clone()
    far_off[..., :20, :] = 1
    far_off[..., 76:, 30:50] = 0
    assert boundary_error(far_off, person) == 0
    near = person.clone()
    near[..., 39, 20:60] = 1  # a row too high
    # Of the band, two pixels to each side of 120 pixels of outline and its corners, forty differ.
    assert boundary_error(near, person) == pytest.approx(40 / (4 * 120), rel=0.05)
    assert boundary_error(person, 0 * person) == 0


def test_a_perfect_and_an_inverted_matte_are_measured_as_such():
    matte = torch.zeros(2, 1, 32, 32)
    matte[..., 8:24, 8:24] = 1
    batch = MatteBatch(images=torch.zeros(2, 3, 32, 32), mattes=matte)
    told = MatteStage(MattingNet(MattingConfig(channels=(8, 16), short_side=32))).eval()
    told.learned.logits = lambda images: 40 * (matte - 0.5)  # type: ignore[method-assign]
    right = told(batch)
    assert right["missed"] == 0
    assert right["loss"] < 1e-6
    told.learned.logits = lambda images: 40 * (0.5 - matte)  # type: ignore[method-assign]
    wrong = told(batch)
    assert wrong["missed"] == 1
    assert wrong["boundary"] > 0.99
    assert wrong["mae"] > 0.99


def test_it_learns_to_find_people_it_has_not_met(trained):
    folder, _ = trained
    told = {
        name: [v for _, v in of["validation"]]
        for name, of in curves(folder / "matting").items()
        if "validation" in of
    }
    assert told["loss"][-1] < 0.7 * told["loss"][0]
    assert told["missed"][-1] < 0.6 * told["missed"][0]


def test_the_file_is_measured_as_written_and_tells_how_it_was_made(trained, corpus):
    _, result = trained
    metadata, weights = read_tensors(result.path)
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    told = json.loads(metadata["provenance"])
    assert told["command"] == "imagineid train matting --preset smoke --seed 3"
    assert (told["preset"], told["seed"], told["steps"]) == ("smoke", 3, 30)
    assert told["corpus"] == corpus.corpus_hash
    assert {"loss", "mae", "boundary", "missed"} < set(told["metrics"])
    assert told["test"] == result.metrics
    names = corpus.names("test")
    batch = MatteBatches(corpus, names, AS_DRAWN, in_order=True)(0, ALL)
    with torch.no_grad():
        off = (load_matting(result.path)(batch.images) - batch.mattes).abs().mean()
    assert result.metrics["as_drawn"]["mae"] == pytest.approx(float(off), abs=1e-5)
    assert result.metrics["as_trained"]["mae"] > 0


def test_the_same_command_goes_on(trained, corpus, capsys):
    folder, result = trained
    before = read_tensors(result.path)
    result.path.unlink()
    arguments = ["train", "matting", "--preset", "smoke", "--seed", "3", "--cpu"]
    assert main([*arguments, "--corpus", str(corpus.folder), "--out", str(folder)]) == 0
    metadata, weights = read_tensors(result.path)
    assert metadata == before[0]
    assert all(torch.equal(weights[name], value) for name, value in before[1].items())
    printed = capsys.readouterr().out
    assert str(result.path) in printed
    assert json.loads(printed[: printed.rindex("}") + 1]) == result.metrics


def test_what_was_begun_otherwise_is_not_resumed(trained, corpus):
    folder, _ = trained
    wider = dataclasses.replace(smoke(), net=MattingConfig(channels=(16, 16, 24), short_side=32))
    with pytest.raises(InputError, match="net.channels"):
        train_matting(corpus, folder, wider, seed=3, cpu=True)


def test_a_corpus_of_another_size_is_refused(corpus, tmp_path, capsys):
    arguments = ["--corpus", str(corpus.folder), "--out", str(tmp_path / "out"), "--cpu"]
    assert main(["train", "matting", *arguments]) == 2
    told = capsys.readouterr().err
    assert "pictures of 32 pixels but the preset 'mini' learns 128" in told
    assert "--size 128" in told
    assert not (tmp_path / "out").exists()


def test_the_presets_offered_are_those_there_are():
    assert set(OFFERED) == set(PRESETS)
    assert {name: make().name for name, make in PRESETS.items()} == {n: n for n in PRESETS}
    assert build_parser().parse_args(["train", "matting"]).preset == mini().name
