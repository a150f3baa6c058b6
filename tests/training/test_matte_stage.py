import pytest
import torch

from imagineid_core.corpus.portrait import draw_person
from imagineid_core.errors import InputError
from imagineid_core.imagine.matting import MattingConfig, MattingNet
from imagineid_core.training.loop import LoopConfig, train
from imagineid_core.training.matte_batches import MatteBatch, MatteBatchConfig, MatteBatches
from imagineid_core.training.matte_stage import MatteStage, edge_distance, overlap
from imagineid_core.training.processes import ALL, Share

CONFIG = MatteBatchConfig(size=32, batch_size=8, pool=6, empty_share=0.1)
TINY = MattingConfig(channels=(8, 16, 24), short_side=32)


@pytest.fixture(scope="module")
def batches() -> MatteBatches:
    return MatteBatches(CONFIG, split="train", seed=0)


@pytest.fixture(scope="module")
def unseen() -> MatteBatches:
    config = MatteBatchConfig(size=32, batch_size=8, pool=4, empty_share=0.0)
    return MatteBatches(config, split="validation", seed=0)


def stage(seed: int = 0) -> MatteStage:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MatteStage(MattingNet(TINY))


def test_a_batch_is_the_same_whoever_draws_it_and_when(batches):
    again = MatteBatches(CONFIG, split="train", seed=0)
    again(5, ALL)
    whole, half = batches(2, ALL), again(2, Share(process=1, num_processes=2))
    assert torch.equal(whole.images[4:], half.images)
    assert torch.equal(whole.mattes[4:], half.mattes)
    assert not torch.equal(whole.images, batches(3, ALL).images)


def test_images_and_mattes_have_their_ranges(batches):
    batch = batches(0, ALL)
    assert batch.images.shape == (8, 3, 32, 32)
    assert batch.mattes.shape == (8, 1, 32, 32)
    assert -1 <= batch.images.min() < batch.images.max() <= 1
    assert batch.mattes.min() == 0
    assert batch.mattes.max() == 1
    assert 0.2 < batch.mattes.mean() < 0.6


def test_nobody_is_in_two_splits():
    people = {
        split: {MatteBatches(CONFIG, split=split, seed=3).person(k) for k in range(50)}
        for split in ("train", "validation", "test")
    }
    assert all(len(one) == 50 for one in people.values())
    assert not people["train"] & people["validation"]
    assert not people["train"] & people["test"]
    assert not people["validation"] & people["test"]
    with pytest.raises(InputError, match="split is 'dev'"):
        MatteBatches(CONFIG, split="dev", seed=0)


def test_some_pictures_show_nobody():
    config = MatteBatchConfig(size=32, batch_size=8, pool=1, empty_share=0.9)
    mattes = MatteBatches(config, split="train", seed=0)(0, ALL).mattes
    assert (mattes.amax((1, 2, 3)) == 0).sum() >= 4


def test_the_person_stays_and_the_background_changes():
    """One person of the pool in many pictures: alike inside, of any colour outside."""
    config = MatteBatchConfig(size=32, batch_size=32, pool=1, empty_share=0.0)
    batch = MatteBatches(config, split="train", seed=0)(0, ALL)
    inside = batch.mattes.amin(0, keepdim=True) == 1
    outside = batch.mattes.amax(0, keepdim=True) == 0
    spread = batch.images.std(0, keepdim=True).mean(1, keepdim=True)
    assert spread[outside].mean() > 2 * spread[inside].mean()
    assert draw_person(0).attributes.seed == 0


def test_the_measures_are_those_of_their_names():
    one = torch.zeros(1, 1, 4, 4)
    one[..., :2] = 1
    other = torch.zeros(1, 1, 4, 4)
    other[..., 1:3] = 0.8
    assert overlap(one, other) == pytest.approx(4 / 12)
    assert overlap(0 * one, 0 * one) == 1
    assert edge_distance(one, one) == 0
    assert edge_distance(one, 0.5 * one) == pytest.approx(0.5 / 3)  # one step of three in a row


def test_a_perfect_and_an_inverted_matte_are_measured_as_such():
    matte = torch.zeros(2, 1, 32, 32)
    matte[..., 8:24, 8:24] = 1
    batch = MatteBatch(images=torch.zeros(2, 3, 32, 32), mattes=matte)
    told = stage()
    told.learned.logits = lambda images: 40 * (matte - 0.5)  # type: ignore[method-assign]
    right = told(batch)
    assert right["missed"] == 0
    assert right["loss"] < 1e-6
    told.learned.logits = lambda images: 40 * (0.5 - matte)  # type: ignore[method-assign]
    wrong = told(batch)
    assert wrong["missed"] == 1
    assert wrong["mae"] > 0.99


def test_it_learns_to_find_people_it_has_not_met(batches, unseen):
    """From a start that knows nothing, it more than halves what it misses of unseen people."""
    learner = stage()
    optimizer = torch.optim.AdamW(learner.parameters(), lr=4e-3)
    with torch.no_grad():
        before = learner.eval()(unseen(0, ALL))
    learner.train()
    for index in range(50):
        optimizer.zero_grad()
        learner(batches(index, ALL))["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        after = learner.eval()(unseen(0, ALL))
    assert after["missed"] < 0.3
    assert after["missed"] < 0.5 * before["missed"]
    assert after["loss"] < 0.6 * before["loss"]


def test_the_loop_keeps_the_weights_that_miss_least(batches, unseen, tmp_path):
    config = LoopConfig(
        num_steps=2,
        validate_every=1,
        checkpoint_every=2,
        num_validation_batches=1,
        best_metric="missed",
    )
    trained = train(stage(), batches, tmp_path, config, validation=unseen, cpu=True)
    assert trained.is_finished
    assert set(trained.metrics) == {"loss", "entropy", "mae", "edges", "missed"}


@pytest.mark.parametrize(
    ("change", "told"),
    [({"pool": 0}, "pool is 0 but must be at least 1"), ({"empty_share": 1.0}, "empty_share is 1")],
)
def test_configs_that_draw_nothing_are_refused(change, told):
    with pytest.raises(InputError, match=told):
        MatteBatchConfig(**change)
