import json
import math
from dataclasses import replace

import pytest
from PIL import Image

from imagineid_core.corpus.people import build_people_corpus, open_people_corpus
from imagineid_core.evaluation.imagine import kept_clips, picture_probes
from imagineid_core.evaluation.imagine.measure import measure_imagining
from imagineid_core.evaluation.imagine.metrics import IMAGINE_METRICS
from imagineid_core.evaluation.imagine.report import CLIPS, PAGE, REPORT, evaluate_imagine
from imagineid_core.face.open_face import open_face_basis
from imagineid_core.imagine.adapters import Adapters, load_adapters
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from tests.evaluation.heard import OpenFaceCorpus
from tests.evaluation.imagined import PLAN, VOICE_DIM, tiny_sources
from tests.imagine.tiny_diffusion import save_tiny_suite

ABOUT = {"unet/diffusion_pytorch_model.safetensors": "abc"}
NEED_LENGTH = {"drift_250_50", "detail_250_50", "memory_250_50", "memory_peak_mb"}
FIGURES = {
    *("clips", "mouths", "mouth_curves", "backgrounds", "background_frames", "seeds", "drift"),
    *("long_clip", "styles", "truth"),
    *(f"diverse_{kind}" for kind in ("full", "words", "mesh", "zeroed", "rendered")),
}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    build_people_corpus(folder, num_people=13, num_frames=2, size=64)
    return open_people_corpus(folder)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    save_tiny_suite(folder, identity_dim=VOICE_DIM, emotion_dim=VOICE_DIM)
    model = load_stable_diffusion(folder)
    # A matting network that learned nothing finds people everywhere: the mesh is the matte.
    return model, replace(load_adapters(folder, model), matting=None)


@pytest.fixture(scope="module")
def made(tmp_path_factory, people, suite):
    folder = tmp_path_factory.mktemp("отчёт é")
    told = []
    report = evaluate_imagine(
        *suite,
        tiny_sources(people),
        folder,
        plan=PLAN,
        seed=3,
        split="validation",
        about=ABOUT,
        on_progress=lambda *step: told.append(step),
    )
    return folder, report, told


def test_the_report_holds_every_number_and_what_it_was_made_from(made, people):
    folder, report, _ = made
    assert json.loads((folder / REPORT).read_text()) == report
    missing = {name for name in IMAGINE_METRICS if report[name] is None}
    assert missing == NEED_LENGTH, "six frames do not reach frame 250"
    assert all(math.isfinite(report[name]) for name in set(IMAGINE_METRICS) - missing)
    assert report["style_chance"] == 0.5
    assert (report["seed"], report["split"], report["num_steps"]) == (3, "validation", 2)
    assert report["about"] == ABOUT
    assert report["corpora"]["people"] == people.corpus_hash
    assert report["made"]["coherent frames"] == PLAN.clips * (PLAN.clip_frames - 1)
    assert report["made"]["frames in diverse mode, full"] == 4
    assert report["made"]["frames in diverse mode, words"] == 2
    assert report["missing_adapters"] == []


def test_a_coherent_frame_is_counted(made):
    calls = made[1]["calls"]
    assert calls["unet"] == PLAN.num_steps
    assert [calls[part] for part in ("vae_encode", "sca", "vae_decode", "text")] == [1, 1, 1, 0]


def test_every_figure_is_a_picture_and_the_page_holds_them_all(made):
    folder, _, _ = made
    assert {path.stem for path in (folder / "figures").iterdir()} == FIGURES
    for path in (folder / "figures").iterdir():
        with Image.open(path) as image:
            colours = image.convert("RGB").resize((96, 96)).getcolors(10_000)
            assert colours is not None
            assert len(colours) > 10, path.name
    text = (folder / PAGE).read_text(encoding="utf-8")
    assert text.count('src="data:image/png;base64,') == len(FIGURES)
    assert "http" not in text
    assert all(name in text for name in IMAGINE_METRICS)


def test_progress_is_told(made):
    parts = {part for part, _, _ in made[2]}
    assert {"hear", "portraits", "mouth probe", "style probe"} <= parts
    assert any(part.startswith("coherent_") for part in parts)
    assert all(done <= total for _, done, total in made[2])


def test_what_is_there_is_not_made_again_and_the_numbers_are_the_same(
    made, people, suite, monkeypatch
):
    folder, report, _ = made

    def nothing(*_arguments, **_options):
        raise AssertionError("a clip is made again")

    monkeypatch.setattr(kept_clips, "imagine", nothing)
    monkeypatch.setattr(picture_probes, "train_crop_probe", nothing)
    model, adapters = suite
    maker = kept_clips.ClipMaker(
        model=model,
        adapters=adapters,
        basis=open_face_basis(),
        folder=folder / CLIPS,
        made_with=json.dumps([ABOUT, {}]),
    )
    again = measure_imagining(maker, tiny_sources(people), PLAN, split="validation", seed=3)
    for name, value in again.values.items():
        if name in IMAGINE_METRICS:
            assert value == pytest.approx(report[name], rel=1e-5), name


def test_without_adapters_the_numbers_that_need_them_are_missing(tmp_path, people, suite):
    plan = replace(PLAN, clips=1, clip_frames=2, long_frames=0, seeds=0, truth_people=0)
    report = evaluate_imagine(
        suite[0],
        Adapters(),
        tiny_sources(people, OpenFaceCorpus()),
        tmp_path,
        plan=plan,
        split="validation",
    )
    assert report["missing_adapters"] == [
        "textual inversion", "spatial condition", "mask blending",
    ]  # fmt: skip
    assert "plain Stable Diffusion" in " ".join(report["notes"])
    for name in ("background_psnr", "foreground_loss_db", "diversity_ratio", "style_probe"):
        assert report[name] is None, name  # the style probe does not know 'calm' and 'shaking'
    assert report["mouth_coherent"] is not None
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "not measured" in page
