"""PoseVAE and chunked head motion at tiny size; parity with the release is in tests/interop."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.checkpoint import (
    config_from_json,
    config_to_json,
    load_checkpoint,
    save_checkpoint,
)
from imagineid_core.errors import InputError
from imagineid_core.motion.head_pose import PoseVAE, PoseVAEConfig, count_chunks, head_motion

TINY = PoseVAEConfig(
    window=8,
    latent_dim=3,
    audio_dim=5,
    audio_features=2,
    num_styles=4,
    encoder_hidden=7,
    decoder_hidden=9,
    unet_channels=(2, 3, 4),
)


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return PoseVAE(TINY).eval()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_released_size_has_the_released_number_of_parameters():
    """11,251,897 in the file, less 2,812,672 audio encoder and 2,109,953 discriminator."""
    vae = PoseVAE(PoseVAEConfig())
    assert sum(p.numel() for p in vae.parameters()) == 6_329_272


@pytest.mark.parametrize(
    ("num_frames", "chunks"), [(0, 0), (1, 0), (2, 1), (9, 1), (10, 2), (17, 2), (18, 3)]
)
def test_frame_0_needs_no_chunk(vae, num_frames, chunks):
    assert count_chunks(num_frames, TINY.window) == chunks
    pose = head_motion(vae, torch.randn(num_frames, 5), style=0, generator=seeded())
    assert pose.shape == (num_frames, 6)


def test_the_motion_begins_at_the_start_pose(vae):
    start = torch.tensor([0.1, -0.2, 0.3, 1.0, 2.0, 3.0])
    pose = head_motion(vae, torch.randn(20, 5), style=1, start=start, generator=seeded())
    torch.testing.assert_close(pose[0], start, rtol=0, atol=0)
    assert (pose[1:] - start).abs().max() > 0


def test_whole_chunks_and_the_remainder_follow_the_rule_written_out(vae):
    audio, latents, start = torch.randn(22, 5), torch.randn(3, 3), torch.randn(6)
    pose = head_motion(vae, audio, style=2, start=start, latents=latents)
    style = torch.tensor([2])

    def decode(chunk, i):
        with torch.no_grad():
            return start + vae.decode(latents[i : i + 1], start[None], chunk[None], style)[0]

    expected = torch.cat(
        [
            start[None],
            decode(audio[1:9], 0),
            decode(audio[9:17], 1),
            decode(audio[14:22], 2)[-5:],  # the last whole window; its last five frames are new
        ]
    )
    torch.testing.assert_close(pose, expected, rtol=0, atol=0)


def test_audio_shorter_than_a_window_is_preceded_by_its_first_feature(vae):
    audio, latents = torch.randn(4, 5), torch.randn(1, 3)
    pose = head_motion(vae, audio, style=0, latents=latents)
    padded = torch.cat([audio[1:2].repeat(5, 1), audio[1:]])
    with torch.no_grad():
        change = vae.decode(latents, torch.zeros(1, 6), padded[None], torch.tensor([0]))
    torch.testing.assert_close(pose[1:], change[0, -3:], rtol=0, atol=0)


@settings(max_examples=50, deadline=None)
@given(num_frames=st.integers(2, 60), extra=st.integers(0, 30))
def test_longer_audio_does_not_change_the_chunks_before(vae, num_frames, extra):
    audio = torch.randn(num_frames + extra, 5, generator=seeded(7))
    latents = torch.randn(count_chunks(len(audio), 8), 3, generator=seeded(8))
    shorter = head_motion(
        vae, audio[:num_frames], style=0, latents=latents[: count_chunks(num_frames, 8)]
    )
    longer = head_motion(vae, audio, style=0, latents=latents)
    whole = 1 + (num_frames - 1) // 8 * 8
    torch.testing.assert_close(longer[:whole], shorter[:whole], rtol=0, atol=0)


def test_seed_style_and_audio_each_change_the_motion(vae):
    audio = torch.randn(20, 5)
    base = head_motion(vae, audio, style=0, generator=seeded(1))
    torch.testing.assert_close(
        base, head_motion(vae, audio, style=0, generator=seeded(1)), rtol=0, atol=0
    )
    for other in (
        head_motion(vae, audio, style=0, generator=seeded(2)),
        head_motion(vae, audio, style=3, generator=seeded(1)),
        head_motion(vae, audio + 1, style=0, generator=seeded(1)),
    ):
        assert not torch.equal(base, other)


def test_a_batch_of_two_equals_two_batches_of_one(vae):
    change, start, audio = torch.randn(2, 8, 6), torch.randn(2, 6), torch.randn(2, 8, 5)
    style = torch.tensor([0, 3])
    both = vae.encode(change, start, audio, style)
    for i in range(2):
        row = slice(i, i + 1)
        single = vae.encode(change[row], start[row], audio[row], style[row])
        # Matrix products of another size may sum in another order: float32 rounding.
        torch.testing.assert_close(both[0][row], single[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(both[1][row], single[1], rtol=1e-5, atol=1e-6)


def test_training_draws_around_the_mean_by_the_log_variance(vae):
    change, start, audio = torch.randn(2, 8, 6), torch.randn(2, 6), torch.randn(2, 8, 5)
    style = torch.tensor([1, 2])
    rebuilt, mean, log_variance = vae(change, start, audio, style, seeded(5))
    noise = torch.randn(2, 3, generator=seeded(5))
    by_hand = vae.decode(mean + (log_variance / 2).exp() * noise, start, audio, style)
    torch.testing.assert_close(rebuilt, by_hand, rtol=0, atol=0)
    assert not torch.equal(mean, log_variance)


def test_the_slip_of_the_release_leaves_the_second_head_without_gradient():
    for slip in (False, True):
        config = PoseVAEConfig(**{**TINY.__dict__, "log_variance_from_mean_head": slip})
        vae = PoseVAE(config).train()
        arguments = torch.randn(3, 8, 6), torch.randn(3, 6), torch.randn(3, 8, 5)
        rebuilt, mean, log_variance = vae(*arguments, torch.tensor([0, 1, 2]), seeded())
        (rebuilt.sum() + mean.sum() + log_variance.square().sum()).backward()
        idle = {name for name, p in vae.named_parameters() if p.grad is None}
        head = {"encoder.log_variance.weight", "encoder.log_variance.bias"}
        assert idle == (head if slip else set())
        assert head <= set(vae.state_dict())


def test_a_vae_can_learn_a_nod():
    """Not a measure of quality: shows that both halves are connected the right way round."""
    torch.manual_seed(0)
    vae = PoseVAE(TINY).train()
    optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
    time = torch.linspace(0, 6.28, 8)
    change = torch.zeros(4, 8, 6)
    change[:, :, 0] = 0.3 * torch.sin(time) * torch.tensor([1.0, -1.0, 0.5, -0.5])[:, None]
    start, audio, style = torch.zeros(4, 6), torch.randn(4, 8, 5), torch.arange(4)
    losses = []
    for _ in range(120):
        rebuilt, mean, log_variance = vae(change, start, audio, style, seeded())
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
        loss = (rebuilt - change).square().mean() + 1e-4 * divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 10


def test_a_saved_vae_comes_back_the_same(vae, tmp_path):
    path = tmp_path / "pose.safetensors"
    save_checkpoint(path, vae, architecture="head_pose", config=TINY)
    loaded = load_checkpoint(path, PoseVAE, architecture="head_pose", config_class=PoseVAEConfig)
    torch.testing.assert_close(loaded.state_dict(), vae.state_dict(), rtol=0, atol=0)
    assert config_from_json(config_to_json(TINY), PoseVAEConfig) == TINY


def test_bad_inputs_are_named(vae):
    good = {"audio": torch.zeros(12, 5), "style": 0, "generator": seeded()}
    for change, message in (
        ({"audio": torch.zeros(12, 4)}, "audio features have 4 values but this PoseVAE needs 5"),
        ({"style": 4}, r"style is 4 but this PoseVAE has 4\. Choose 0 to 3"),
        ({"style": -1}, "style is -1"),
        ({"start": torch.zeros(3)}, "start has 3 values but a pose has 6"),
        ({"generator": None}, "neither of generator and latents given"),
        ({"latents": torch.zeros(2, 3)}, "both of generator and latents given"),
        (
            {"generator": None, "latents": torch.zeros(1, 3)},
            r"latents are \(1, 3\) but 12 frames in chunks of 8 need \(2, 3\)",
        ),
    ):
        with pytest.raises(InputError, match=message):
            head_motion(vae, **{**good, **change})
    with pytest.raises(InputError, match="vae is in training mode"):
        head_motion(PoseVAE(TINY).train(), **good)
    with pytest.raises(InputError, match=r"window is 30 frames .* Use a multiple of 8"):
        PoseVAEConfig(window=30)
