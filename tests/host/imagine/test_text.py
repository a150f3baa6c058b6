"""TIA on ComfyUI's CLIP gives what the core gives on transformers'."""

import pytest
import torch

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.textual_inversion import (
    TextualInversionAdapter,
    TextualInversionConfig,
    encode_text,
    prompt_ids,
)
from imagineid_core.values import Emotion, Identity

LONG = "red hat blue hat green hat " * 14  # 84 tokens


@pytest.fixture
def heard():
    draw = torch.Generator().manual_seed(4)
    return {
        "identity": Identity(shape=torch.zeros(1, 80), semantics=torch.randn(1, 6, generator=draw)),
        "emotion": Emotion(
            style=torch.randn(1, 3, 5, generator=draw), expression=torch.zeros(1, 3, 64)
        ),
    }


@pytest.fixture
def read(pack, suite, adapters, heard):
    def states(text, clip=None, **given):
        parts = {"clip": clip or suite.clip, "adapters": adapters, **heard, **given}
        ((states, _options),) = pack("text").TextualInversion.execute(text=text, **parts).args[0]
        return states

    return states


def test_it_is_the_cores_encoding(pack, read, networks, diffusers_suite, heard):
    words = pack("text").words_of(networks.textual, **heard)
    ids = prompt_ids(diffusers_suite.tokenizer, "portrait of a person, a red hat", len(words))
    expected = encode_text(diffusers_suite.text_encoder, ids, words[None]).states
    assert torch.allclose(read("a red hat"), expected, atol=1e-5)


def test_another_emotion_reads_otherwise(read, heard):
    other = Emotion(style=-heard["emotion"].style, expression=heard["emotion"].expression)
    assert (read("") - read("", emotion=other)).abs().max() > 1e-3


def test_weights_and_clip_skip_work_on(suite, read):
    skipping = suite.clip.clone()
    skipping.clip_layer(-2)
    plain = read("a red hat")
    for other in (read("a (red:1.5) hat"), read("a red hat", clip=skipping)):
        assert other.isfinite().all()
        assert (plain - other).abs().max() > 1e-3


def test_a_long_prompt_keeps_every_token_and_the_words(pack, suite, read, heard):
    assert read(LONG).shape[1] == 2 * 77
    other = Emotion(style=-heard["emotion"].style, expression=heard["emotion"].expression)
    changed = (read(LONG) - read(LONG, emotion=other)).abs().amax((0, 2))
    assert changed[:77].max() < 1e-5
    assert changed[77:].max() > 1e-3


def test_a_full_chunk_is_followed_by_one_for_the_words(pack, suite):
    class Tokenizer:
        start_token, end_token, pad_token, max_length = 1, 2, 2, 77

    full = [(1, 1.0), *[(9, 1.0)] * 75, (2, 1.0)]
    first, second = pack("text").with_words([full], torch.zeros(8, 4), Tokenizer)
    assert first == full
    assert [token if isinstance(token, int) else "word" for token, _ in second[:11]] == [
        1, *["word"] * 8, 2, 2
    ]  # fmt: skip
    assert len(second) == 77


def test_a_width_clip_cannot_read_is_our_error(pack, suite, read):
    config = TextualInversionConfig(identity_dim=6, emotion_dim=5, text_dim=768)
    other = pack("adapters").AdapterBundle(textual=TextualInversionAdapter(config))
    with pytest.raises(WeightsError, match=r"width 768 but this CLIP reads 128 .*Connect the CLIP"):
        read("", adapters=other)


def test_two_text_encoders_are_refused(pack):
    with pytest.raises(WeightsError, match=r"2 text encoders \(g, l\)"):
        pack("text")._only_encoder({"g": [], "l": []})


def test_what_is_not_connected_is_named(read):
    with pytest.raises(InputError, match="'emotion' is not connected"):
        read("", emotion=None)


def test_without_an_adapter_the_text_stands_behind_the_suites_prompt(pack, suite, read, caplog):
    states = read("a red hat", adapters=pack("adapters").AdapterBundle())
    tokens = suite.clip.tokenize("portrait of a person, a red hat")
    assert torch.equal(states, suite.clip.encode_from_tokens_scheduled(tokens)[0][0])
    assert "no textual inversion adapter" in caplog.text
