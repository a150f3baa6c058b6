import argparse
import dataclasses
import json
import math

import pytest
import torch

from imagineid_core.cli import gate as gate_commands
from imagineid_core.corpus.people import build_people_corpus, open_people_corpus, to_image
from imagineid_core.corpus.people.caption_words import CLASSES, caption_words
from imagineid_core.evaluation.imagine import caption_probe
from imagineid_core.evaluation.imagine.attribute_reader import ReaderConfig
from imagineid_core.evaluation.imagine.caption_probe import (
    LOOK_ALIKE,
    READ,
    TO_THE_WORD,
    CaptionProbe,
    CaptionProbeConfig,
    classes_of,
    shares_right,
    train_caption_probe,
)
from imagineid_core.evaluation.imagine.gates import (
    GateMissedError,
    Goal,
    check_gate,
    gate_document,
)
from imagineid_core.evaluation.imagine.samples import draw_samples, returned
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
        self.config = argparse.Namespace(scaling_factor=0.5)

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


@pytest.mark.parametrize(
    ("value", "is_met"), [(0.2, False), (0.3, True), (0.7, True), (0.8, False), (math.nan, False)]
)
def test_a_goal_may_have_two_ends(value, is_met):
    assert Goal(least=0.3, most=0.7, what="").is_met(value) is is_met


def test_what_is_too_large_is_told_with_its_limit():
    figures = {"of_none": 0.9, "wrong_mesh_penalty": 0.06, "mouth_gain_db": 1.5}
    with pytest.raises(GateMissedError, match=r"of_none is 0.900 but at most 0.75 are allowed"):
        check_gate("spatial", figures)
    assert gate_document("spatial", figures)["goals"]["of_none"]["most"] == 0.75
    check_gate("spatial", {**figures, "of_none": 0.7})


def test_a_probe_learns_what_portraits_show_and_others_do_not_fool_it(corpus):
    reader = ReaderConfig(size=48, num_steps=120, dropped=0.2, batch_size=16, channels=(8, 16))
    config = CaptionProbeConfig(colours=reader, outlines=reader)
    told: list[tuple[int, int]] = []
    names = corpus.names("train")
    probe = train_caption_probe(
        corpus, Shifted(0.0), config, on_progress=lambda *steps: told.append(steps)
    )
    total = len(names) + 240
    assert told == [(step, total) for step in range(1, total + 1)]
    portraits = [to_image(corpus.tensors(name, ("portrait",))["portrait"]) for name in names]
    images, classes = torch.cat(portraits), classes_of(corpus, names)
    shares = shares_right(probe, images, classes)
    assert min(shares[name] for name in READ) > 0.85, shares
    others = shares_right(probe, images.roll(1, dims=0), classes)
    assert sum(others[name] for name in READ) < sum(shares[name] for name in READ) - 0.8


class Saying(CaptionProbe):
    """Sees what it is told to, whatever it is shown."""

    def __init__(self, style):
        super().__init__(CaptionProbeConfig())
        self.style = CLASSES["hair_style"].index(style)

    def forward(self, images):
        scores = {name: torch.zeros(len(images), len(CLASSES[name])) for name in READ}
        scores["hair_style"][:, self.style] = 9.0
        return scores


def test_styles_that_look_alike_count_as_one_and_others_do_not():
    styles = CLASSES["hair_style"]
    images = torch.zeros(len(styles), 3, 48, 48)
    classes = {name: torch.zeros(len(styles), dtype=torch.long) for name in READ}
    classes["hair_style"] = torch.arange(len(styles))
    seen = {style: shares_right(Saying(style), images, classes) for style in styles}
    for style, shares in seen.items():
        counted = len(LOOK_ALIKE) if style in LOOK_ALIKE else 1
        assert shares["hair_style"] == pytest.approx(counted / len(styles)), style
        assert shares[TO_THE_WORD] == pytest.approx(1 / len(styles))


def test_what_a_caption_does_not_say_is_not_counted():
    classes = {name: torch.tensor([0, -100, 0, -100]) for name in READ}
    shares = shares_right(Saying(CLASSES["hair_style"][0]), torch.zeros(4, 3, 48, 48), classes)
    assert shares["hair_style"] == 1


def test_classes_say_what_a_caption_does_not(corpus):
    classes = classes_of(corpus, corpus.names("train"))
    for row, name in enumerate(corpus.names("train")):
        attributes = corpus.attributes(name)
        number = int(classes["backdrop_colour"][row])
        assert tuple(CLASSES["backdrop_colour"])[number] == attributes.backdrop_colour
        is_bare = attributes.hair_style == "bald" and attributes.beard in ("none", "stubble")
        assert (int(classes["hair_colour"][row]) == -100) == is_bare


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_depend_on_their_seed_and_not_on_their_company(model_folder, eta):
    model = load_stable_diffusion(model_folder)
    tokens, nothing = token_numbers(["a bald head", "red"], WORDS), token_numbers([""], WORDS)
    options = {"size": 32, "num_steps": 2, "guidance": 2.0, "eta": eta}
    with torch.no_grad():
        both = draw_samples(model, tokens, nothing, seed=1, **options)
        one = draw_samples(model, tokens[:1], nothing, seed=1, **options)
        other = draw_samples(model, tokens[:1], nothing, seed=2, **options)
    assert both.shape == (2, 3, 32, 32)
    torch.testing.assert_close(both[:1], one, atol=1e-4, rtol=0)
    assert not torch.allclose(one, other, atol=1e-2)


def test_samples_are_guided_in_the_steps_that_the_model_recommends(model_folder):
    model = load_stable_diffusion(model_folder)
    recommended = dataclasses.replace(model.recommended, guided_share=0.5)
    model = dataclasses.replace(model, recommended=recommended)
    tokens, nothing = token_numbers(["a bald head", "red"], WORDS), token_numbers([""], WORDS)
    rows = []
    handle = model.unet.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    draw_samples(model, tokens, nothing, size=32, num_steps=4, guidance=2.0, seed=1)
    handle.remove()
    assert rows == [4, 4, 2, 2]


def test_a_perfect_autoencoder_gives_back_what_it_got():
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    vae = Shifted(0.0)
    torch.testing.assert_close(returned(vae, images), images)


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
    def briefly(corpus, vae, config, **options):
        reader = ReaderConfig(size=16, num_steps=2, dropped=0.0, channels=(4,))
        short = dataclasses.replace(config, colours=reader, outlines=reader)
        return train_caption_probe(corpus, vae, short, **options)

    monkeypatch.setattr(caption_probe, "train_caption_probe", briefly)
    out, sheet = tmp_path / "gate.json", tmp_path / "sheet.png"
    with pytest.raises(GateMissedError, match="caption_gap is"):
        gate(
            "captions", "--model", model_folder, "--corpus", corpus.folder, "--out", out,
            "--steps", 2, "--sheet", sheet,
        )  # fmt: skip
    figures = json.loads(out.read_text())["figures"]
    names = ("background", "hair_colour", "skin", "hair_style")
    assert {f"{name}{of}" for name in names for of in ("", "_of_real", "_of_returned")} <= set(
        figures
    )
    assert figures["num_samples"] == 2
    assert sheet.is_file()
