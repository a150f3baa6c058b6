import dataclasses

import pytest
import torch
from torch import nn

from imagineid_core.errors import InputError
from imagineid_core.listen.pad import build_pad
from imagineid_core.listen.transformer import ListenConfig
from imagineid_core.motion.head_pose import PoseVAE, PoseVAEConfig
from imagineid_core.training.batches import BatchConfig, WindowBatches
from imagineid_core.training.content_stage import ContentLossConfig, ContentStage
from imagineid_core.training.emotion_stage import DecorrelationConfig, EmotionStage
from imagineid_core.training.head_motion_stage import (
    HeadMotionLossConfig,
    HeadMotionStage,
    spread_of_changes,
)
from imagineid_core.training.identity_stage import ContrastConfig, IdentityStage
from imagineid_core.training.lip_reader import Expert, LipReaderConfig, PhonemeReader
from imagineid_core.training.lip_reader_stage import LipReaderStage
from imagineid_core.training.loop import LoopConfig, train
from imagineid_core.training.losses import info_nce
from imagineid_core.training.mouth_batches import MouthBatches
from imagineid_core.training.processes import ALL
from imagineid_core.training.recordings import read_recordings, symbols_of
from tests.face.egg import egg_face
from tests.training.tiny_corpus import TinyCorpus

pytest.importorskip("accelerate", reason="the loop runs on accelerate, of the `train` extra")
pytest.importorskip("tensorboard", reason="the loop logs to TensorBoard, of the `train` extra")

NET = ListenConfig(
    width=16,
    hidden_width=32,
    num_layers=1,
    num_heads=2,
    dropout=0.0,
    shape_dim=6,
    expression_dim=5,
)
BATCH = BatchConfig(batch_size=4, num_negatives=2)
LOOP = LoopConfig(num_steps=3, learning_rate=1e-3)


@pytest.fixture(scope="module")
def recordings():
    return read_recordings(TinyCorpus(), "train")


@pytest.fixture(scope="module")
def basis():
    return egg_face()


@pytest.fixture
def pad():
    return build_pad(NET, seed=0)


@pytest.fixture(scope="module")
def reader(recordings, basis):
    """A lip reader that reads a little: 60 steps on 32 windows."""
    symbols = symbols_of(recordings)
    batches = MouthBatches(
        recordings,
        BatchConfig(batch_size=4),
        basis=basis,
        symbols=symbols,
        pool=32,
        seed=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LipReaderConfig(symbols=symbols, channels=(4, 8, 8, 8), width=32, num_layers=1)
        stage = LipReaderStage(PhonemeReader(config)).train()
        optimizer = torch.optim.AdamW(stage.parameters(), lr=5e-3)
        for index in range(60):
            optimizer.zero_grad()
            stage(batches(index, ALL))["loss"].backward()
            optimizer.step()
    optimizer.zero_grad()
    return stage.learned.eval().requires_grad_(False)


def windows(recordings, *needs, pair_by=None, frames=32):
    config = dataclasses.replace(BATCH, frames=frames)
    return WindowBatches(
        recordings,
        config,
        seed=0,
        needs=needs,
        pair_by=pair_by,
        symbols=symbols_of(recordings),
        styles=("calm", "shaking"),
    )


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_unchanged(module, before):
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_identity_is_the_norm_of_alpha_and_equation_3(recordings, pad):
    batch = windows(recordings, "shape", pair_by="speaker")(0, ALL)
    stage = IdentityStage(pad.identity, ContrastConfig(weight=2.0, temperature=0.5)).eval()
    terms = stage(batch)
    heard, positive = pad.identity(batch.windows), pad.identity(batch.positive_windows).semantics
    distance = (batch.shape - heard.shape).norm(dim=1).mean()
    contrast = info_nce(heard.semantics, positive, positive[batch.negatives], 0.5)
    torch.testing.assert_close(terms["loss"], distance + 2 * contrast)


def content_stage(pad, basis, reader, **loss):
    return ContentStage(
        pad.content, pad.identity, ContentLossConfig(**loss), reader=reader, basis=basis
    )


def test_the_lip_reading_loss_alone_moves_the_content_net(recordings, pad, basis, reader):
    """Gradients run from the text through reader, pixels, triangles and expression to the net."""
    batch = windows(recordings, "expression", "phonemes")(0, ALL)
    stage = content_stage(pad, basis, reader, regularisation=0.0, num_read=2)
    stage(batch)["loss"].backward()
    for name, weight in pad.content.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        if name != "encoder.layers.0.query_key_value.bias":  # a key's bias never matters
            assert weight.grad.abs().sum() > 0, name
    assert all(weight.grad is None for weight in stage.identity.parameters())
    assert all(weight.grad is None for weight in stage.reader.parameters())


def test_the_lip_reading_loss_falls_as_lips_near_the_truth(recordings, pad, basis, reader):
    batch = windows(recordings, "expression", "lip_expression", "phonemes")(1, ALL)

    class Says(nn.Module):
        share = 0.0

        def forward(self, heard, shape):
            return dataclasses.make_dataclass("Said", ["lip_expression"])(
                self.share * batch.lip_expression
            )

    losses = []
    for share in (0.0, 1.0):
        stage = content_stage(pad, basis, reader).eval()
        stage.learned = Says()
        stage.learned.share = share
        torch.manual_seed(0)  # the same skin, light and pose each time
        losses.append(float(stage(batch)["lip_reading"]))
    assert losses[1] < 0.9 * losses[0]


def test_regularisation_has_the_weight_of_the_paper(recordings, pad):
    batch = windows(recordings, "expression", "lip_expression")(0, ALL)
    stage = ContentStage(pad.content, pad.identity, ContentLossConfig(lip_reading=0.0))
    terms = stage(batch)
    lips = pad.content(batch.windows, pad.identity(batch.windows).shape).lip_expression
    norms = (batch.expression - lips).flatten(1).norm(dim=1)
    torch.testing.assert_close(terms["loss"], 0.01 * norms.mean())
    assert set(terms) == {"loss", "distance", "lip_distance"}


def test_an_expert_without_our_symbols_reads_the_truth_for_its_target(recordings, pad, basis):
    """Its loss is least, the entropy of its reading, where the lips are the true ones."""
    batch = windows(recordings, "expression")(0, ALL)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(2), nn.Unflatten(2, (32, 88 * 88)), nn.Linear(88 * 88, 7))
    expert = Expert(
        nn.Sequential(network, nn.Flatten(1, 2)), symbols=None, blank=0, mean=0.4, spread=0.2
    )
    stage = content_stage(pad, basis, expert, num_read=2).eval()

    def loss(lips):
        stage.learned = nn.Module()
        stage.learned.forward = lambda *_: dataclasses.make_dataclass("Said", ["lip_expression"])(
            lips
        )
        torch.manual_seed(1)
        return float(stage(batch)["lip_reading"])

    assert loss(batch.expression) < loss(0.5 * batch.expression) < loss(-batch.expression)


@pytest.mark.parametrize("name", ["content", "emotion", "head_motion"])
def test_earlier_stages_stay_bit_for_bit(tmp_path, recordings, pad, basis, reader, name):
    earlier = {"identity": pad.identity, "content": pad.content, "reader": reader}
    if name == "content":
        stage = content_stage(pad, basis, reader, num_read=1)
        batches = windows(recordings, "expression", "phonemes")
        del earlier["content"]
    elif name == "emotion":
        stage = EmotionStage(
            pad.emotion, pad.identity, pad.content, ContrastConfig(), DecorrelationConfig()
        )
        batches = windows(recordings, "expression", pair_by="style")
    else:
        stage = head_motion_stage(recordings, pad)
        batches = windows(recordings, "pose", "style", frames=33)
    before = {key: state_of(module) for key, module in earlier.items()}
    learned = state_of(stage.learned)
    train(stage, batches, tmp_path, LOOP, cpu=True)
    for key, module in earlier.items():
        assert_unchanged(module, before[key])
    now = stage.learned.state_dict()
    moved = [key for key in learned if not torch.equal(now[key], learned[key])]
    assert len(moved) > 0.8 * len(learned)


def test_another_earlier_stage_is_refused_on_resume(tmp_path, recordings, pad):
    def stage(seed):
        earlier = build_pad(NET, seed=seed)
        return EmotionStage(
            pad.emotion, earlier.identity, earlier.content, ContrastConfig(), DecorrelationConfig()
        )

    batches = windows(recordings, "expression", pair_by="style")
    train(stage(0), batches, tmp_path, LOOP, cpu=True, until_step=1)
    with pytest.raises(InputError, match="earlier_stages is"):
        train(stage(1), batches, tmp_path, LOOP, cpu=True)


def emotion_stage(pad, **options):
    return EmotionStage(
        pad.emotion,
        pad.identity,
        pad.content,
        ContrastConfig(),
        DecorrelationConfig(weight=1.0, **options),
    )


def test_the_bank_remembers_the_latest_rows_in_training_only(recordings, pad):
    batches = windows(recordings, "expression", pair_by="style")
    stage = emotion_stage(pad, bank=6).train()
    stage(batches(0, ALL))
    first = stage.styles[:4].clone()
    assert int(stage.num_remembered) == 4
    stage(batches(1, ALL))
    assert int(stage.num_remembered) == 6, "full"
    assert torch.equal(stage.styles[4:], first[:2]), "the oldest rows are forgotten"
    stage.eval()(batches(2, ALL))
    assert torch.equal(stage.styles[4:], first[:2])


def test_decorrelation_sends_gradients_into_this_batch_alone(recordings, pad):
    batches = windows(recordings, "expression", pair_by="style")
    stage = emotion_stage(pad, bank=16).train()
    stage(batches(0, ALL))
    terms = stage(batches(1, ALL))
    assert 0 <= terms["decorrelation"] <= 1
    terms["decorrelation"].backward()
    assert pad.emotion.embed[0].weight.grad.abs().sum() > 0
    assert not stage.styles.requires_grad
    assert all(weight.grad is None for weight in pad.content.parameters())


def test_a_resumed_bank_is_the_same_bank(tmp_path, recordings, pad):
    batches = windows(recordings, "expression", pair_by="style")

    def run(folder, **options):
        stage = EmotionStage(
            build_pad(NET, seed=0).emotion,
            pad.identity,
            pad.content,
            ContrastConfig(),
            DecorrelationConfig(weight=1.0, bank=6),
        )
        train(stage, batches, folder, LOOP, cpu=True, **options)
        return stage

    whole = run(tmp_path / "whole")
    run(tmp_path / "halves", until_step=2)
    halves = run(tmp_path / "halves")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, halves.state_dict()[name]), name


def head_motion_stage(recordings, pad):
    config = PoseVAEConfig(
        latent_dim=4,
        audio_dim=NET.width,
        num_styles=2,
        encoder_hidden=8,
        decoder_hidden=8,
        unet_channels=(4, 4),
    )
    torch.manual_seed(0)
    spread = spread_of_changes([one.pose for one in recordings], config.window)
    return HeadMotionStage(PoseVAE(config), pad.content, HeadMotionLossConfig(), spread=spread)


def test_head_motion_starts_at_the_size_of_the_corpus(recordings, pad):
    stage = head_motion_stage(recordings, pad).eval()
    error = stage(windows(recordings, "pose", "style", frames=33)(0, ALL))["error"]
    assert error < 5, "in units of the corpus' own variance"


def test_head_motion_uses_its_own_log_variance(recordings, pad):
    """SadTalker's release took it from the mean's head; ours has gradients in both."""
    stage = head_motion_stage(recordings, pad).train()
    stage(windows(recordings, "pose", "style", frames=33)(0, ALL))["loss"].backward()
    heads = (stage.learned.encoder.mean, stage.learned.encoder.log_variance)
    assert all(head.weight.grad.abs().sum() > 0 for head in heads)


def test_the_spread_is_that_of_changes_over_a_window_with_a_floor():
    pose = torch.zeros(5, 6)
    pose[:, 0] = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    spread = spread_of_changes([pose], 2)
    assert spread.tolist() == pytest.approx([2.0, *[0.2] * 5])
    with pytest.raises(InputError, match="more than 9 frames of pose"):
        spread_of_changes([pose], 9)


@pytest.fixture
def fresh_accelerate():
    """Accelerate keeps one precision a process; other tests run in full precision."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.usefixtures("fresh_accelerate")
def test_mixed_precision_leaves_geometry_and_text_in_float32(
    tmp_path, recordings, pad, basis, reader
):
    """bfloat16 places a vertex within half a pixel: the camera would draw noise, or refuse."""
    seen = []
    stage = content_stage(pad, basis, reader, num_read=1)
    stage.camera.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    stage.learned.encoder.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    batches = windows(recordings, "expression", "phonemes")
    loop = dataclasses.replace(LOOP, mixed_precision="bf16", num_steps=1)
    train(stage, batches, tmp_path, loop, cpu=True)
    assert set(seen) == {torch.float32, torch.bfloat16}
    assert seen[-1] == torch.float32, "the camera comes last"
    weights = stage.learned.parameters()
    assert all(torch.isfinite(weight).all() and weight.dtype == torch.float32 for weight in weights)
