"""SyncNet and what is read off its distances: the public network's outputs, and known offsets."""

import numpy as np
import pytest
import torch

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.evaluation.video.clip_report import ClipFiles, Comparison, report_clip
from imagineid_core.evaluation.video.extractors import Extractors
from imagineid_core.evaluation.video.lip_sync import (
    boxes_of,
    crop_faces,
    embed,
    lip_sync,
    normalised_confidence,
    shifted_distances,
    steady,
    whole_faces,
)
from imagineid_core.evaluation.video.mfcc import mfcc
from imagineid_core.evaluation.video.syncnet import load_syncnet
from tests.evaluation.video.films import frames, landmarks, save_landmarks, write_film
from tests.parity import SEED, assert_parity, formula_weights, stored, weights


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """As users have it: a plain state dict in a file named like the public one."""
    path = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(weights("syncnet"), path)
    return load_syncnet(path)


def samples():
    wave = formula_weights.waveform("clip:wav", 30 * 640 + 80, SEED)
    return np.round(20000 * wave).astype(np.int16)


def test_the_public_network_gives_the_reference_s_embeddings_distances_and_scores(network):
    frames = torch.from_numpy(formula_weights.lip_clip(30, SEED))
    rgb = frames.flip(-1).permute(0, 3, 1, 2).contiguous()
    lips, voice = embed(network, rgb, samples())
    distances = shifted_distances(lips, voice)
    found = lip_sync(distances)
    got = {
        "mfcc": mfcc(samples()).astype(np.float32),
        "lip": lips,
        "lip_first2": lips[:2],
        "audio": voice,
        "audio_first2": voice[:2],
        "dists": distances,
        "mean_dists": distances.mean(dim=0),
        "lse_d": np.array([found.lse_d]),
        "lse_c": np.array([found.lse_c]),
        "offset": np.array([found.offset]),
    }
    tolerances = {
        "mfcc": 5e-4,
        "lip": 5e-4,
        "lip_first2": 5e-4,
        "audio": 2e-4,
        "audio_first2": 2e-4,
        "dists": 3e-3,
        "mean_dists": 3e-3,
        "lse_d": 2e-3,
        "lse_c": 3e-4,
        "offset": 0,
    }
    assert_parity("syncnet", got, tolerances)


def given_features():
    lips = formula_weights.noise("lse:v", (40, 1024), SEED)
    noise = formula_weights.noise("lse:n", (40, 1024), SEED, 0.3)
    return torch.from_numpy(lips), torch.from_numpy(noise)


def test_distances_of_given_features_are_the_reference_s():
    lips, noise = given_features()
    distances = shifted_distances(lips, lips.roll(3, 0) + noise)
    found = lip_sync(distances)
    got = {
        "mean_dists": distances.mean(dim=0),
        "lse_d": np.array([found.lse_d]),
        "lse_c": np.array([found.lse_c]),
        "offset": np.array([found.offset]),
    }
    assert_parity("lse", got, {"mean_dists": 5e-4, "lse_d": 1e-4, "lse_c": 3e-4, "offset": 0})
    assert stored("lse")["offset"] == -3  # rolled: the sound comes three windows late


@pytest.mark.parametrize("late", [-7, -1, 0, 2, 11])
def test_a_shift_by_k_windows_is_found(late):
    lips, noise = given_features()
    assert lip_sync(shifted_distances(lips, lips.roll(late, 0) + noise)).offset == -late


def test_confidence_falls_and_distance_grows_with_noise():
    lips, noise = given_features()
    found = [
        lip_sync(shifted_distances(lips, lips + amount * noise)) for amount in (0.0, 1.0, 2.0, 3.0)
    ]
    assert found[0].lse_d == pytest.approx(0.0, abs=1e-4)
    confidences, distances = zip(*((one.lse_c, one.lse_d) for one in found), strict=True)
    assert list(confidences) == sorted(confidences, reverse=True)
    assert list(distances) == sorted(distances)


def test_sync_of_a_clip_is_measured_on_its_face_or_on_whole_frames(network, tmp_path):
    film = write_film(tmp_path / "film", frames(8))
    points = save_landmarks(tmp_path / "points.npz", landmarks(8))
    files = ClipFiles(video=str(film), landmarks=str(points))
    extractors = Extractors(syncnet=network, names={"syncnet": "syncnet_v2.model"})
    names = ("lse_c", "lse_d", "sync_offset", "nlse_c")
    found = {}
    for crop in ("face", "frame"):
        asked = Comparison(sync_crop=crop, training_lse_c=7.35)
        content = report_clip(files, extractors, asked, only=names).content
        assert set(content["metrics"]) == set(names)
        assert content["sync_crop"] == crop
        assert content["video"]["read_by"]["syncnet"] == "syncnet_v2.model"
        found[crop] = {name: one["value"] for name, one in content["metrics"].items()}
    assert found["face"]["lse_d"] != found["frame"]["lse_d"]
    assert found["face"]["nlse_c"] == pytest.approx(found["face"]["lse_c"] / 7.35 - 1)


def test_sync_of_another_rate_or_without_sound_is_skipped_with_its_reason(network, tmp_path):
    extractors = Extractors(syncnet=network)
    fast = write_film(tmp_path / "fast.mp4", frames(10), fps=30)
    mute = write_film(tmp_path / "mute", frames(8), with_sound=False)
    for film, told in ((fast, "25 frames a second but fast.mp4 has 30"), (mute, "a sound track")):
        content = report_clip(ClipFiles(video=str(film)), extractors, only=("lse_c",)).content
        assert told in content["skipped"]["lse_c"]


def test_normalised_confidence_is_the_relative_difference():
    """PD-FGC's Table 1: 8.21 against 7.35 is printed as 0.117, 2.03 as 0.724 in magnitude."""
    assert normalised_confidence(8.21, 7.35) == pytest.approx(0.117, abs=5e-4)
    assert normalised_confidence(2.03, 7.35) == pytest.approx(-0.724, abs=5e-4)
    with pytest.raises(InputError, match="training data is 0 but NLSE-C divides"):
        normalised_confidence(1.0, 0.0)


def test_a_clip_too_short_for_a_window_is_refused(network):
    with pytest.raises(InputError, match="5 frames with 0.20 s of sound hold no window"):
        embed(network, torch.zeros(5, 3, 224, 224, dtype=torch.uint8), np.zeros(3200, np.int16))


def test_a_file_of_another_network_is_refused(tmp_path):
    state = weights("syncnet")
    del state["netfcaud.3.weight"]
    torch.save(state, tmp_path / "other.model")
    with pytest.raises(WeightsError, match="other.model does not fit SyncNet: missing netfcaud.3"):
        load_syncnet(tmp_path / "other.model")


def test_mfcc_of_silence_and_of_less_than_a_window():
    assert np.isfinite(mfcc(np.zeros(3200, np.int16))).all()
    assert mfcc(np.zeros(100, np.int16)).shape == (1, 13)


def test_a_face_is_cut_out_with_its_chin_low():
    """A box of half size 20 round (60, 50): rows 30 to 86, columns 32 to 88, 110 outside."""
    frames = torch.zeros(3, 3, 80, 120, dtype=torch.uint8)
    frames[:, :, 50, 60] = 255  # the middle of the box
    boxes = np.tile(np.array([40.0, 30.0, 80.0, 70.0]), (3, 1))
    crops = crop_faces(frames, steady(boxes))
    assert crops.shape == (3, 3, 224, 224)
    assert (crops[:, :, -10:] == 110).all()  # rows 80 to 86 lie below the frame
    rows, columns = (crops[0, 0] > 100).logical_and(crops[0, 0] != 110).nonzero().T
    assert rows.float().mean() / 224 == pytest.approx((50.5 - 30) / 56, abs=0.02)
    assert columns.float().mean() / 224 == pytest.approx((60.5 - 32) / 56, abs=0.02)


def test_a_box_that_jumps_for_a_moment_does_not_move_the_crop():
    boxes = np.tile(np.array([40.0, 30.0, 80.0, 70.0]), (30, 1))
    jumping = boxes.copy()
    jumping[10:14] += 50
    assert np.array_equal(steady(jumping), steady(boxes))
    assert steady(boxes)[0].tolist() == [20.0, 60.0, 50.0]


def test_whole_frames_only_change_their_size():
    frames = torch.randint(0, 255, (2, 3, 224, 224), dtype=torch.uint8)
    assert whole_faces(frames) is frames
    assert whole_faces(frames[..., ::2, ::2]).shape == frames.shape


def test_boxes_of_frames_without_a_face_are_the_nearest_ones():
    landmarks = np.full((4, 68, 2), np.nan)
    landmarks[1] = np.random.default_rng(0).uniform(10, 50, (68, 2))
    landmarks[3] = landmarks[1] + 100
    boxes = boxes_of(landmarks)
    assert np.array_equal(boxes[0], boxes[1])
    assert np.isfinite(boxes).all()
    assert boxes[1, 1] < landmarks[1, :, 1].min()  # the forehead above the brows
    with pytest.raises(InputError, match="no face was found in 4 frames"):
        boxes_of(np.full((4, 68, 2), np.nan))
