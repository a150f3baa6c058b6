"""The Autoregressive Sampler over the real ComfyUI: what it makes, and how it behaves there."""

import os
from types import SimpleNamespace

import pytest
import torch

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.video.reader import count_frames

STEPS = 2
PAPER = {"settles": 0, "guided_share": 1.0}  # not what the Mini Suite recommends


@pytest.fixture
def run(pack, suite, adapters, mesh):
    """(video, images, first frame, latent) of a short clip."""

    def sampled(frames=3, bare=False, **changes):
        given = {
            "model": suite.model,
            "vae": suite.vae,
            "positive": suite.positive,
            "negative": suite.negative,
            "mesh": mesh(frames),
            "seed": 5,
            "steps": STEPS,
            "cfg": 1.5,
            "sampler_name": "ddim",
            "scheduler": "simple",
            "keep_images": True,
            "show_size": 0,
            "show_label": True,
            "adapters": adapters,
        }
        given["options"] = None if bare else PAPER
        if "options" in changes:
            changes["options"] = PAPER | changes["options"]
        return pack("sampler").AutoregressiveSampler.execute(**(given | changes)).args

    return sampled


@pytest.mark.parametrize(
    ("show_size", "show_label", "expected"),
    [(0, True, (512, 546)), (0, False, (512, 512)), (128, False, (128, 128))],
)
def test_the_film_is_shown_large_with_what_the_suite_is(run, show_size, show_label, expected):
    video, images, *_ = run(frames=1, steps=1, show_size=show_size, show_label=show_label)
    assert video.get_dimensions() == expected
    assert images.shape[1:3] == (128, 128)


def test_a_model_that_recommends_nothing_is_shown_as_imagined(pack, suite, run):
    plain = suite.model.clone()
    for name in list(plain.attachments):
        plain.remove_attachments(name)
    assert run(frames=1, steps=1, model=plain)[0].get_dimensions() == (128, 128)
    patched = suite.model.clone()
    assert run(frames=1, steps=1, model=patched)[0].get_dimensions() == (512, 546)


@pytest.fixture
def bar(pack):
    """What ComfyUI's progress bar was told: (value, total, preview)."""
    import comfy.utils

    seen = []
    hook = comfy.utils.PROGRESS_BAR_HOOK
    comfy.utils.set_progress_bar_global_hook(
        lambda value, total, preview, **_: seen.append((value, total, preview))
    )
    yield seen
    comfy.utils.set_progress_bar_global_hook(hook)


def test_a_clip_leaves_as_film_images_first_frame_and_latent(run):
    audio = {"waveform": torch.rand(1, 2, 44100) * 0.1, "sample_rate": 44100}
    video, images, first, latent = run(audio=audio)
    assert images.shape == (3, 128, 128, 3)
    assert torch.equal(first, images[:1])
    assert latent["samples"].shape == (1, 4, 16, 16)
    made = video.get_components()
    assert len(made.images) == 3
    assert made.frame_rate == 25
    assert made.audio["sample_rate"] == 44100
    assert (images[0] - images[1]).abs().max() > 1e-3


def test_two_runs_are_identical_and_touch_no_random_state(run):
    before = torch.random.get_rng_state()
    one, two = run(), run()
    assert torch.equal(one[1], two[1])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(run(seed=6)[1], one[1])


@pytest.mark.parametrize("sampler_name", ["euler_ancestral", "dpmpp_2m_sde"])
def test_samplers_that_add_noise_repeat_it(run, sampler_name):
    before, given = torch.random.get_rng_state(), {"sampler_name": sampler_name, "steps": 4}
    one, two = (run(frames=2, **given)[1] for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), before)
    fresh = run(frames=2, **given, options={"fresh_step_noise": True})[1]
    assert not torch.equal(one[1], fresh[1])


def test_the_bar_counts_the_steps_of_all_frames(run, bar):
    run()
    values = [value for value, _total, _preview in bar]
    assert values == list(range(1, 3 * STEPS + 1))
    assert {total for _value, total, _preview in bar} == {3 * STEPS}


def test_a_preview_follows_every_step_if_they_are_wanted(pack, run, bar, monkeypatch):
    import latent_preview

    class Previewer:
        def decode_latent_to_preview_image(self, kind, latent):
            return kind, float(latent.std()), 64

    monkeypatch.setattr(latent_preview, "get_previewer", lambda *_: Previewer())
    run(frames=2)
    previews = [preview for _value, _total, preview in bar]
    assert len({deviation for _kind, deviation, _size in previews}) == 2 * STEPS


def test_stop_is_heard_within_a_step_and_what_was_made_is_kept(run, bar, tmp_path, monkeypatch):
    import comfy.model_management as management
    import comfy.utils
    import folder_paths

    monkeypatch.setattr(folder_paths, "get_temp_directory", lambda: str(tmp_path))

    def stop_in_second_frame(value, total, preview, **_):
        bar.append(value)
        if value == STEPS + 1:
            management.interrupt_current_processing(True)

    comfy.utils.set_progress_bar_global_hook(stop_in_second_frame)
    with pytest.raises(management.InterruptProcessingException):
        run()
    management.interrupt_current_processing(False)
    assert bar[-1] == STEPS + 1
    (film,) = tmp_path.iterdir()
    assert count_frames(film) == 1


@pytest.fixture
def stopped(bar):
    """Run this; it is stopped at a step, counted from 1."""
    import comfy.model_management as management
    import comfy.utils

    def run_until(step, run, **given):
        def stop(value, total, preview, **_):
            bar.append((value, total, preview))
            if value == step:
                management.interrupt_current_processing(True)

        comfy.utils.set_progress_bar_global_hook(stop)
        with pytest.raises(management.InterruptProcessingException):
            run(**given)
        management.interrupt_current_processing(False)
        comfy.utils.set_progress_bar_global_hook(
            lambda value, total, preview, **_: bar.append((value, total, preview))
        )
        bar.clear()

    return run_until


@pytest.mark.parametrize("keep_images", [True, False])
def test_a_stopped_clip_goes_on_as_if_it_never_stopped(run, mesh, bar, stopped, keep_images):
    given = {
        "mesh": mesh(4),
        "audio": {"waveform": torch.rand(1, 1, 8000) * 0.1, "sample_rate": 44100},
        "keep_images": keep_images,
    }
    whole = run(**given)
    stopped(2 * STEPS + 1, run, **given)
    video, images, first, latent = run(**given)
    assert bar[0][0] == 2 * STEPS + 1, "two frames are not made again"
    assert torch.equal(images, whole[1])
    assert torch.equal(first, whole[2])
    assert torch.equal(latent["samples"], whole[3]["samples"])
    made, expected = video.get_components(), whole[0].get_components()
    assert made.images.shape == expected.images.shape
    assert (made.images - expected.images).abs().mean() < 0.01, "it was encoded in two parts"
    assert made.audio["waveform"].shape == expected.audio["waveform"].shape
    bar.clear()
    run(**given)
    assert bar[0][0] == 1, "a clip that is whole is not gone on with"


def test_another_clip_begins_anew(run, mesh, bar, stopped):
    given = {"mesh": mesh(3)}
    stopped(STEPS + 1, run, **given)
    run(**given, seed=6)
    assert bar[0][0] == 1
    bar.clear()
    run(**given)
    assert bar[0][0] == 1, "and the one that was stopped is forgotten"


def test_nothing_is_loaded_twice(run, told):
    run()  # whatever was not there yet
    told.clear()
    run()
    assert [line for line in told if "Requested to load" in line] == []


@pytest.fixture
def moved(pack, monkeypatch):
    """What ComfyUI moves to its device and off it from here on, from an empty one."""
    from comfy import model_management as management
    from comfy.model_patcher import ModelPatcher

    management.unload_all_models()
    load, detach, seen = ModelPatcher.load, ModelPatcher.detach, []

    def loads(patcher, *given, **options):
        seen.append(("load", type(patcher.model).__name__))
        return load(patcher, *given, **options)

    def detaches(patcher, unpatch_all=True):
        if unpatch_all:  # else it only changes hands, at every use
            seen.append(("detach", type(patcher.model).__name__))
        return detach(patcher, unpatch_all)

    monkeypatch.setattr(ModelPatcher, "load", loads)
    monkeypatch.setattr(ModelPatcher, "detach", detaches)
    return seen


def test_every_network_is_loaded_once_however_many_frames(pack, run, moved):
    names = ("textual", "spatial", "blending", "matting")
    embedded = pack("adapters").load_adapters(**dict.fromkeys(names, "embedded"))
    run(frames=6, adapters=embedded)
    unet, vae = "BaseModel", "SuiteAutoencoder"
    adapters = ("SpatialConditionAdapter", "MaskBlendingAdapter", "MattingNet")
    assert sorted(moved) == sorted(("load", network) for network in (unet, vae, *adapters))
    moved.clear()
    run(frames=2, adapters=embedded)
    assert moved == []


def test_memory_does_not_grow_with_frames(run):
    psutil = pytest.importorskip("psutil")
    process = psutil.Process(os.getpid())

    def used_after(frames):
        run(frames=frames, steps=1, cfg=1.0, keep_images=False)
        return process.memory_info().rss

    used_after(2)
    few, many = used_after(2), used_after(14)
    assert many - few < 20e6


def test_images_that_do_not_fit_are_refused_before_the_work(run, bar, monkeypatch):
    import comfy.model_management as management

    monkeypatch.setattr(management, "get_free_memory", lambda *_: 1e5)
    with pytest.raises(InputError, match="IMAGE of 3 frames of 128 x 128 would take 0.0 GB"):
        run()
    assert bar == []


def test_switched_off_images_are_only_the_last(run):
    every, last = run()[1], run(keep_images=False)[1]
    assert torch.equal(last, every[-1:])


def test_a_given_image_is_the_first_frame(run):
    portrait = torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(9))
    _video, images, first, _latent = run(frames=2, image=portrait)
    assert torch.allclose(first, portrait, atol=1e-6)
    assert torch.allclose(images[:1], portrait, atol=1e-6)
    with pytest.raises(InputError, match="image is 1 of 64 x 64 but the meshes are 128 x 128"):
        run(frames=2, image=portrait[:, :64, :64])


def test_a_given_matte_and_background_are_used(run):
    matte = torch.zeros(1, 128, 128)
    matte[:, :, :64] = 1
    plain = run(frames=2)[1]
    assert not torch.equal(run(frames=2, matte=matte)[1][1], plain[1])
    white = run(frames=2, matte=matte, background=torch.ones(1, 128, 128, 3))[1]
    black = run(frames=2, matte=matte, background=torch.zeros(1, 128, 128, 3))[1]
    changed = (white[1] - black[1]).abs().amax(2)
    assert changed[:, 90:].mean() > 3 * changed[:, :48].mean()
    with pytest.raises(InputError, match="matte is 1 of 64 x 128 but the frames will be 128 x 128"):
        run(frames=2, matte=matte[..., :64])


def test_a_controlnet_sees_the_picture_of_each_frame(pack, suite, run):
    """A hint of three pictures is three clips of one picture each, joined."""
    seen = []

    class Watched(_control_base()):
        def get_control(self, *_):
            seen.append(self.cond_hint_original.clone())

        def copy(self):
            made = Watched()
            self.copy_to(made)
            return made

    hint = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 3, 128, 128)

    def under(conditioning, pictures):
        control = Watched().set_cond_hint(pictures)
        return [[states, options | {"control": control}] for states, options in conditioning]

    run(positive=under(suite.positive, hint))
    assert [float(one.mean()) for one in seen] == [0, 0, 1, 1, 2, 2]
    assert all(len(one) == 1 for one in seen)
    with pytest.raises(InputError, match="given 2 pictures but the clip has 3 frames"):
        run(positive=under(suite.positive, hint[:2]))


def test_a_lora_changes_the_film_and_is_not_in_the_model(suite, run):
    import comfy.sd

    draw = torch.Generator().manual_seed(10)
    lora = {
        "lora_unet_input_blocks_1_0_in_layers_2.lora_up.weight": torch.randn(
            64, 2, 1, 1, generator=draw
        ),
        "lora_unet_input_blocks_1_0_in_layers_2.lora_down.weight": torch.randn(
            2, 64, 3, 3, generator=draw
        ),
    }
    model, _clip = comfy.sd.load_lora_for_models(suite.model, suite.clip, lora, 1.0, 1.0)
    plain = run(frames=2)[1]
    assert (run(frames=2, model=model)[1] - plain).abs().max() > 1e-2
    assert torch.equal(run(frames=2)[1], plain)


def test_guidance_stops_after_its_share(suite, run):
    rows = []

    def count(apply_model, args):
        rows.append(len(args["input"]))
        return apply_model(args["input"], args["timestep"], **args["c"])

    model = suite.model.clone()
    model.set_model_unet_function_wrapper(count)
    run(frames=2, steps=4, model=model, options={"guided_share": 0.5, "guidance": 2.0})
    assert rows == [2, 2, 1, 1] * 2


def test_what_the_model_recommends_holds_unless_asked_otherwise(pack, suite, run):
    recommended = pack("recommended").recommended_of(suite.model)
    asked = {"settles": recommended.settles, "guided_share": recommended.guided_share}
    said = run(frames=1, options=asked)[1]
    assert torch.equal(run(frames=1, bare=True)[1], said)
    assert not torch.equal(run(frames=1)[1], said)


def test_what_goes_beyond_the_paper_runs(run):
    plain = run()[1]
    for options in ({"warm_start": 0.5}, {"resync": 2}):
        other = run(options=options)[1]
        assert torch.equal(other[0], plain[0])
        assert not torch.equal(other[2], plain[2])


def test_given_sigmas_take_the_place_of_steps(suite, run, bar):
    import comfy.samplers

    sampling = suite.model.get_model_object("model_sampling")
    sigmas = comfy.samplers.calculate_sigmas(sampling, "simple", STEPS)
    assert torch.equal(run(frames=2, steps=50, sigmas=sigmas)[1], run(frames=2)[1])
    assert bar[0][1] == 2 * STEPS


def test_given_noise_takes_the_place_of_the_seed(run):
    from comfy_extras.nodes_custom_sampler import Noise_RandomNoise

    before = torch.random.get_rng_state()
    for sampler_name in ("ddim", "euler_ancestral"):
        given = {"frames": 2, "sampler_name": sampler_name}
        drawn = run(**given, seed=6, noise=Noise_RandomNoise(5))[1]
        assert torch.equal(drawn, run(**given, seed=5)[1])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_noise_of_ones_own_is_what_frames_begin_with(run):
    class Mixed:
        """Half of one person and half of another."""

        seed = 5

        def __init__(self, share):
            self.share = share

        def generate_noise(self, latent):
            shape = latent["samples"].shape
            one, other = (
                torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in (5, 6)
            )
            return one * (1 - self.share) ** 0.5 + other * self.share**0.5

    first, second, mixed = (run(frames=2, noise=Mixed(share))[1] for share in (0.0, 1.0, 0.5))
    assert torch.equal(first, run(frames=2, seed=5)[1])
    assert torch.equal(second, run(frames=2, seed=6)[1])
    between = (mixed - first).square().mean(), (mixed - second).square().mean()
    assert max(between) < (first - second).square().mean()


def test_a_stopped_clip_goes_on_with_the_noise_it_was_given(run, bar, stopped, mesh):
    from comfy_extras.nodes_custom_sampler import Noise_RandomNoise

    given = {"noise": Noise_RandomNoise(9), "mesh": mesh(3)}
    whole = run(**given)[1]
    stopped(2 * STEPS + 1, run, **given)
    assert torch.equal(run(**given)[1], whole)
    assert bar[0][0] == 2 * STEPS + 1


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (lambda shape: torch.zeros(shape), "noise is zero, NaN or infinite"),
        (lambda shape: torch.full(shape, torch.nan), "noise is zero, NaN or infinite"),
        (
            lambda shape: torch.randn(2, *shape[1:]),
            "noise is 2 x 4 x 16 x 16 but the latents of a frame are 1 x 4 x 16 x 16",
        ),
    ],
)
def test_noise_that_cannot_begin_a_frame_is_refused(run, bar, drawn, message):
    noise = SimpleNamespace(seed=1, generate_noise=lambda latent: drawn(latent["samples"].shape))
    with pytest.raises(InputError, match=message):
        run(noise=noise)
    assert bar == []


def test_a_given_sampler_takes_the_place_of_the_named_one(run):
    import comfy.samplers

    given = comfy.samplers.sampler_object("euler_ancestral")
    assert torch.equal(
        run(frames=2, sampler=given)[1], run(frames=2, sampler_name="euler_ancestral")[1]
    )


def test_a_vae_of_another_kind_is_refused(suite, run):
    class Sixteen:
        latent_channels, latent_dim = 16, 2

    with pytest.raises(InputError, match="4 latent channels but the VAE gives 16. Connect the VAE"):
        run(vae=Sixteen())


def test_adapters_of_another_model_are_refused(pack, run):
    from imagineid_core.imagine.spatial_condition import (
        SpatialConditionAdapter,
        SpatialConditionConfig,
    )

    other = SpatialConditionAdapter(SpatialConditionConfig(channels=(8, 8, 8), num_blocks=1))
    ours = pack("adapters")
    with pytest.raises(WeightsError, match=r"\(8, 8, 8\) channels but this MODEL's"):
        run(adapters=ours.AdapterBundle(spatial=ours.patched(other)))


def _control_base():
    from comfy.controlnet import ControlBase

    return ControlBase
