"""Alg. 1: what is made when and how often, and that a clip taken up again is the same clip."""

import inspect
import itertools
from dataclasses import replace

import pytest
import torch

from imagineid_core.errors import InputError
from imagineid_core.imagine.autoregressive import _groups, hide_mouth, imagine, shared_noise
from imagineid_core.imagine.config import (
    ImagineConfig,
    few_step_config,
    paper_config,
    quick_config,
    step_seed,
)
from imagineid_core.imagine.host import Host
from imagineid_core.imagine.resume import load_frame, save_frame
from tests.imagine.fake_host import CountingHost, mesh_pictures

CONFIG = ImagineConfig(seed=5, num_steps=3, meshes_ahead=2)
OPTIONS = {
    "plain": CONFIG,
    "warm start": replace(CONFIG, warm_start=0.6),
    "resync": replace(CONFIG, resync=3),
    "fresh step noise": replace(CONFIG, fresh_step_noise=True),
}


def frames(host, meshes, config=CONFIG, **options):
    return [done.frame for done in imagine(host, meshes, config, **options)]


def assert_same(clip, other):
    assert len(clip) == len(other)
    for frame, expected in zip(clip, other, strict=True):
        assert torch.equal(frame, expected)


def test_the_counting_host_is_a_host():
    assert isinstance(CountingHost(), Host)


def test_a_coherent_frame_costs_one_encode_one_sca_its_steps_and_one_decode():
    host, counts = CountingHost(), []
    for _ in imagine(host, mesh_pictures(6), replace(CONFIG, meshes_ahead=6)):
        counts.append(host.calls.copy())
    for before, after in itertools.pairwise(counts[1:]):
        spent = {name: after[name] - before[name] for name in after}
        assert spent["vae_encode"] == spent["pictures encoded"] == 1  # I_ad
        assert spent["sca"] == spent["vae_decode"] == 1
        assert spent["unet"] == CONFIG.num_steps
        assert spent["matte"] == 1
        assert spent["background"] == spent["inpaint"] == 0


def test_what_stays_the_same_is_made_once_a_clip():
    host = CountingHost()
    frames(host, mesh_pictures(7))
    assert host.calls["background"] == host.calls["inpaint"] == 1
    assert host.calls["matte"] == 6  # the last frame needs none
    assert host.calls["pictures encoded"] == 7 + 1 + 6  # I_rd, I_id, I_ad
    assert host.calls["vae_encode"] == 4 + 1 + 6  # I_rd two at a time


def test_the_first_frame_sees_mesh_and_text_only_and_the_others_all_three():
    host = CountingHost()
    frames(host, mesh_pictures(3))
    assert host.conditioned == [(False, False), (True, True), (True, True)]
    assert [way.guidance for way in host.ways] == [7.5, 1, 1]
    assert host.masks[0] is None
    assert all(mask is not None for mask in host.masks[1:])


def test_alg_1_written_out_by_hand_gives_the_same_frames():
    """The loop without any caching, line by line as in the paper."""
    config = replace(CONFIG, matte_dilation=0.0)
    meshes, by_hand, host = mesh_pictures(4), [], CountingHost()
    ways = CountingHost()
    clip = frames(ways, meshes, config)
    for index, picture in enumerate(meshes):
        z_t = shared_noise(host, config.seed, 32, 32)
        mesh = host.encode(picture.colour)
        if index == 0:
            latent = host.denoise(z_t, host.condition(picture, mesh, None, None), ways.ways[0])
            by_hand.append(host.decode(latent, None, None))
            continue
        first, before = by_hand[0], by_hand[-1]
        background = host.background(host.inpaint(first, host.matte(first, None)))
        hidden = hide_mouth(before, meshes[index - 1].mouth_mask)
        features = host.condition(picture, mesh, host.encode(first), host.encode(hidden))
        latent = host.denoise(z_t, features, ways.ways[index])
        by_hand.append(host.decode(latent, background, host.matte(before, None)))
    assert_same(clip, by_hand)


@pytest.mark.parametrize("is_steered", [True, False])
def test_the_background_is_anchored_to_the_first_frame_if_wanted(is_steered):
    host, meshes = CountingHost(is_steered=is_steered), mesh_pictures(3)
    first, *_ = frames(host, meshes)
    ((shown, mask),) = host.anchors
    assert torch.equal(shown, host.encode(first))
    assert torch.equal(mask, host.masks[1])
    paper = CountingHost(is_steered=is_steered)
    frames(paper, meshes, replace(CONFIG, anchors_background=False))
    assert paper.anchors == [(None, None)]


@pytest.mark.parametrize("ahead", [1, 3, 10])
def test_encoding_ahead_changes_nothing(ahead):
    meshes = mesh_pictures(5)
    together = frames(CountingHost(), meshes, replace(CONFIG, meshes_ahead=ahead))
    assert_same(together, frames(CountingHost(), meshes))


def test_two_runs_agree_and_another_seed_differs():
    meshes = mesh_pictures(4)
    clip = frames(CountingHost(), meshes)
    assert_same(clip, frames(CountingHost(), meshes))
    other = frames(CountingHost(), meshes, replace(CONFIG, seed=6))
    assert not torch.equal(clip[0], other[0])


def test_noise_may_be_given_and_is_kept_with_the_clip(tmp_path):
    meshes, host = mesh_pictures(4), CountingHost()
    own = shared_noise(host, CONFIG.seed, 32, 32)
    assert_same(frames(host, meshes, noise=own), frames(CountingHost(), meshes))
    drawn = shared_noise(host, 6, 32, 32)
    made = list(imagine(CountingHost(), meshes, CONFIG, noise=drawn))
    whole = [done.frame for done in made]
    assert not torch.equal(whole[0], frames(CountingHost(), meshes)[0])
    save_frame(tmp_path / "frame.safetensors", made[1])
    kept = load_frame(tmp_path / "frame.safetensors")
    assert_same(whole[2:], frames(CountingHost(), meshes, resume=kept))
    assert_same(whole[2:], frames(CountingHost(), meshes, resume=kept, noise=drawn))
    other = shared_noise(host, 7, 32, 32)
    with pytest.raises(InputError, match="begun with other noise. Leave it out"):
        frames(CountingHost(), meshes, resume=kept, noise=other)
    plain = next(imagine(CountingHost(), meshes, CONFIG))
    with pytest.raises(InputError, match="begun with other noise"):
        frames(CountingHost(), meshes, resume=plain, noise=other)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (torch.zeros(1, 3, 4, 4), "noise is zero, NaN or infinite"),
        (torch.full((1, 3, 4, 4), torch.inf), "noise is zero, NaN or infinite"),
        (torch.ones(1, 3, 4, 8), "noise is 1 x 3 x 4 x 8 but the latents of a frame are 1 x 3"),
    ],
)
def test_noise_that_cannot_begin_a_frame_is_refused_before_the_work(noise, message):
    host = CountingHost()
    with pytest.raises(InputError, match=message):
        frames(host, mesh_pictures(2), noise=noise)
    assert host.calls["unet"] == 0


def test_the_global_generator_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    frames(CountingHost(), mesh_pictures(2))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("last", [0, 1, 2, 4])
def test_a_clip_taken_up_again_is_the_clip_that_never_stopped(config, last, tmp_path):
    meshes = mesh_pictures(7)
    whole = list(imagine(CountingHost(), meshes, config))
    save_frame(tmp_path / "frame.safetensors", whole[last])
    resumed = load_frame(tmp_path / "frame.safetensors")
    for source in (meshes, iter(meshes)):
        rest = list(imagine(CountingHost(), source, config, resume=resumed))
        assert [done.index for done in rest] == list(range(last + 1, 7))
        assert_same([done.frame for done in rest], [done.frame for done in whole[last + 1 :]])


def test_of_a_sequence_only_the_meshes_still_needed_are_made():
    class Rendered(list):
        asked: list[int] = []

        def __getitem__(self, index):
            self.asked.append(index)
            return super().__getitem__(index)

    meshes = Rendered(mesh_pictures(8))
    groups = inspect.unwrap(_groups)(meshes, 2, 5)  # type checks would ask for one more
    assert [[index for index, _ in group] for group in groups] == [[4, 5], [6, 7]]
    assert meshes.asked == [4, 5, 6, 7]


def test_a_clip_goes_on_as_it_began():
    done = next(imagine(CountingHost(), mesh_pictures(3), CONFIG))
    with pytest.raises(InputError, match="seed is 6 but the clip.*begun with 5"):
        frames(CountingHost(), mesh_pictures(3), replace(CONFIG, seed=6), resume=done)
    with pytest.raises(InputError, match="Leave the image out"):
        frames(CountingHost(), mesh_pictures(3), resume=done, image=done.frame)


def test_another_file_is_no_frame_to_go_on_from(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other.safetensors does not hold a frame"):
        load_frame(tmp_path / "other.safetensors")


def test_an_interrupt_keeps_the_frames_made_so_far():
    host, made = CountingHost(), []
    stop = lambda: host.calls["unet"] > 2 * CONFIG.num_steps  # noqa: E731
    for done in imagine(host, mesh_pictures(5), CONFIG, interrupted=stop):
        made.append(done)
    assert [done.index for done in made] == [0, 1]
    whole = frames(CountingHost(), mesh_pictures(5))
    assert_same([done.frame for done in made], whole[:2])
    rest = list(imagine(CountingHost(), mesh_pictures(5), CONFIG, resume=made[-1]))
    assert_same([done.frame for done in rest], whole[2:])


def test_a_host_may_interrupt_by_raising_from_the_callback():
    class Cancelled(Exception):
        pass

    def on_step(frame, step, num_steps):
        if (frame, step) == (2, 1):
            raise Cancelled

    made = []
    with pytest.raises(Cancelled):  # noqa: PT012
        for done in imagine(CountingHost(), mesh_pictures(5), CONFIG, on_step=on_step):
            made.append(done.index)
    assert made == [0, 1]


def test_every_step_is_reported():
    told = []
    frames(CountingHost(), mesh_pictures(2), on_step=lambda *step: told.append(step))
    assert told == [(0, 1, 3), (0, 2, 3), (0, 3, 3), (1, 1, 3), (1, 2, 3), (1, 3, 3)]


def test_a_first_frame_settles_as_a_coherent_frame_of_itself():
    host, meshes, told = CountingHost(), mesh_pictures(2), []
    config = replace(CONFIG, settles=2)
    first, _ = frames(host, meshes, config, on_step=lambda *step: told.append(step))
    assert host.conditioned == [(False, False)] + 3 * [(True, True)]
    assert [way.guidance for way in host.ways] == [config.first_guidance] + 3 * [config.guidance]
    assert [step for index, step, _ in told if index == 0] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    by_hand, *_ = frames(CountingHost(), meshes)
    z_t, mesh = shared_noise(host, CONFIG.seed, 32, 32), host.encode(meshes[0].colour)
    for _ in range(2):
        hidden = host.encode(hide_mouth(by_hand, meshes[0].mouth_mask))
        features = host.condition(meshes[0], mesh, host.encode(by_hand), hidden)
        by_hand = host.decode(host.denoise(z_t, features, host.ways[1]), None, None)
    assert torch.equal(first, by_hand)
    given = CountingHost()
    frames(given, meshes, config, image=by_hand)
    assert given.conditioned == [(True, True)]
    alone = CountingHost(is_steered=False)
    frames(alone, meshes, config)
    assert len(alone.ways) == 2


def test_all_frames_draw_the_same_noise_with_eta():
    host = CountingHost()
    frames(host, mesh_pictures(2), replace(CONFIG, eta=1.0, settles=1))
    assert [way.eta for way in host.ways] == [1.0, 1.0, 1.0]
    seeds = [[way.step_seed(step) for step in range(3)] for way in host.ways]
    assert seeds[0] == seeds[1] == seeds[2]
    assert len(set(seeds[0])) == 3


def test_resync_every_frame_is_the_plain_path_and_rarer_is_not():
    meshes = mesh_pictures(5)
    plain = frames(CountingHost(), meshes)
    assert_same(frames(CountingHost(), meshes, replace(CONFIG, resync=1)), plain)
    host = CountingHost()
    rare = frames(host, meshes, replace(CONFIG, resync=3))
    assert torch.equal(rare[1], plain[1])
    assert not torch.equal(rare[2], plain[2])
    # Meshes, the first frame, a picture of the fill, and I_ad of frames 1 and 4.
    assert host.calls["pictures encoded"] == 5 + 1 + 1 + 2


def test_masked_latents_hide_every_cell_the_mouth_touches():
    """With latents that are averages, both ways to hide the mouth agree outside its cells."""
    host = CountingHost(blends=False)
    clip = list(imagine(host, mesh_pictures(3), replace(CONFIG, resync=2)))
    before = clip[1]
    pixels = host.encode(hide_mouth(before.frame, before.mouth_mask))
    touched = torch.nn.functional.max_pool2d(before.mouth_mask, 8).bool().expand_as(pixels)
    seen = []
    host.condition = lambda picture, mesh, identity, previous: seen.append(previous) or mesh
    next(imagine(host, mesh_pictures(3), replace(CONFIG, resync=2), resume=before))
    assert (seen[0][touched] == -1).all()
    assert torch.allclose(seen[0].clamp(-1, 1)[~touched], pixels[~touched], atol=1e-6)


def test_a_warm_start_begins_from_the_latent_before():
    host = CountingHost()
    clip = list(imagine(host, mesh_pictures(3), replace(CONFIG, warm_start=0.5)))
    assert host.ways[0].start is None
    assert torch.equal(host.ways[2].start, clip[1].latent)
    assert host.ways[2].strength == 0.5


def test_options_that_need_no_latents_keep_none():
    assert all(done.latent is None for done in imagine(CountingHost(), mesh_pictures(2), CONFIG))


def test_a_given_image_is_the_first_frame():
    image = torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32)
    host = CountingHost()
    clip = frames(host, mesh_pictures(3), image=image)
    assert torch.equal(clip[0], image)
    assert host.calls["unet"] == 2 * CONFIG.num_steps
    assert not torch.equal(clip[1], frames(CountingHost(), mesh_pictures(3))[1])


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (torch.zeros(1, 3, 40, 32), "image is 1 of 32 x 40 but the meshes are 32 x 32"),
        (torch.full((1, 3, 32, 32), 2.0), r"beyond \[-1, 1\]"),
    ],
)
def test_an_image_that_does_not_fit_is_refused(image, told):
    with pytest.raises(InputError, match=told):
        frames(CountingHost(), mesh_pictures(2), image=image)


def test_without_adapters_nothing_is_encoded_and_nothing_blended():
    host = CountingHost(is_steered=False, blends=False)
    assert len(frames(host, mesh_pictures(3))) == 3
    assert host.calls["vae_encode"] == host.calls["matte"] == host.calls["background"] == 0


def test_the_mask_is_the_matte_of_the_frame_before_dilated():
    host = CountingHost()
    frames(host, mesh_pictures(2, size=64), replace(CONFIG, matte_dilation=1 / 32))
    mask = host.masks[1][0, 0]
    assert mask[14:50, 32].eq(1).all()  # 16 to 48, and two pixels more
    assert mask.sum() == mask[14:50, 14:50].sum() > 32 * 32


def test_the_matte_is_told_where_the_head_is_even_when_taken_up_again():
    host, again = CountingHost(), CountingHost()
    whole = list(imagine(host, mesh_pictures(4), CONFIG))
    assert [float(head.mean()) for head in host.heads] == pytest.approx([0, 0.1, 0.2])
    list(imagine(again, mesh_pictures(4), CONFIG, resume=whole[2]))
    assert [float(head.mean()) for head in again.heads] == pytest.approx([0, 0.2])


def test_an_empty_first_matte_is_refused_after_the_first_frame():
    host, made = CountingHost(), []
    host.matte_of = lambda image: torch.zeros_like(image[:, :1])
    with pytest.raises(InputError, match="covers 0.0% of it: no person"):  # noqa: PT012
        for done in imagine(host, mesh_pictures(3), CONFIG):
            made.append(done)
    assert len(made) == 1


def test_a_full_first_matte_leaves_out_blending_and_says_so(caplog):
    host = CountingHost()
    host.matte_of = lambda image: torch.ones_like(image[:, :1])
    assert len(frames(host, mesh_pictures(3))) == 3
    assert host.calls["background"] == 0
    assert "no background to keep still" in caplog.text


def test_an_empty_later_matte_keeps_the_mask_before_and_says_so(caplog):
    host = CountingHost()
    good = host.matte_of
    host.matte_of = lambda image: good(image) * float(host.calls["matte"] != 3)
    frames(host, mesh_pictures(5))
    assert torch.equal(host.masks[3], host.masks[2])
    assert "no person found in frame 2" in caplog.text


@pytest.mark.parametrize(
    ("name", "call", "told"),
    [
        ("denoise", 3, "the UNet gave NaN.*at frame 2 .*run the model in bf16 or fp32"),
        ("decode", 3, "the VAE decoder gave NaN.*at frame 2 .*run the VAE in bf16 or fp32"),
        ("encode", 1, "the VAE encoder gave NaN.*at frame 0 .*run the VAE in bf16 or fp32"),
    ],
)
def test_nan_names_the_frame_and_the_remedy(name, call, told):
    host, made = CountingHost(), []
    host.broken = {name: call}
    with pytest.raises(InputError, match=told):  # noqa: PT012
        for done in imagine(host, mesh_pictures(4), CONFIG):
            made.append(done)
    assert len(made) == (0 if name == "encode" else 2)


def test_a_size_that_does_not_work_names_those_that_do():
    with pytest.raises(InputError, match="multiples of 8.*width 32, height 32 or 40"):
        frames(CountingHost(), mesh_pictures(1, size=32, height=36))
    with pytest.raises(InputError, match="width 8, height 8"):
        frames(CountingHost(), mesh_pictures(1, size=5))


def test_meshes_of_two_sizes_are_refused():
    meshes = [*mesh_pictures(2), *mesh_pictures(1, size=40)]
    with pytest.raises(InputError, match="mesh 2 is 40 x 40 but the first is 32 x 32"):
        frames(CountingHost(), meshes)


def test_memory_does_not_grow_with_the_number_of_frames():
    """Of all latents and pictures the host ever made, how many are still held."""
    host, held = CountingHost(), []
    for _ in imagine(host, (mesh_pictures(1)[0] for _ in range(40)), CONFIG):
        host.masks.clear()
        host.ways.clear()
        held.append(sum(made() is not None for made in host.made))
    assert len(host.made) > 100
    assert max(held[30:]) == max(held[4:14]) < 12


def test_gradients_are_off_inside_and_untouched_outside():
    for done in imagine(CountingHost(), mesh_pictures(2), CONFIG):
        assert torch.is_grad_enabled()
        assert not done.frame.requires_grad


def test_step_seeds_belong_to_seed_and_step_and_to_the_frame_if_asked():
    fresh = replace(CONFIG, fresh_step_noise=True)
    seeds = {step_seed(fresh, frame, step) for frame in range(4) for step in range(4)}
    assert len(seeds) == 16
    assert step_seed(CONFIG, 3, 2) == step_seed(CONFIG, 0, 2) == step_seed(fresh, 0, 2)
    assert step_seed(CONFIG, 0, 1) != step_seed(replace(CONFIG, seed=6), 0, 1)
    assert step_seed(CONFIG, 0, 1) == 4952608136674209935  # the same on every machine


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("seed", -1, "seed is -1"),
        ("num_steps", 0, "num_steps is 0"),
        ("resync", 0, "resync is 0"),
        ("guidance", 0.5, "guidance is 0.5"),
        ("guided_share", 0.0, "guided_share is 0"),
        ("settles", -1, "settles is -1"),
        ("eta", 1.5, "eta is 1.5"),
        ("warm_start", 1.5, "warm_start is 1.5"),
        ("matte_dilation", 0.9, "matte_dilation is 0.9"),
        ("mouth_fill", 2.0, "mouth_fill is 2"),
    ],
)
def test_a_setting_that_cannot_be_is_named(field, value, told):
    with pytest.raises(InputError, match=told):
        ImagineConfig(**{field: value})


def test_presets_differ_in_steps_and_guidance_only():
    assert paper_config(3) == ImagineConfig(seed=3)
    assert replace(quick_config(3), num_steps=50) == paper_config(3)
    few = few_step_config(3)
    assert (few.num_steps, few.first_guidance) == (4, 1.0)
