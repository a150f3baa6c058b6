import argparse
import dataclasses
import json

import pytest
import torch

from imagineid_core.cli import gate as gate_commands
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus, to_image
from imagineid_core.corpus.people.caption_words import CLASSES, caption_words
from imagineid_core.evaluation.imagine import caption_probe
from imagineid_core.evaluation.imagine.caption_gate import draw_samples
from imagineid_core.evaluation.imagine.caption_probe import (
    CaptionProbeConfig,
    classes_of,
    shares_right,
    train_caption_probe,
)
from imagineid_core.evaluation.imagine.gates import GateMissedError, check_gate, gate_document
from imagineid_core.evaluation.imagine.vae_gate import measure_vae
from imagineid_core.imagine.mini_suite import (
    build_text_encoder,
    build_unet,
    build_vae,
    save_suite,
)
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from imagineid_core.imagine.tokenizer import token_numbers, vocabulary_of
from imagineid_core.training.imagine_presets import smoke

WORDS = vocabulary_of(caption_words())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    build_people_corpus(folder, num_people=13, num_frames=1, size=32)
    return open_people_corpus(folder)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder, suite = tmp_path_factory.mktemp("model"), smoke().suite
    torch.manual_seed(0)
    save_suite(
        folder,
        vae=build_vae(suite),
        text_encoder=build_text_encoder(suite, WORDS),
        unet=build_unet(suite),
        vocabulary=WORDS,
        about={},
    )
    return folder


def gate(*arguments):
    parser = argparse.ArgumentParser()
    gate_commands.add_commands(parser.add_subparsers())
    options = parser.parse_args(["gate", *map(str, arguments)])
    options.run(options)


class Shifted(torch.nn.Module):
    """Gives every picture back with a constant error."""

    def __init__(self, error):
        super().__init__()
        self.error = torch.nn.Parameter(torch.tensor(error))

    def encode(self, images):
        self.images = images
        latent = argparse.Namespace(mode=lambda: images)
        return argparse.Namespace(latent_dist=latent)

    def decode(self, latent):
        towards_grey = torch.where(self.images > 0, -self.error, self.error)
        return argparse.Namespace(sample=self.images + towards_grey)


def test_the_vae_gate_measures_people_of_the_test_in_decibels(corpus):
    figures = measure_vae(Shifted(0.02), corpus)
    # 10 log10(2^2 / 0.02^2) = 40, whole or cropped
    for name in ("psnr", "mouth_psnr", "mouth_psnr_p10", "psnr_p10"):
        assert figures[name] == pytest.approx(40, abs=0.01)
    assert figures["num_people"] == 2
    check_gate("vae", figures)
    with pytest.raises(GateMissedError, match=r"mouth_psnr is 2\d.* but 29 are needed"):
        check_gate("vae", measure_vae(Shifted(0.1), corpus))


def test_a_figure_that_is_not_a_number_misses_its_goal():
    figures = {"psnr": 40.0, "mouth_psnr": float("nan"), "mouth_psnr_p10": 30.0}
    assert gate_document("vae", figures)["is_passed"] is False
    with pytest.raises(GateMissedError, match="mouth_psnr is nan"):
        check_gate("vae", figures)


def test_a_probe_learns_what_portraits_show_and_others_do_not_fool_it(corpus):
    config = CaptionProbeConfig(num_steps=60, batch_size=16, channels=(8, 16))
    probe = train_caption_probe(corpus, config)
    names = corpus.names("train")
    portraits = [to_image(corpus.tensors(name, ("portrait",))["portrait"]) for name in names]
    images, classes = torch.cat(portraits), classes_of(corpus, names)
    shares = shares_right(probe, images, classes)
    assert min(shares.values()) > 0.85, shares
    others = shares_right(probe, images.roll(1, dims=0), classes)
    assert sum(others.values()) < sum(shares.values()) - 0.8


def test_classes_say_what_a_caption_does_not(corpus):
    classes = classes_of(corpus, corpus.names("train"))
    for row, name in enumerate(corpus.names("train")):
        attributes = corpus.attributes(name)
        number = int(classes["backdrop_colour"][row])
        assert tuple(CLASSES["backdrop_colour"])[number] == attributes.backdrop_colour
        is_bare = attributes.hair_style == "bald" and attributes.beard in ("none", "stubble")
        assert (int(classes["hair_colour"][row]) == -100) == is_bare


def test_samples_depend_on_their_seed_and_not_on_their_company(model_folder):
    model = load_stable_diffusion(model_folder)
    tokens, nothing = token_numbers(["a bald head", "red"], WORDS), token_numbers([""], WORDS)
    options = {"size": 32, "num_steps": 2, "guidance": 2.0}
    with torch.no_grad():
        both = draw_samples(model, tokens, nothing, seed=1, **options)
        one = draw_samples(model, tokens[:1], nothing, seed=1, **options)
        other = draw_samples(model, tokens[:1], nothing, seed=2, **options)
    assert both.shape == (2, 3, 32, 32)
    torch.testing.assert_close(both[:1], one, atol=1e-4, rtol=0)
    assert not torch.allclose(one, other, atol=1e-2)


def test_a_missed_gate_is_an_error_and_leaves_its_figures(corpus, model_folder, tmp_path, capsys):
    out = tmp_path / "gate.json"
    with pytest.raises(GateMissedError, match="'vae' is missed"):
        gate("vae", "--model", model_folder, "--corpus", corpus.folder, "--out", out)
    told = json.loads(out.read_text())
    assert told["is_passed"] is False
    assert told["figures"]["psnr"] < 31.5
    assert "missed" in capsys.readouterr().out


def test_the_captions_of_an_untrained_model_miss_their_gate(
    corpus, model_folder, tmp_path, monkeypatch
):
    def briefly(corpus, config, **options):
        short = dataclasses.replace(config, num_steps=2, channels=(4,))
        return train_caption_probe(corpus, short, **options)

    monkeypatch.setattr(caption_probe, "train_caption_probe", briefly)
    out, sheet = tmp_path / "gate.json", tmp_path / "sheet.png"
    with pytest.raises(GateMissedError, match="caption_gap is"):
        gate(
            "captions", "--model", model_folder, "--corpus", corpus.folder, "--out", out,
            "--steps", 2, "--sheet", sheet,
        )  # fmt: skip
    figures = json.loads(out.read_text())["figures"]
    assert {"background", "background_of_real", "hair_style", "skin"} <= set(figures)
    assert figures["num_samples"] == 2
    assert sheet.is_file()
