"""The imagining nodes in a running ComfyUI: a voice to a film, stopped, repeated, refused."""

import io
import time

import av
import numpy as np
import pytest
from host.comfy_server import ComfyServer, messages_of
from host.graphs import Prompt, changed, listening, node, ours
from PIL import Image

SECONDS = 0.12  # three frames


def imagining(**sampler) -> Prompt:
    """A voice to a film on the Mini Suite; its nodes also mini, adapters, text, sampler."""
    given = {
        "seed": 1,
        "steps": 2,
        "cfg": 1.5,
        "sampler_name": "ddim",
        "scheduler": "simple",
        "keep_images": True,
        "show_size": 0,
        "show_label": True,
        **sampler,
    }
    return {
        **listening(SECONDS),
        "face": ours("FaceBasisLoader", face="open face (embedded)"),
        "mesh": ours(
            "MeshRender",
            performance=["head", 0],
            face_basis=["face", 0],
            size=128,
            pictures=False,
        ),
        "mini": ours("MiniSuiteLoader"),
        "adapters": ours(
            "AdapterLoader",
            textual="embedded",
            spatial="embedded",
            blending="embedded",
            matting="embedded",
        ),
        "text": ours(
            "TextualInversionAdapter",
            clip=["mini", 1],
            adapters=["adapters", 0],
            text="red hat",
            identity=["identity", 0],
            emotion=["emotion", 0],
        ),
        "empty": node("CLIPTextEncode", clip=["mini", 1], text=""),
        "sampler": ours(
            "AutoregressiveSampler",
            model=["mini", 0],
            vae=["mini", 2],
            positive=["text", 0],
            negative=["empty", 0],
            mesh=["mesh", 0],
            adapters=["adapters", 0],
            audio=["voice", 0],
            **given,
        ),
        "film": node(
            "SaveVideo",
            video=["sampler", 0],
            filename_prefix="imagined",
            format="mp4",
            codec="h264",
        ),
        "images": node("SaveImage", images=["sampler", 1], filename_prefix="imagined"),
    }


def pictures(server: ComfyServer, outputs) -> list[bytes]:
    return [
        server.get_bytes(f"/view?filename={one['filename']}&type={one['type']}")
        for one in outputs["images"]["images"]
    ]


def pixels(server, outputs):
    """Without the prompt, which ComfyUI writes into its pictures."""
    return np.stack([Image.open(io.BytesIO(one)) for one in pictures(server, outputs)])


@pytest.fixture(scope="module")
def first_run(server: ComfyServer):
    return pictures(server, server.outputs(imagining()))


def test_a_voice_becomes_a_film_with_sound(server, first_run):
    assert len(first_run) == 3
    (film,) = (server.home / "output").glob("imagined*.mp4")
    with av.open(str(film)) as made:
        picture, sound = made.streams.video[0], made.streams.audio[0]
        assert (picture.width, picture.height, picture.frames) == (512, 546, 3)
        assert picture.average_rate == 25
        assert float(sound.duration * sound.time_base) == pytest.approx(SECONDS, abs=0.05)


def test_what_has_not_changed_is_not_run_again(server, first_run):
    (cached,) = messages_of(server.run(imagining()), "execution_cached")
    assert {"mini", "adapters", "text", "sampler", "film"} <= set(cached["nodes"])


def test_the_same_seed_gives_the_same_film_again(server, first_run):
    other = pictures(server, server.outputs(imagining(seed=2)))
    again = pictures(server, server.outputs(imagining()))
    assert other != again
    assert again == first_run


def test_stock_noise_sampler_and_sigmas_are_as_the_widgets(server, first_run):
    """The same numbers through Random Noise, KSamplerSelect and BasicScheduler."""
    prompt = {
        **imagining(seed=9, steps=7, sampler_name="euler", scheduler="normal"),
        "noise": node("RandomNoise", noise_seed=1),
        "chosen": node("KSamplerSelect", sampler_name="ddim"),
        "levels": node(
            "BasicScheduler", model=["mini", 0], scheduler="simple", steps=2, denoise=1.0
        ),
    }
    wired = {"noise": ["noise", 0], "sampler": ["chosen", 0], "sigmas": ["levels", 0]}
    made = server.outputs(changed(prompt, "sampler", **wired))
    assert np.array_equal(pixels(server, made), pixels(server, server.outputs(imagining())))
    empty = changed(prompt, "sampler", **wired) | {"noise": node("DisableNoise")}
    told = server.failure(empty)["exception_message"]
    assert "noise is zero, NaN or infinite, but every frame begins with it" in told


def test_stop_is_heard_at_once(server):
    number = server.submit(imagining(seed=3, steps=1000))
    end = time.monotonic() + 120
    while number not in str(server.get("/queue")["queue_running"]):
        assert time.monotonic() < end
        time.sleep(0.1)
    time.sleep(5)
    asked = time.monotonic()
    server.post("/interrupt", {})
    while number not in (history := server.get(f"/history/{number}")):
        assert time.monotonic() < asked + 15
        time.sleep(0.1)
    (told,) = messages_of(history[number], "execution_interrupted")
    assert told["node_id"] == "sampler"


def test_a_stopped_clip_goes_on_when_it_is_run_again(server):
    films = server.home / "temp"
    prompt, before = imagining(seed=4, steps=8), set(films.glob(".imagineid_*"))
    number = server.submit(prompt)
    end = time.monotonic() + 120
    while set(films.glob(".imagineid_*")) == before:  # the film begins with its first frame
        assert time.monotonic() < end
        time.sleep(0.01)
    server.post("/interrupt", {})
    while number not in (history := server.get(f"/history/{number}")):
        time.sleep(0.1)
    assert messages_of(history[number], "execution_interrupted")
    gone_on = pixels(server, server.outputs(prompt))
    assert "goes on behind its frame" in server.log.read_text()
    anew = server.outputs(changed(prompt, "sampler", show_size=256))
    assert np.array_equal(gone_on, pixels(server, anew))


def test_memory_stays_after_more_films(server):
    psutil = pytest.importorskip("psutil")
    process = psutil.Process(server.process_id)

    def used_after(seeds):
        for seed in seeds:
            server.outputs(imagining(seed=seed, steps=1, keep_images=False))
        return process.memory_info().rss

    few = used_after(range(100, 104))
    assert used_after(range(104, 112)) - few < 30e6


def test_wrong_wires_are_refused_in_our_words(server):
    told = server.refusal(changed(imagining(), "sampler", vae=["mini", 0]))
    assert "'vae' of Autoregressive Sampler takes VAE but is wired to MODEL. Connect" in told
    told = server.refusal(changed(imagining(), "sampler", mesh=["head", 0]))
    assert "takes IMAGINEID_MESH but is wired to IMAGINEID_PERFORMANCE" in told
    assert "'3DMM Render'" in told


def test_missing_weights_are_named_with_their_folder(server):
    told = server.refusal(changed(imagining(), "adapters", spatial="gone.safetensors"))
    assert "weights for 'spatial_condition' not found in models/imagineid" in told
    assert "gone.safetensors" in told


@pytest.mark.parametrize(
    ("taken", "size", "count", "told"),
    [
        ("image", 64, 1, "image is 1 of 64 x 64 but the meshes are 128 x 128. Give one picture"),
        ("image", 128, 2, "image is 2 of 128 x 128 but the meshes are 128 x 128. Give one"),
        ("background", 64, 1, "background is 1 of 64 x 64 but the frames will be 128 x 128"),
    ],
)
def test_pictures_that_do_not_fit_are_told_in_our_words(server, taken, size, count, told):
    prompt = changed(imagining(), "sampler", **{taken: ["white", 0]})
    prompt["white"] = node("EmptyImage", width=size, height=size, batch_size=count, color=0xFFFFFF)
    failure = server.failure(prompt)
    assert failure["node_id"] == "sampler"
    assert told in failure["exception_message"]


def test_a_mask_of_another_size_is_told_in_our_words(server):
    told = server.failure(
        {
            "mini": ours("MiniSuiteLoader"),
            "latents": node("EmptyLatentImage", width=128, height=128, batch_size=2),
            "white": node("EmptyImage", width=128, height=128, batch_size=1, color=0xFFFFFF),
            "mask": node("SolidMask", value=1.0, width=64, height=128),
            "blend": ours(
                "MaskBlendVAEDecode",
                samples=["latents", 0],
                vae=["mini", 2],
                background=["white", 0],
                mask=["mask", 0],
            ),
            "save": node("PreviewImage", images=["blend", 0]),
        }
    )
    assert told["node_id"] == "blend"
    assert "mask is 64 x 128 but the picture will be 128 x 128" in told["exception_message"]
