"""Each measure of imagining by itself, on pictures whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from imagineid_core.corpus.people import build_people_corpus, open_people_corpus, to_image
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine import film_memory as film_memory_file
from imagineid_core.evaluation.imagine.backgrounds import still_background
from imagineid_core.evaluation.imagine.crop_probe import (
    CropProbeConfig,
    ProbeTraining,
    train_crop_probe,
)
from imagineid_core.evaluation.imagine.crops import MOUTH_CROP, crops_at, still_landmarks
from imagineid_core.evaluation.imagine.emotions import NamedStyles
from imagineid_core.evaluation.imagine.film_memory import film_memory
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker, KeptClip, clip_config
from imagineid_core.evaluation.imagine.likeness import distances_between, drift_of
from imagineid_core.evaluation.imagine.voices import (
    Listener,
    at_rest,
    held_out_voices,
    long_voice,
    unheard,
    unlike_order,
    with_expressions_of,
)
from imagineid_core.evaluation.lips import correlation
from imagineid_core.evaluation.metrics import Metric
from imagineid_core.face.landmarks import MOUTH
from imagineid_core.face.open_face import open_face_basis
from imagineid_core.imagine.adapters import load_adapters
from imagineid_core.imagine.recommended import RecommendedConfig
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from imagineid_core.motion.track import still_track
from imagineid_core.values import PAPER_FPS, Performance
from tests.evaluation.imagined import VOICE_DIM, MoodyCorpus
from tests.imagine.fake_host import CountingHost
from tests.imagine.tiny_diffusion import save_tiny_suite
from tests.tiny import tiny_pad

BASIS = open_face_basis()
FEW = RecommendedConfig(num_steps=2, guidance=2.0)


def performance(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Performance(
        shape=torch.randn(80, generator=generator),
        semantics=torch.randn(VOICE_DIM, generator=generator),
        style=torch.randn(1, VOICE_DIM, generator=generator),
        lip_expression=None,
        expression=torch.randn(count, 64, generator=generator) * 0.3,
        motion=still_track(count, PAPER_FPS),
    )


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    save_tiny_suite(folder, identity_dim=VOICE_DIM, emotion_dim=VOICE_DIM)
    return folder


@pytest.fixture(scope="module")
def parts(suite):
    model = load_stable_diffusion(suite)
    # A matting network that learned nothing finds people everywhere: the mesh is the matte.
    return model, replace(load_adapters(suite, model), matting=None)


def maker_in(folder, parts, **options):
    model, adapters = parts
    return ClipMaker(
        model=model, adapters=adapters, basis=BASIS, folder=folder, made_with="tiny", **options
    )


def test_a_crop_stands_where_the_head_at_rest_has_its_mouth(tmp_path):
    build_people_corpus(tmp_path, num_people=3, num_frames=2, size=64)
    person = open_people_corpus(tmp_path).load("p00000")
    coefficients = person.coefficients
    still = still_landmarks(coefficients.shape[0], coefficients.pose, BASIS, 64)
    mouths, moving = still[:, MOUTH].mean(dim=1), person.landmarks[:, MOUTH].mean(dim=1)
    # An open jaw moves the mouth's middle; its place at rest is near, and not the same.
    assert float((mouths - moving).abs().max()) < 6
    pictures = to_image(person.portrait)
    marked = torch.zeros_like(pictures)
    for frame, (column, row) in enumerate(mouths.tolist()):
        marked[frame, :, int(row), int(column)] = 1
    found = crops_at(marked, still, MOUTH_CROP)
    middle = MOUTH_CROP.pixels / 2
    for crop in found:
        row, column = divmod(int(crop[0].argmax()), MOUTH_CROP.pixels)
        assert abs(column - middle) < 4
        # The crop reaches further down than up.
        assert middle - 8 < row < middle


def test_a_crop_does_not_move_with_the_expression():
    one, pose = performance(1), torch.zeros(1, 6)
    assert one.shape is not None
    first = still_landmarks(one.shape, pose, BASIS, 64)
    turned = still_landmarks(one.shape, pose + torch.tensor([0, 0.4, 0, 0, 0, 0]), BASIS, 64)
    assert not torch.allclose(first, turned, atol=0.5), "it moves with the head"


def test_a_probe_learns_what_it_is_shown_and_leaves_the_random_state_alone():
    generator = torch.Generator().manual_seed(0)
    openings = torch.rand(200, generator=generator)
    crops = torch.full((200, 3, 20, 20), 200, dtype=torch.uint8)
    for crop, opening in zip(crops, openings.tolist(), strict=True):
        crop[:, 10 - round(5 * opening) : 11 + round(5 * opening), 5:15] = 20
    config = CropProbeConfig(pixels=20, num_outputs=1, channels=(8, 16), dropout=0.0)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    probe = train_crop_probe(
        config, crops[:150], openings[:150],
        lambda read, truth: (read[:, 0] - truth).square().mean(),
        ProbeTraining(num_steps=60, batch_size=32),
    )  # fmt: skip
    assert torch.equal(torch.random.get_rng_state(), before)
    read = probe.read(crops[150:].float() / 127.5 - 1)[:, 0].numpy()
    assert correlation(read, openings[150:].numpy()) > 0.9


def test_drift_is_told_from_standing_still():
    place = torch.linspace(-1, 1, 32).expand(3, 32, 32)
    still = place + torch.randn(300, 1, 1, 1, generator=torch.Generator().manual_seed(0)) * 0.05
    growing = place + torch.arange(300.0)[:, None, None, None] / 300
    assert drift_of(still).ratio(250, 50) == pytest.approx(1, abs=0.35)
    # At frame 50 the mean over a second is 37 steps from the first, at 250 it is 237.
    assert drift_of(growing).ratio(250, 50) == pytest.approx(237 / 37, rel=0.01)
    blurring = place * torch.linspace(1, 0.5, 300)[:, None, None, None]
    assert drift_of(blurring).detail_ratio(250, 50) < 0.7


def test_distances_are_of_every_pair():
    pictures = torch.stack([torch.full((3, 32, 32), value) for value in (0.0, 0.1, 0.4)])
    assert distances_between(pictures).tolist() == pytest.approx([0.1, 0.4, 0.3], abs=1e-6)


def test_only_what_no_mask_ever_hides_is_background():
    frames = torch.zeros(3, 3, 16, 16)
    frames[1, :, :, :8] = 0.5  # under the mask of the second frame
    frames[2, :, :, 8:12] = 0.5  # under the mask of the third
    masks = torch.zeros(2, 1, 16, 16)
    masks[0, :, :, :8], masks[1, :, :, 8:12] = 1, 1

    class Host(CountingHost):
        def decode(self, latent, plate, mask):
            assert plate is None
            assert mask is None
            return latent

    clip = KeptClip(
        name="a", frames=frames, latents=frames + 0.1, masks=masks, gaps=np.zeros(3),
        landmarks=torch.zeros(3, 68, 2),
    )  # fmt: skip
    found = still_background(Host(), clip)
    assert found is not None
    assert found.blended.tolist() == [pytest.approx(10 * np.log10(4 / 1e-10))] * 2
    # 10 log10(2^2 / 0.1^2); the first frame stays as it was
    assert found.plain.tolist() == [pytest.approx(26.02, abs=0.01)] * 2
    assert still_background(Host(), replace(clip, masks=None)) is None
    assert still_background(Host(), replace(clip, masks=torch.ones_like(masks))) is None


def test_a_clip_that_was_cut_short_goes_on_and_is_the_same(tmp_path, parts):
    asked, config = performance(3), clip_config(FEW, 1)
    whole = maker_in(tmp_path / "a", parts).clip("x", asked, config)

    def cut(name, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maker_in(tmp_path / "b", parts, on_progress=cut).clip("x", asked, config)
    told = []
    after = maker_in(tmp_path / "b", parts, on_progress=lambda *step: told.append(step))
    again = after.clip("x", asked, config)
    assert told == [("x", 3, 3)]
    assert torch.equal(whole.frames, again.frames)
    assert torch.equal(whole.latents, again.latents)
    assert whole.masks is not None
    assert again.masks is not None
    assert torch.equal(whole.masks, again.masks)
    assert len(whole.masks) == 2
    np.testing.assert_array_equal(whole.gaps, again.gaps)


@pytest.mark.parametrize("change", ["voice", "seed", "weights", "words"])
def test_another_voice_seed_model_or_prompt_is_another_clip(tmp_path, parts, change):
    maker, asked, config = (
        maker_in(tmp_path, parts),
        performance(1),
        clip_config(FEW, 1, num_steps=1, first_guidance=1.0),
    )
    maker.clip("x", asked, config)
    if change == "weights":
        replace(maker, made_with="others").clip("x", asked, config)
    elif change == "voice":
        maker.clip("x", unheard(asked), config)
    elif change == "seed":
        maker.clip("x", asked, clip_config(FEW, 2, num_steps=1, first_guidance=1.0))
    else:
        maker.clip("x", asked, config, prompt="red hat")
    assert len(list(tmp_path.iterdir())) == 2


def test_voices_are_one_a_style_and_speaker_and_can_be_joined():
    corpus, listener = MoodyCorpus(), Listener(pad=tiny_pad())
    options = {"split": "validation", "seed": 0}
    voices = held_out_voices(corpus, listener, num_speakers=2, **options)
    assert {(one.speaker, one.style) for one in voices} == {
        (f"validation-{speaker}", style) for speaker in (0, 1) for style in ("happy", "neutral")
    }
    assert len(held_out_voices(corpus, listener, num_speakers=1, **options)) == 2
    long = long_voice(corpus, listener, voices[0].speaker, num_frames=120, **options)
    assert len(long.performance.expression) == len(long.performance.motion.pose) == 120
    with pytest.raises(InputError, match="speaks for 300 frames but 301 are needed"):
        long_voice(corpus, listener, voices[0].speaker, num_frames=301, **options)


def test_what_is_taken_away_is_gone_and_nothing_else():
    heard = performance(4)
    rest, silent = at_rest(heard), unheard(heard)
    assert not rest.expression.any()
    assert rest.semantics is heard.semantics
    assert silent.semantics is not None
    assert not silent.semantics.any()
    assert silent.expression is heard.expression
    assert with_expressions_of(heard, [3, 2, 1, 0]).expression[0].equal(heard.expression[3])


def test_the_order_of_a_control_has_nothing_to_do_with_the_true_one():
    gaps = np.sin(np.arange(40) / 3)
    order = unlike_order(gaps, seed=1)
    assert sorted(order) == list(range(40))
    assert abs(correlation(gaps[order], gaps)) < 0.02
    assert order == unlike_order(gaps, seed=1)


def test_chance_is_the_most_frequent_emotion():
    named = NamedStyles(truth=np.array([0, 0, 0, 1]), named=np.array([0, 1, 0, 1]))
    assert (named.accuracy, named.chance) == (0.75, 0.75)
    assert named.confusion[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("better", "goal", "met", "missed", "told"),
    [
        ("higher", 0.6, 0.6, 0.59, "≥ 0.60"),
        ("lower", 1.5, 1.5, 1.51, "≤ 1.50"),
        ("near 0", 0.15, -0.15, -0.16, "0 ± 0.15"),
        ("near 1", 0.2, 0.8, 1.3, "1 ± 0.20"),
    ],
)
def test_goals_have_directions(better, goal, met, missed, told):
    metric = Metric(meaning="", unit="", better=better, goal=goal)
    assert metric.is_met(met) is True
    assert metric.is_met(missed) is False
    assert metric.is_met(None) is None
    assert metric.told_goal == told


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own(suite, tmp_path):
    (peak,) = film_memory(suite, suite, lengths=(2,)).values()
    assert 50 < peak < 5_000
    with pytest.raises(InputError, match="film of 2 frames for measuring memory failed"):
        film_memory(tmp_path / "nothing", None, lengths=(2,))
    assert (film_memory_file.SHORT, film_memory_file.LONG) == (50, 250)
