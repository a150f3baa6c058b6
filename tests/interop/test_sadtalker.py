"""SadTalker's two audio networks against golden outputs of the reference, through its own files."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.interop.sadtalker import (
    audio2pose_from,
    is_sadtalker_container,
    listen_sadtalker,
    load_audio2pose,
    load_expnet,
    load_sadtalker,
)
from imagineid_core.motion.head_pose import head_motion
from imagineid_core.motion.smooth import savitzky_golay
from tests.parity import SEED, assert_parity, formula_weights, weights

# All limits are those of tests/golden/README: 20 times the reference's own float32 rounding.


def released(case: str) -> dict[str, torch.Tensor]:
    """Formula weights with batch counters as scalars, as the release stores them."""
    return {
        key: value.reshape(()) if key.endswith("num_batches_tracked") else value
        for key, value in weights(case).items()
    }


@pytest.fixture(scope="module")
def container(tmp_path_factory) -> Path:
    """The release's layout: both parts whole, the other three by one tensor each."""
    tensors = {f"audio2exp.{key}": value for key, value in released("expnet").items()}
    tensors |= {f"audio2pose.{key}": value for key, value in released("audio2pose_long").items()}
    for other in ("face_3drecon.fc", "generator.first", "kp_extractor.kp"):
        tensors[other] = torch.ones(1)
    path = tmp_path_factory.mktemp("Gewichte für SadTalker") / "SadTalker.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture(scope="module")
def listener(container):
    return load_sadtalker(container)


def test_expnet_gives_the_expression_of_the_reference(listener):
    mel = formula_weights.uniform("expnet:mel", (7, 1, 80, 16), SEED, -4, 4)
    reference = formula_weights.noise("expnet:ref", (1, 7, 64), SEED, 0.5)
    ratio = formula_weights.uniform("expnet:ratio", (1, 7, 1), SEED)
    with torch.no_grad():
        expression = listener.expnet(
            torch.from_numpy(mel)[:, 0],
            torch.from_numpy(reference)[0],
            torch.from_numpy(ratio)[0, :, 0],
        )
    assert_parity("expnet", {"exp": expression[None]}, {"exp": 5e-5})


def test_the_decoder_gives_the_motion_of_the_reference(listener):
    with torch.no_grad():
        change = listener.audio_to_pose.vae.decode(
            torch.from_numpy(formula_weights.noise("pv:z", (2, 64), SEED)),
            torch.from_numpy(formula_weights.noise("pv:ref", (2, 6), SEED, 0.5)),
            torch.from_numpy(formula_weights.noise("pv:emb", (2, 32, 512), SEED)),
            torch.tensor([3, 45]),
        )
    assert_parity("posevae_decoder", {"pose_motion": change}, {"pose_motion": 1e-5})


def test_the_encoder_gives_the_mean_of_the_reference_and_its_slip_for_the_log_variance(listener):
    with torch.no_grad():
        mean, log_variance = listener.audio_to_pose.vae.encode(
            torch.from_numpy(formula_weights.noise("pve:gt", (2, 32, 6), SEED)),
            torch.from_numpy(formula_weights.noise("pve:ref", (2, 6), SEED, 0.5)),
            torch.from_numpy(formula_weights.noise("pve:emb", (2, 32, 512), SEED)),
            torch.tensor([3, 45]),
        )
    assert_parity("posevae_encoder", {"mu": mean}, {"mu": 2e-5})
    torch.testing.assert_close(log_variance, mean, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("case", "num_frames", "num_chunks", "limits"),
    [
        ("audio2pose_long", 76, 3, {"pose_pred": 2e-5, "pose_motion": 1e-5}),
        ("audio2pose_short", 20, 1, {"pose_pred": 1e-5, "pose_motion": 1e-5}),
    ],
)
def test_head_motion_in_chunks_is_that_of_the_reference(
    listener, case, num_frames, num_chunks, limits
):
    mels = formula_weights.uniform(f"{case}:mel", (1, num_frames, 1, 80, 16), SEED, -4, 4)
    start = torch.from_numpy(formula_weights.noise(f"{case}:ref", (1, 1, 70), SEED, 0.5))[0, 0, -6:]
    latents = torch.from_numpy(formula_weights.noise(f"{case}:z", (num_chunks, 1, 64), SEED))[:, 0]
    with torch.no_grad():
        audio = listener.audio_to_pose.audio_encoder(torch.from_numpy(mels)[0, :, 0])
    pose = head_motion(listener.audio_to_pose.vae, audio, style=17, start=start, latents=latents)
    assert_parity(case, {"pose_pred": pose[None], "pose_motion": (pose - start)[None]}, limits)


def test_the_unused_head_of_the_release_is_kept(listener):
    """No output of the reference depends on it, so parity cannot tell where it went."""
    head = listener.audio_to_pose.vae.encoder.log_variance
    state = released("audio2pose_long")
    torch.testing.assert_close(head.weight.data, state["netG.encoder.linear_logvar.weight"])
    torch.testing.assert_close(head.bias.data, state["netG.encoder.linear_logvar.bias"])


def test_the_old_pth_files_load_to_the_same_weights(tmp_path, listener):
    exp, pose = tmp_path / "auido2exp_00300-model.pth", tmp_path / "auido2pose_00140-model.pth"
    step = {"state": {0: {"step": 1}}, "param_groups": [{"lr": 1e-4}]}
    torch.save({"model": released("expnet"), "optimizer": step, "epoch": 300}, exp)
    torch.save({"model": released("audio2pose_long"), "optimizer": step, "epoch": 140}, pose)
    old = load_sadtalker(exp, pose)
    for ours, same in (
        (old.expnet, listener.expnet),
        (old.audio_to_pose.vae, listener.audio_to_pose.vae),
        (old.audio_to_pose.audio_encoder, listener.audio_to_pose.audio_encoder),
    ):
        torch.testing.assert_close(ours.state_dict(), same.state_dict(), rtol=0, atol=0)
        assert not ours.training


def test_the_container_is_known_by_its_five_prefixes(container, tmp_path):
    assert is_sadtalker_container(container)
    half = tmp_path / "half.safetensors"
    save_file({"audio2exp.mapping1.bias": torch.zeros(64)}, half)
    text = tmp_path / "text.safetensors"
    text.write_text("not weights")
    for other in (half, text, tmp_path / "nowhere.safetensors", tmp_path):
        assert not is_sadtalker_container(other)


def test_batch_counters_may_be_missing():
    state = {k: v for k, v in released("audio2pose_long").items() if "num_batches" not in k}
    loaded = audio2pose_from(state, source="test")
    assert int(loaded.vae.encoder.unet.entry.norm.num_batches_tracked) == 0  # pyright: ignore


def test_missing_unexpected_and_resized_keys_are_listed_by_their_released_names(tmp_path):
    state = released("expnet")
    del state["audio_encoder.3.conv_block.1.running_var"]
    state["mapping2.weight"] = torch.zeros(3)
    state["mapping1.bias"] = torch.zeros(65)
    path = tmp_path / "other.pth"
    torch.save({"model": state}, path)
    with pytest.raises(WeightsError, match=r"other\.pth does not fit ExpNet") as error:
        load_expnet(path)
    for part in (
        "missing audio_encoder.3.conv_block.1.running_var",
        "unexpected mapping2.weight",
        "wrong size mapping1.bias (65,) instead of (64,)",
    ):
        assert part in str(error.value)


def test_a_pickle_with_code_is_refused(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"model": Path("/")}, path)
    with pytest.raises(WeightsError, match=r"evil\.pth holds more than tensors"):
        load_audio2pose(path)


def test_files_that_are_not_there_cut_off_or_of_another_part_are_named(tmp_path, container):
    with pytest.raises(WeightsError, match=r"weights not found: .*lost\.pth is not there"):
        load_expnet(tmp_path / "lost.pth")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(container.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"cut\.safetensors is not a readable safetensors"):
        load_expnet(cut)
    cut = tmp_path / "cut.pth"
    cut.write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(WeightsError, match=r"cut\.pth is not a readable PyTorch file"):
        load_expnet(cut)
    other = tmp_path / "mapping.safetensors"
    save_file({"mapping.weight": torch.zeros(1)}, other)
    with pytest.raises(WeightsError, match=r"has no keys under 'audio2exp\.'"):
        load_expnet(other)
    torch.save({"generator": {}}, tmp_path / "facevid2vid.pth")
    with pytest.raises(WeightsError, match=r"has no 'model' \(it holds generator\)"):
        load_expnet(tmp_path / "facevid2vid.pth")


def _windows(num_frames: int) -> torch.Tensor:
    return torch.from_numpy(
        formula_weights.uniform("listen:mel", (num_frames, 80, 16), SEED, -4, 4)
    )


def test_listening_gives_a_pose_and_an_expression_a_frame(listener):
    windows = _windows(70)
    expression, motion = listen_sadtalker(listener, windows, seed=3, style=5)
    assert expression.shape == (70, 64)
    assert motion.pose.shape == (70, 6)
    assert motion.fps == 25
    assert float(motion.blink.max()) == 1
    assert not expression.requires_grad


def test_the_seed_decides_and_the_blink_does_not_move_the_head(listener):
    windows = _windows(40)
    expression, motion = listen_sadtalker(listener, windows, seed=3)
    again, same = listen_sadtalker(listener, windows, seed=3)
    torch.testing.assert_close(expression, again, rtol=0, atol=0)
    torch.testing.assert_close(motion.pose, same.pose, rtol=0, atol=0)
    _, open_eyed = listen_sadtalker(listener, windows, seed=3, blink=torch.zeros(40))
    torch.testing.assert_close(motion.pose, open_eyed.pose, rtol=0, atol=0)
    _, other = listen_sadtalker(listener, windows, seed=4)
    assert (motion.pose - other.pose).abs().max() > 1e-3


def test_smoothing_is_savitzky_golay_over_the_raw_poses(listener):
    windows = _windows(40)
    _, raw = listen_sadtalker(listener, windows, seed=1, smooth=False)
    _, smooth = listen_sadtalker(listener, windows, seed=1)
    torch.testing.assert_close(smooth.pose, savitzky_golay(raw.pose), rtol=0, atol=0)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 32, 33, 34])
def test_every_length_can_be_heard(listener, num_frames):
    expression, motion = listen_sadtalker(listener, _windows(num_frames), seed=0)
    assert len(expression) == len(motion.pose) == len(motion.blink) == num_frames
    assert bool(motion.pose.isfinite().all())


def test_a_long_clip_holds_no_more_activations_than_a_short_one(listener):
    """Memory is bounded because no convolution ever sees more windows than one slice has."""
    seen = []
    first = listener.expnet.audio_encoder.blocks[0]
    hook = first.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    listen_sadtalker(listener, _windows(150), seed=0)
    hook.remove()
    assert seen == [64, 64, 22]


def test_bad_inputs_are_named(listener):
    windows = _windows(3)
    cases = [
        ({"windows": windows[:0]}, "windows has 0 frames"),
        ({"windows": windows[:, :79]}, "mel windows are 79 x 16"),
        ({"style": 46}, "style is 46"),
        ({"seed": 2**64}, "seed is 18446744073709551616"),
        ({"blink": torch.zeros(4)}, "blink has 4 values but there are 3"),
        ({"reference_expression": torch.zeros(2, 64)}, r"reference expression is \(2, 64\)"),
        ({"reference_pose": torch.zeros(3)}, "start has 3 values"),
    ]
    for change, message in cases:
        with pytest.raises(InputError, match=message):
            listen_sadtalker(listener, **{"windows": windows, "seed": 0, **change})
