"""The embedded diffusion model: its autoencoder, and whether its portraits show what is asked."""

from pathlib import Path

import pytest
import torch

from imagineid_core.assets import IMAGINE, SHIPPED, check_suite, read_manifest
from imagineid_core.corpus.people import to_image
from imagineid_core.corpus.people.pictures import draw_pictures
from imagineid_core.evaluation.imagine.gates import GATES
from imagineid_core.evaluation.imagine.samples import draw_samples
from imagineid_core.imagine.adapters import load_adapters
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from imagineid_core.imagine.tokenizer import read_vocabulary, token_numbers
from imagineid_core.training.adapter_presets import PRESETS as ADAPTER_PRESETS
from imagineid_core.training.condition_latents import DisturbanceConfig, latents_of
from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise
from imagineid_core.training.imagine_presets import PRESETS as IMAGINE_PRESETS
from imagineid_core.training.matting_presets import PRESETS as MATTING_PRESETS
from imagineid_core.training.spatial_batches import SpatialBatch, tokens_by
from imagineid_core.training.spatial_stage import SpatialStage
from imagineid_core.training.train_imagine import STAGES

NEVER_SEEN = (900_002, 900_012, 900_022, 900_032)  # far behind the people of any corpus
_GIVEN = ("portrait", "mesh", "hidden")
_TIMES = 5  # two of the twenty rows at every noise level
COLOURS = {"red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1)}


@pytest.fixture(scope="module")
def folder():
    return check_suite(IMAGINE)


@pytest.fixture(scope="module")
def model(folder):
    return load_stable_diffusion(folder)


@pytest.fixture(scope="module")
def drawn():
    return [draw_pictures(0, person, 3, 128) for person in NEVER_SEEN]


@pytest.fixture(scope="module")
def people(drawn):
    images = to_image(torch.cat([one.portrait for one in drawn]))
    return images, torch.cat([one.mouth_box for one in drawn]).long()


@torch.no_grad()
def test_people_it_never_saw_come_back_with_their_mouths(model, people):
    images, mouths = people
    latents = model.vae.encode(images).latent_dist.mode()
    drawn = model.vae.decode(latents).sample.clamp(-1, 1)
    # Twelve pictures: two decibels below what two hundred people reach on average.
    assert peak_signal_to_noise(drawn, images).mean() > 29.5
    crops = mouth_crops(drawn, mouths), mouth_crops(images, mouths)
    assert peak_signal_to_noise(*crops).mean() > 27.5
    assert 0.7 < latents.std() < 1.3
    assert latents.mean().abs() < 0.3


@torch.no_grad()
def test_backgrounds_have_the_colour_that_is_asked_for(model, folder):
    vocabulary = read_vocabulary(Path(folder) / "tokenizer")
    prompts = [f"{model.recommended.prompt}, plain {colour} background" for colour in COLOURS]
    drawn = draw_samples(
        model,
        token_numbers(prompts, vocabulary),
        token_numbers([""], vocabulary),
        size=128,
        num_steps=8,
        guidance=model.recommended.guidance,
        seed=5,
    )
    corner = drawn[:, :, 4:20, 4:20].mean(dim=(2, 3))
    closeness = corner @ torch.tensor(list(COLOURS.values())).float().T
    assert closeness.argmax(dim=1).tolist() == [0, 1, 2]
    assert drawn.std(dim=(1, 2, 3)).min() > 0.15  # somebody stands before it


@torch.no_grad()
def test_sca_tells_a_frame_from_its_mesh_beside_the_pictures_it_is_given(model, folder, drawn):
    """As gate spatial measures it, on four people instead of a hundred and twenty."""
    made = [
        latents_of(
            model.vae,
            to_image(one.portrait),
            to_image(one.mesh_frame),
            one.mouth_mask.float() / 255,
            one.landmarks.float(),
            DisturbanceConfig(),
            torch.Generator().manual_seed(0),
        )
        for one in drawn
    ]
    both = {name: torch.stack([one[name] for one in made] * _TIMES).float() for name in _GIVEN}
    batch = SpatialBatch(
        latents=both["portrait"][:, 2],
        mesh=both["mesh"][:, 2],
        identity=both["portrait"][:, 0],
        previous=both["hidden"][:, 1, 0],  # the frame right before
        weights=torch.ones(4 * _TIMES, 1, 16, 16),
        tokens=tokens_by(model.tokenizer)([model.recommended.prompt] * 4 * _TIMES),
    )
    spatial = load_adapters(folder, model).spatial
    assert spatial is not None
    stage = SpatialStage(
        spatial,
        unet=model.unet,
        text_encoder=model.text_encoder,
        scheduler=model.scheduler,
        coherent_share=0.8,
    ).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = stage(batch)
    assert found["of_none"] < 0.75
    assert found["wrong_mesh_penalty"] > 0.05
    assert found["diverse"] < found["none"]


def test_the_manifest_tells_of_every_gate_and_whether_it_was_passed():
    gates = read_manifest(SHIPPED).suites[IMAGINE].gates
    assert {"vae", "captions", "face"} <= set(gates)
    for gate, told in gates.items():
        met = [goal.is_met(told["figures"][name]) for name, goal in GATES[gate].items()]
        assert told["is_passed"] == all(met), gate
    assert gates["vae"]["is_passed"]


def test_the_commands_in_the_manifest_would_train_as_long_as_what_is_shipped():
    """A preset that was changed after a training no longer makes what is shipped."""
    files = read_manifest(SHIPPED).suites[IMAGINE].files
    parts = ("vae/diffusion_pytorch_model", "text_encoder/model", "unet/diffusion_pytorch_model")
    trained = {}
    for part in parts:
        training = next(told.training for file, told in files.items() if file.startswith(part))
        trained |= training["steps"]
    made = IMAGINE_PRESETS[training["preset"]]()
    loops = {name: getattr(made, f"{name}_loop") for name in STAGES}
    asked = {name: loop.num_steps for name, loop in loops.items() if loop is not None}
    if (until := _option(training["command"], "--until")) is not None:
        asked[STAGES[-1]] = int(until)
    assert trained == asked
    for file, presets, loop in (
        ("textual_inversion", ADAPTER_PRESETS, "word_loop"),
        ("spatial_condition", ADAPTER_PRESETS, "spatial_loop"),
        ("mask_blending", ADAPTER_PRESETS, "blending_loop"),
        ("matting", MATTING_PRESETS, "loop"),
    ):
        training = files[f"{file}.safetensors"].training
        assert training["preset"] == _option(training["command"], "--preset")
        assert training["steps"] == getattr(presets[training["preset"]](), loop).num_steps, file


def _option(command, name):
    words = command.split()
    return words[words.index(name) + 1] if name in words else None
