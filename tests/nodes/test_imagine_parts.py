"""What the imagining nodes do of themselves, without ComfyUI: words, hints, adapters, blending."""

import pytest
import torch

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine import mask_blending, textual_inversion
from tests.imagine.tiny_diffusion import VAE as TINY_VAE


class Tokenizer:
    start_token, end_token, pad_token, max_length = 100, 101, 101, 12


def chunk(*tokens):
    filled = [Tokenizer.start_token, *tokens, Tokenizer.end_token]
    filled += [Tokenizer.pad_token] * (Tokenizer.max_length - len(filled))
    return [(token, 1.0) for token in filled]


def marks(chunk):
    return ["word" if isinstance(token, torch.Tensor) else token for token, _weight in chunk]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ((1, 2), [100, 1, 2, "word", "word", "word", 101, 101, 101, 101, 101, 101]),
        ((), [100, "word", "word", "word", 101, 101, 101, 101, 101, 101, 101, 101]),
        (tuple(range(1, 8)), [100, 1, 2, 3, 4, 5, 6, 7, "word", "word", "word", 101]),
    ],
)
def test_words_stand_behind_the_prompt(pack, prompt, expected):
    (made,) = pack("text").with_words([chunk(*prompt)], torch.zeros(3, 4), Tokenizer)
    assert marks(made) == expected


def test_words_that_do_not_fit_get_a_chunk_of_their_own(pack):
    before = [chunk(1), chunk(*range(1, 9))]
    *kept, own = pack("text").with_words(before, torch.zeros(3, 4), Tokenizer)
    assert kept == before
    assert marks(own)[:6] == [100, "word", "word", "word", 101, 101]
    assert len(own) == Tokenizer.max_length


def test_a_weight_and_an_embedding_of_the_prompt_stay(pack):
    given = [(100, 1.0), (torch.ones(4), 1.3), (7, 0.5), *[(101, 1.0)] * 9]
    (made,) = pack("text").with_words([given], torch.zeros(3, 4), Tokenizer)
    assert made[1:3] == given[1:3]
    assert marks(made)[3:7] == ["word"] * 3 + [101]


class Control:
    """As much of ComfyUI's ControlBase as a chain needs."""

    def __init__(self, hint, previous=None):
        self.cond_hint_original, self.previous_controlnet = hint, previous

    def copy(self):
        return Control(self.cond_hint_original)

    def set_previous_controlnet(self, previous):
        self.previous_controlnet = previous
        return self


def test_a_frame_sees_its_own_picture_of_every_control(pack):
    many, one = torch.arange(3.0).view(3, 1, 1, 1), torch.full((1, 1, 1, 1), 9.0)
    chain = Control(many, Control(one, Control(None)))
    text = [["states", {"control": chain, "strength": 2}], ["more", {"control": chain}]]
    shared = {}
    first, second = pack("frame_control").of_frame(text, 2, 3, shared)
    control = first[1]["control"]
    assert float(control.cond_hint_original) == 2
    assert float(control.previous_controlnet.cond_hint_original) == 9
    assert control.previous_controlnet.previous_controlnet.cond_hint_original is None
    assert first[1]["strength"] == 2
    assert second[1]["control"] is control
    assert chain.cond_hint_original is many
    assert chain.previous_controlnet.cond_hint_original is one


def test_pictures_that_are_not_one_a_frame_are_refused(pack):
    text = [["states", {"control": Control(torch.zeros(2, 1, 1, 1))}]]
    with pytest.raises(InputError, match="given 2 pictures but the clip has 3 frames"):
        pack("frame_control").of_frame(text, 0, 3, {})


def test_conditioning_without_control_stays(pack):
    text = [["states", {"area": 1}]]
    assert pack("frame_control").of_frame(text, 0, 3, {}) == text


def test_adapters_are_files_of_the_folder_or_left_out(pack, home, caplog):
    config = textual_inversion.TextualInversionConfig(
        identity_dim=2, emotion_dim=2, hidden_dim=3, text_dim=4
    )
    save_checkpoint(
        home / "models/imagineid/words.safetensors",
        textual_inversion.TextualInversionAdapter(config),
        architecture=textual_inversion.ARCHITECTURE,
        config=config,
    )
    others = {"spatial": "none", "blending": "none", "matting": "none"}
    ours = pack("adapters")
    bundle = ours.load_adapters(textual="words.safetensors", **others)
    assert bundle.textual.config == config
    assert (bundle.spatial, bundle.blending, bundle.matting) == (None, None, None)
    assert caplog.text == ""
    with pytest.raises(WeightsError, match="'textual_inversion' not found in models/imagineid"):
        ours.load_adapters(textual="gone.safetensors", **others)


class TinyVae:
    """ComfyUI's VAE as far as blending sees it, around diffusers' blocks."""

    latent_dim = 2

    def __init__(self):
        from diffusers import AutoencoderKL

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first_stage_model = AutoencoderKL(**TINY_VAE).eval().requires_grad_(False)

    def spacial_compression_decode(self):
        return 8

    def encode(self, pictures):
        return self.first_stage_model.encode(pictures.movedim(-1, 1) * 2 - 1).latent_dist.mode()

    def decode(self, latents):
        made = self.first_stage_model.decode(latents, return_dict=False)[0]
        return (made / 2 + 0.5).movedim(1, -1)


@pytest.mark.parametrize("channels", [(4,), (4, 4), (4, 4, 8, 8)])
def test_blending_by_hooks_is_the_cores_to_the_bit(pack, channels):
    vae, draw = TinyVae(), torch.Generator().manual_seed(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        network = mask_blending.MaskBlendingAdapter(
            mask_blending.MaskBlendingConfig(channels=channels)
        ).requires_grad_(False)
    latents = torch.randn(1, 4, 8, 8, generator=draw)
    background = torch.rand(1, 64, 64, 3, generator=draw)
    mask = torch.rand(1, 64, 64, generator=draw)
    net = vae.first_stage_model
    plate = network.background(net, background.movedim(-1, 1) * 2 - 1)
    expected = network.decode(net, latents, plate, mask[:, None]) / 2 + 0.5
    bundle = pack("adapters").AdapterBundle(blending=pack("adapters").patched(network))
    node = pack("blending").MaskBlendVAEDecode
    (made,) = node.execute({"samples": latents}, vae, background, mask, bundle).args
    assert torch.equal(made, expected.movedim(1, -1))
    assert not any(part._forward_hooks for part in net.modules())


def test_a_vae_without_levels_is_refused(pack):
    class Flat:
        first_stage_model = torch.nn.Linear(1, 1)

    with pytest.raises(WeightsError, match=r"this VAE \(Linear\) does not have.*Connect"):
        pack("blending").check_fits(Flat, mask_blending.MaskBlendingConfig())
