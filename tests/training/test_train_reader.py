"""The face reader: its batches and measures alone, and the smoke preset from corpus to file."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from imagineid_core.assets import READ, check_suite, read_manifest
from imagineid_core.checkpoint import read_tensors
from imagineid_core.cli import build_parser, main
from imagineid_core.cli.train_on_people import PRESETS as OFFERED
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus, to_image
from imagineid_core.errors import InputError
from imagineid_core.face.reader import FaceReader, FaceReaderConfig, FaceReading, load_face_reader
from imagineid_core.training.faceless import LEARNED, NEVER_LEARNED, moved
from imagineid_core.training.processes import ALL, Share
from imagineid_core.training.reader_batches import ReaderBatchConfig, ReaderBatches
from imagineid_core.training.reader_measures import figures
from imagineid_core.training.reader_presets import PRESETS, mini, smoke
from imagineid_core.training.reader_stage import ReaderStage, measures
from imagineid_core.training.run_log import curves
from imagineid_core.training.train_reader import train_reader

pytest.importorskip("accelerate", reason="the loop runs on accelerate, of the `train` extra")
pytest.importorskip("tensorboard", reason="the loop logs to TensorBoard, of the `train` extra")

AS_TRAINED = ReaderBatchConfig(batch_size=8)
AS_DRAWN = ReaderBatchConfig(
    batch_size=8, faceless=0.0, generated=0.0, elsewhere=0.0, moved=0.0, disturbed=0.0
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    build_people_corpus(folder, num_people=12, num_frames=2, size=32)
    return open_people_corpus(folder)


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    command = "imagineid train reader --preset smoke --seed 3"
    return folder, train_reader(corpus, folder, smoke(), seed=3, command=command, cpu=True)


def batches(corpus, config=AS_TRAINED, **how) -> ReaderBatches:
    return ReaderBatches(corpus, corpus.names("train"), config, **how)


def spot(size, column, row):
    """A dark picture with one bright pixel."""
    image = torch.zeros(3, size, size)
    image[:, row, column] = 1
    return image


def test_a_batch_is_the_same_whoever_draws_it_and_when(corpus):
    again = batches(corpus)
    again(5, ALL)
    whole, half = batches(corpus)(2, ALL), again(2, Share(process=1, num_processes=2))
    assert torch.equal(whole.images[4:], half.images)
    assert torch.equal(whole.landmarks[4:], half.landmarks)
    assert not torch.equal(whole.images, batches(corpus, seed=1)(2, ALL).images)


def test_in_order_portraits_and_landmarks_come_as_they_are(corpus):
    names = corpus.names("train")
    in_order = batches(corpus, AS_DRAWN, in_order=True)
    shown = [in_order(index, ALL) for index in range(in_order.num_in_order)]
    images = torch.cat([one.images for one in shown])
    landmarks = torch.cat([one.landmarks for one in shown])
    assert all(one.has_face.all() for one in shown)
    for number in range(2 * len(names)):
        stored = corpus.load(names[number % len(names)])
        frame = number // len(names)
        torch.testing.assert_close(images[number], to_image(stored.portrait[frame]))
        torch.testing.assert_close(landmarks[number], stored.landmarks[frame].float())


def test_landmarks_move_with_the_picture():
    """A bright pixel is where its landmark went, to half a pixel, whatever the turn."""
    points = torch.tensor([[20.5, 12.5], [30.5, 40.5]])
    for angle, scale in ((0.0, 1.0), (0.4, 1.3), (-2.5, 1.1)):
        seen, placed = moved(spot(64, 20, 12), points, scale, angle, torch.tensor([30.0, 34.0]))
        weight = seen[0] / seen[0].sum()
        middle = torch.arange(64) + 0.5
        found = torch.stack([(weight.sum(0) * middle).sum(), (weight.sum(1) * middle).sum()])
        torch.testing.assert_close(found, placed[0], atol=0.3, rtol=0)
        torch.testing.assert_close(placed.mean(dim=0), torch.tensor([30.0, 34.0]))


def test_wherever_a_head_is_moved_all_landmarks_stay_inside_and_under_the_face(corpus):
    """Mirrored or not, the eyes stay above the mouth and the right one right of the left one."""
    config = dataclasses.replace(AS_DRAWN, batch_size=64, moved=1.0)
    batch = batches(corpus, config)(0, ALL)
    assert batch.landmarks.min() > 0
    assert batch.landmarks.max() < 32
    left, right = batch.landmarks[:, 36:42].mean(1), batch.landmarks[:, 42:48].mean(1)
    mouth = batch.landmarks[:, 48:].mean(1)
    assert (left[:, 0] < right[:, 0]).all()
    assert (mouth[:, 1] > (left + right)[:, 1] / 2).all()
    sizes = (left - right).norm(dim=1)
    assert sizes.max() > 1.4 * sizes.min()


def test_a_share_of_the_pictures_shows_no_face(corpus):
    config = dataclasses.replace(AS_TRAINED, batch_size=100, faceless=0.3)
    has_face = batches(corpus, config)(0, ALL).has_face
    assert 15 < (has_face == 0).sum() < 45


@pytest.mark.parametrize("kind", [*LEARNED, *NEVER_LEARNED])
def test_pictures_without_a_face_are_no_portraits_any_more(kind, corpus):
    config = dataclasses.replace(AS_DRAWN, faceless=1.0)
    make = {**LEARNED, **NEVER_LEARNED}[kind]
    shown = batches(corpus, config, faceless={kind: make}, in_order=True)(0, ALL)
    portraits = batches(corpus, AS_DRAWN, in_order=True)(0, ALL)
    assert not shown.has_face.any()
    assert (shown.images - portraits.images).abs().mean((1, 2, 3)).min() > 0.02


def test_scrambled_tiles_are_all_of_the_picture_and_none_stays():
    image = torch.arange(3 * 24 * 24).view(3, 24, 24).float()
    random = np.random.default_rng(0)
    for kind in ("scrambled",):
        seen = LEARNED[kind](image, torch.zeros(68, 2), image, random)
        assert torch.equal(seen.flatten().sort().values, image.flatten())
        assert (seen != image).all()


def test_portraits_of_the_autoencoder_are_shown_where_asked(corpus):
    names = corpus.names("train")
    grey = {names[0]: torch.full((2, 3, 32, 32), 100, dtype=torch.uint8)}
    config = dataclasses.replace(AS_DRAWN, batch_size=40, generated=0.5)
    images = batches(corpus, config, generated=grey)(0, ALL).images
    flat = images.flatten(1).std(dim=1) < 1e-4
    assert 8 < flat.sum() < 32


@pytest.mark.parametrize(
    ("change", "told"),
    [({"batch_size": 0}, "batch_size is 0 but must be"), ({"moved": 1.5}, "moved is 1.5")],
)
def test_configs_that_draw_nothing_are_refused(change, told):
    with pytest.raises(InputError, match=told):
        ReaderBatchConfig(**change)


def test_without_people_there_is_nothing_to_learn(corpus):
    with pytest.raises(InputError, match="there are no people to learn faces from"):
        ReaderBatches(corpus, (), ReaderBatchConfig())


class Shifted(FaceReader):
    """Reads the truth, off by a fixed step."""

    def __init__(self, truth, step):
        super().__init__(FaceReaderConfig(channels=(8, 16, 24), size=32))
        self.truth, self.step = truth, torch.tensor(step)

    def forward(self, images):
        first = self.truth[: len(images)]
        self.truth = self.truth[len(images) :]
        maps = torch.zeros(len(images), 68, 8, 8)
        face = torch.ones(len(images))
        return FaceReading(landmarks=first + self.step, face=face, maps=maps)


def test_the_figures_are_those_of_their_names(corpus):
    shown = batches(corpus, AS_DRAWN, in_order=True)
    all_of = [shown(index, ALL) for index in range(shown.num_in_order)]
    truth = torch.cat([one.landmarks for one in all_of])
    found = figures(Shifted(truth, [3.0, 4.0]), shown)
    assert found["pixels"] == pytest.approx(5, abs=1e-3)
    assert found["mouth_pixels"] == pytest.approx(5, abs=1e-3)
    assert found["mouth_r"] == pytest.approx(1, abs=1e-3)
    assert found["found"] == 1
    batch = dataclasses.replace(all_of[0], has_face=torch.tensor([1.0] * 6 + [0.0] * 2))
    told = measures(batch.landmarks, torch.tensor([1.0, -1] * 4), batch)
    assert (told["missed"], told["passed"], told["pixels"]) == (0.5, 0.5, 0)


def test_it_learns_where_landmarks_are(trained):
    folder, _ = trained
    told = {
        name: [v for _, v in of["validation"]]
        for name, of in curves(folder / "face_reader").items()
        if "validation" in of
    }
    assert told["pixels"][-1] < 0.75 * told["pixels"][0]
    assert told["loss"][-1] < 0.8 * told["loss"][0]


def test_the_file_is_measured_as_written_and_tells_how_it_was_made(trained, corpus):
    _, result = trained
    metadata, weights = read_tensors(result.path)
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    told = json.loads(metadata["provenance"])
    assert told["command"] == "imagineid train reader --preset smoke --seed 3"
    assert (told["preset"], told["seed"], told["steps"]) == ("smoke", 3, 80)
    assert told["corpus"] == corpus.corpus_hash
    assert told["test"] == result.metrics
    assert set(result.metrics["refused"]) == {*LEARNED, *NEVER_LEARNED}
    shown = ReaderBatches(corpus, corpus.names("test"), AS_DRAWN, in_order=True)
    again = figures(load_face_reader(result.path), shown)
    assert result.metrics["as_drawn"]["pixels"] == pytest.approx(again["pixels"], abs=1e-4)


def test_the_same_command_goes_on(trained, corpus, capsys):
    folder, result = trained
    before = read_tensors(result.path)
    result.path.unlink()
    arguments = ["train", "reader", "--preset", "smoke", "--seed", "3", "--cpu"]
    assert main([*arguments, "--corpus", str(corpus.folder), "--out", str(folder)]) == 0
    metadata, weights = read_tensors(result.path)
    assert metadata == before[0]
    assert all(torch.equal(weights[name], value) for name, value in before[1].items())
    assert str(result.path) in capsys.readouterr().out


def test_a_preset_that_wants_an_autoencoder_says_so(corpus, tmp_path):
    preset = dataclasses.replace(smoke(), generated_people=1)
    with pytest.raises(InputError, match="there is none. Give a model"):
        train_reader(corpus, tmp_path, preset, cpu=True)


def test_a_corpus_of_another_size_is_refused(corpus, tmp_path):
    with pytest.raises(InputError, match="pictures of 32 pixels but the preset 'mini' learns 128"):
        train_reader(corpus, tmp_path, mini(), cpu=True)


def test_a_stage_without_any_face_has_a_loss(corpus):
    batch = batches(corpus, dataclasses.replace(AS_TRAINED, faceless=1.0))(0, ALL)
    terms = ReaderStage(FaceReader(smoke().net))(batch)
    assert terms["places"] == 0
    assert terms["loss"].isfinite()


def test_the_presets_offered_are_those_there_are():
    assert set(OFFERED) == set(PRESETS)
    assert {name: make().name for name, make in PRESETS.items()} == {n: n for n in PRESETS}
    assert build_parser().parse_args(["train", "reader"]).preset == mini().name


def test_it_is_packed_as_a_suite_of_its_own(trained, tmp_path, capsys):
    folder, result = trained
    arguments = ["assets", "pack", str(folder), "--suite", "read", "--assets", str(tmp_path)]
    assert main(arguments) == 0
    packed = check_suite(READ, tmp_path) / result.path.name
    assert packed.read_bytes() == result.path.read_bytes()
    (told,) = read_manifest(tmp_path).suites[READ].files.values()
    assert told.training["test"] == result.metrics
    assert told.training["command"] == "imagineid train reader --preset smoke --seed 3"
    assert main([*arguments, "--prompt", "a face"]) == 2
    assert "--prompt is given, but the suite 'read' has none" in capsys.readouterr().err
    assert main(["assets", "pack", str(folder), str(tmp_path), *arguments[3:]]) == 2
    assert "a face reader is one file" in capsys.readouterr().err
