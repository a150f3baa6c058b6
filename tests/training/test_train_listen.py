import dataclasses
import json

import pytest
import torch

from imagineid_core.checkpoint import (
    config_from_json,
    config_to_json,
    load_checkpoint,
    read_tensors,
)
from imagineid_core.errors import InputError
from imagineid_core.face.load import load_face
from imagineid_core.listen.pad import build_pad, load_pad
from imagineid_core.motion.head_pose import PoseVAE, PoseVAEConfig
from imagineid_core.training.identity_stage import ContrastConfig
from imagineid_core.training.presets import PRESETS, mini, paper, smoke
from imagineid_core.training.run_log import curves
from imagineid_core.training.train_listen import STAGES, train_listen
from tests.face.egg import egg_face
from tests.training.tiny_corpus import TinyCorpus

pytest.importorskip("accelerate", reason="the loop runs on accelerate, of the `train` extra")
pytest.importorskip("tensorboard", reason="the loop logs to TensorBoard, of the `train` extra")


def tiny(preset):
    """Smoke with the egg's six shapes and five expressions."""
    return dataclasses.replace(
        preset,
        net=dataclasses.replace(preset.net, shape_dim=6, expression_dim=5),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The preset as it is, on the face that has lips: 40 s on one core."""
    folder = tmp_path_factory.mktemp("listen")
    return folder, run_smoke(folder)


def run_smoke(folder, **options):
    corpus = TinyCorpus(shape=80, expression=64)
    return run(folder, corpus, smoke(), basis=None, **options)


def run(folder, corpus=None, preset=None, **options):
    corpus = TinyCorpus() if corpus is None else corpus
    preset = tiny(smoke()) if preset is None else preset
    options = {"basis": egg_face(), "command": "imagineid train listen", "cpu": True, **options}
    return train_listen(corpus, folder, preset, seed=4, **options)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_every_loss_of_the_smoke_preset_falls_on_people_never_heard(trained, stage):
    folder, _ = trained
    measured = curves(folder / stage)
    # A reader this small cannot be pleased by every mouth, so its part of a loss may rise.
    for name in {"loss", "shape_distance", "contrast", "error"} & set(measured):
        values = [value for _, value in measured[name]["validation"]]
        assert values[-1] < values[0], f"{name} of {stage}: {values}"


@pytest.mark.slow
def test_what_is_written_loads_and_says_how_it_was_made(trained):
    folder, result = trained
    pad = load_pad(folder)
    for name in ("identity", "content", "emotion"):
        for key, value in getattr(result.pad, name).state_dict().items():
            assert torch.equal(getattr(pad, name).state_dict()[key], value), key
    vae = load_checkpoint(
        folder / "head_motion.safetensors",
        PoseVAE,
        architecture="head_motion",
        config_class=PoseVAEConfig,
    )
    assert vae.config.num_styles == 2
    for file in result.files:
        metadata, _ = read_tensors(file)
        told = json.loads(metadata["provenance"])
        assert (told["command"], told["seed"]) == ("imagineid train listen", 4)
        assert (told["preset"], told["face"]) == ("smoke", load_face().name)
        assert told["styles"] == ["calm", "shaking"]
        assert len(told["corpus"]) == 64
        assert told["metrics"]["loss"] > 0


@pytest.mark.slow
def test_a_second_call_reads_what_the_first_one_learned(trained):
    folder, result = trained
    before = {path: path.read_bytes() for path in folder.glob("*/step_*")}
    again = run_smoke(folder)
    assert again.metrics == result.metrics
    assert {path: path.read_bytes() for path in folder.glob("*/step_*")} == before
    for key, value in result.pad.emotion.state_dict().items():
        assert torch.equal(again.pad.emotion.state_dict()[key], value)


@pytest.mark.slow
def test_another_preset_in_the_same_folder_names_the_field(trained):
    folder, _ = trained
    other = dataclasses.replace(smoke(), identity_contrast=ContrastConfig(temperature=0.2))
    told = "preset.identity_contrast.temperature is 0.2 but .* begun with 0.1"
    with pytest.raises(InputError, match=told):
        run(folder, TinyCorpus(shape=80, expression=64), other, basis=None)


def short(preset):
    loops = {
        f"{name}_loop": dataclasses.replace(getattr(preset, f"{name}_loop"), num_steps=1)
        for name in STAGES
    }
    return dataclasses.replace(preset, lip_reader_pool=8, **loops)


def test_a_corpus_without_poses_trains_no_head_motion(tmp_path):
    preset = short(tiny(smoke()))
    as_paper = dataclasses.replace(preset.content_loss, target="expression")
    preset = dataclasses.replace(preset, content_loss=as_paper)
    result = run(tmp_path, corpus=TinyCorpus(without=("motion", "lip_expression")), preset=preset)
    assert result.head_motion is None
    assert [file.name for file in result.files] == [
        "pad_identity.safetensors",
        "pad_content.safetensors",
        "pad_emotion.safetensors",
    ]


def test_a_corpus_that_lacks_the_target_is_told_before_anything_is_trained(tmp_path):
    preset = short(tiny(smoke()))
    with pytest.raises(InputError, match="knows no lip_expression.*preset 'smoke'.*'paper'"):
        run(tmp_path, corpus=TinyCorpus(without=("lip_expression",)), preset=preset)
    assert not list(tmp_path.iterdir())


def test_half_precision_files_load_as_the_same_network(tmp_path):
    preset = dataclasses.replace(short(tiny(smoke())), saves_half_precision=True)
    result = run(tmp_path, preset=preset)
    _, tensors = read_tensors(result.files[0])
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    loaded = load_pad(tmp_path).identity.shape_token
    # Half precision keeps 11 bits.
    torch.testing.assert_close(loaded, result.pad.identity.shape_token, rtol=1e-3, atol=1e-6)


def test_an_expert_takes_the_place_of_our_reader(tmp_path):
    class Grey(torch.nn.Module):
        def forward(self, mouths):
            return mouths.mean(dim=(1, 3, 4))[..., None] * torch.arange(5.0)

    program = torch.export.export(
        Grey(),
        (torch.rand(2, 1, 32, 88, 88),),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    torch.export.save(program, tmp_path / "expert.pt2")
    result = run(tmp_path / "out", preset=short(tiny(smoke())), expert=tmp_path / "expert.pt2")
    assert "lip_reader" not in result.metrics
    assert result.metrics["content"]["lip_reading"] > 0


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("phonemes", "no clip of the corpus knows its phonemes.*Give an expert"),
        ("shape", "no clip of the corpus knows its shape"),
        ("style", "no clip of the corpus knows its style"),
    ],
)
def test_a_truth_that_is_needed_and_unknown_is_named(tmp_path, without, message):
    with pytest.raises(InputError, match=message):
        run(tmp_path, corpus=TinyCorpus(without=(without,)), preset=short(tiny(smoke())))


@pytest.mark.parametrize("name", PRESETS)
def test_every_config_of_a_preset_survives_json(name):
    preset = PRESETS[name]()
    assert preset.name == name
    for field in dataclasses.fields(preset):
        config = getattr(preset, field.name)
        if dataclasses.is_dataclass(config):
            assert config_from_json(config_to_json(config), type(config)) == config, field.name


def test_the_paper_preset_is_the_papers():
    preset = paper()
    assert (preset.net.width, preset.net.num_layers, preset.net.num_heads) == (512, 4, 8)
    assert (preset.batch.frames, preset.batch.num_negatives) == (32, 1)
    assert preset.content_loss.regularisation == 0.01
    assert preset.identity_contrast.temperature == preset.emotion_contrast.temperature == 1.0
    assert preset.decorrelation.weight == 0


def test_the_mini_networks_fit_into_six_megabytes():
    preset = mini()
    pad = build_pad(preset.net, seed=0)
    networks = (pad.identity, pad.content, pad.emotion, PoseVAE(preset.head_motion))
    weights = sum(weight.numel() for net in networks for weight in net.parameters())
    assert preset.saves_half_precision
    assert 2 * weights < 6e6
