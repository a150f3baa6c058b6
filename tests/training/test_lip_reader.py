import json

import pytest
import torch
from torch import Tensor, nn

from imagineid_core.errors import WeightsError
from imagineid_core.training.batches import BatchConfig
from imagineid_core.training.lip_reader import (
    Expert,
    LipReader,
    LipReaderConfig,
    PhonemeReader,
    agreement_loss,
    load_expert,
    text_loss,
)
from imagineid_core.training.lip_reader_stage import LipReaderStage
from imagineid_core.training.mouth_batches import MouthBatches
from imagineid_core.training.processes import ALL, Share
from imagineid_core.training.recordings import read_recordings
from tests.face.egg import egg_face
from tests.training.tiny_corpus import TinyCorpus

SYMBOLS = ("a", "m", "o", "s")
TINY = LipReaderConfig(symbols=SYMBOLS, channels=(2, 4, 4, 4), width=16, num_layers=1, num_heads=2)


class Brightness(nn.Module):
    """A reader of another kind: the mean grey of each frame, told as logits of five classes."""

    def forward(self, mouths: Tensor) -> Tensor:
        return mouths.mean(dim=(1, 3, 4))[..., None] * torch.arange(5.0)


def spelt(path, num_classes=5, sure=20.0):
    """Log-probabilities of a reader that is sure of one class a step."""
    logits = torch.zeros(1, len(path), num_classes)
    logits[0, torch.arange(len(path)), torch.tensor(path)] = sure
    return logits.log_softmax(dim=-1)


def test_the_right_text_costs_nothing_and_a_wrong_one_much():
    steps = spelt([0, 1, 1, 0, 3, 3, 0])  # blank, symbol 0, blank, symbol 2, blank
    right = text_loss(steps, torch.tensor([[0, 2]]), torch.tensor([2]))
    wrong = text_loss(steps, torch.tensor([[1, 3]]), torch.tensor([2]))
    assert right < 1e-3
    assert wrong > 5


def test_a_blank_in_the_middle_moves_the_symbols_round_it():
    steps = spelt([2, 0, 2, 3, 2])  # blank is class 2: symbols 0 1 are classes 0 1, 2 3 are 3 4
    symbols, counts = torch.tensor([[0, 2]]), torch.tensor([2])
    assert text_loss(steps, symbols, counts, blank=2) < 1e-3
    assert text_loss(steps, symbols, counts, blank=0) > 5


def test_padding_does_not_count():
    steps = spelt([0, 1, 0, 3, 0])
    short = text_loss(steps, torch.tensor([[0, 2]]), torch.tensor([2]))
    long = text_loss(steps, torch.tensor([[0, 2, -1, -1]]), torch.tensor([2]))
    assert torch.equal(short, long)


def test_a_silent_window_asks_for_silence():
    """No sound at all: the loss is that of blanks only, and finite."""
    nothing = torch.full((1, 1), -1)
    assert text_loss(spelt([0] * 5), nothing, torch.tensor([0])) < 1e-3
    assert text_loss(spelt([1] * 5), nothing, torch.tensor([0])) > 5


def test_more_sounds_than_steps_are_left_out_not_infinite():
    loss = text_loss(spelt([0, 1]), torch.tensor([[0, 1, 2]]), torch.tensor([3]))
    assert loss == 0


def test_agreement_is_least_where_the_readings_agree():
    truth = torch.randn(1, 4, 5).log_softmax(dim=-1)
    entropy = -(truth.exp() * truth).sum(dim=-1).mean()
    torch.testing.assert_close(agreement_loss(truth, truth), entropy)
    assert agreement_loss(torch.randn(1, 4, 5).log_softmax(dim=-1), truth) > entropy


def test_our_reader_gives_one_distribution_a_frame():
    reader = PhonemeReader(TINY).eval()
    assert isinstance(reader, LipReader)
    read = reader(torch.rand(2, 7, 88, 88))
    assert read.shape == (2, 7, len(SYMBOLS) + 1)
    torch.testing.assert_close(read.exp().sum(dim=-1), torch.ones(2, 7))


def test_a_clip_is_read_alike_alone_and_in_a_batch():
    reader = PhonemeReader(TINY).eval()
    mouths = torch.rand(2, 7, 88, 88)
    # Convolutions of another batch size may add in another order.
    torch.testing.assert_close(reader(mouths)[1:], reader(mouths[1:]), atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def recordings():
    return read_recordings(TinyCorpus(), "train")


def mouths(recordings, pool=3):
    config = BatchConfig(batch_size=4, frames=20)
    return MouthBatches(recordings, config, basis=egg_face(), symbols=SYMBOLS, pool=pool, seed=1)


def test_mouths_of_the_pool_do_not_depend_on_who_draws_them_or_when(recordings):
    ours, theirs = mouths(recordings), mouths(recordings)
    theirs(5, ALL)
    whole = ours(2, ALL)
    half = theirs(2, Share(process=1, num_processes=2))
    assert torch.equal(whole.mouths[2:], half.mouths)
    assert whole.mouths.shape == (4, 20, 88, 88)


def test_drawing_leaves_the_random_state_alone(recordings):
    before = torch.get_rng_state()
    mouths(recordings)(0, ALL)
    assert torch.equal(before, torch.get_rng_state())


def test_a_reader_learns_to_read_the_pool(recordings):
    """Below the loss of a reader that knows how often each sound comes, and no more: 1.7."""
    batches = mouths(recordings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LipReaderConfig(symbols=SYMBOLS, channels=(4, 8, 8, 8), width=32, num_layers=1)
        stage = LipReaderStage(PhonemeReader(config)).train()
        optimizer = torch.optim.AdamW(stage.parameters(), lr=5e-3)
        for index in range(70):
            optimizer.zero_grad()
            stage(batches(index, ALL))["loss"].backward()
            optimizer.step()
        assert stage.eval()(batches(0, ALL))["loss"] < 1.5


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_a_torchscript_expert_reads_as_the_network_it_was_made_from(tmp_path):
    path = tmp_path / "expert.pt"
    torch.jit.script(Brightness()).save(str(path))
    (tmp_path / "expert.pt.json").write_text(
        json.dumps({"symbols": list(SYMBOLS), "blank": 4, "mean": 0.5, "std": 0.25})
    )
    expert = load_expert(path)
    assert isinstance(expert, LipReader)
    assert (expert.symbols, expert.blank) == (SYMBOLS, 4)
    pictures = torch.rand(2, 3, 88, 88)
    expected = Brightness()(((pictures - 0.5) / 0.25)[:, None]).log_softmax(dim=-1)
    torch.testing.assert_close(expert(pictures), expected)


def test_an_exported_expert_needs_no_description_and_passes_gradients(tmp_path):
    path = tmp_path / "expert.pt2"
    program = torch.export.export(Brightness(), (torch.rand(2, 1, 3, 88, 88),))
    torch.export.save(program, path)
    expert = load_expert(path).train()
    assert expert.symbols is None
    pictures = torch.rand(2, 3, 88, 88, requires_grad=True)
    expert(pictures)[..., 0].sum().backward()
    assert pictures.grad.abs().sum() > 0


def test_an_expert_of_whole_windows_reads_one_step():
    expert = Expert(nn.Flatten(), symbols=None, blank=0, mean=0.0, spread=1.0)
    assert expert(torch.rand(2, 3, 88, 88)).shape == (2, 1, 3 * 88 * 88)


def test_a_missing_expert_says_what_to_give(tmp_path):
    with pytest.raises(WeightsError, match=r"expert not found: .*none.pt .*torch.jit.save"):
        load_expert(tmp_path / "none.pt")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
@pytest.mark.parametrize("name", ["expert.pt", "expert.pt2"])
def test_a_file_that_is_no_program_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"weights")
    with pytest.raises(WeightsError, match=f"{name} is not an exported network .*Export it"):
        load_expert(tmp_path / name)


def test_a_description_that_is_not_json_is_named(tmp_path):
    (tmp_path / "expert.pt").write_bytes(b"")
    (tmp_path / "expert.pt.json").write_text("symbols: a")
    with pytest.raises(WeightsError, match="expert.pt.json is not JSON"):
        load_expert(tmp_path / "expert.pt")
