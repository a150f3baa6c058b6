import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from imagineid_core.checkpoint import config_from_json, config_to_json, save_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.mini_suite import MiniSuiteConfig, build_text_encoder
from imagineid_core.imagine.textual_inversion import (
    ARCHITECTURE,
    FACE_PROMPT,
    TextualInversionAdapter,
    TextualInversionConfig,
    append_words,
    check_fits_text_encoder,
    encode_text,
    load_textual_inversion,
    prompt_ids,
    start_at_word,
    with_own_words,
)
from imagineid_core.imagine.tokenizer import token_numbers, vocabulary_of, write_vocabulary

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of transformers' imports

WORDS = vocabulary_of(["a", "red", "hat", "on", "his", "head"])
TINY = MiniSuiteConfig(text_width=16, text_layers=2, text_heads=2)
CONFIG = TextualInversionConfig(
    identity_dim=6, emotion_dim=4, hidden_dim=8, num_words=3, text_dim=16
)


@pytest.fixture
def text_encoder():
    torch.manual_seed(0)
    return build_text_encoder(TINY, WORDS).eval()


@pytest.fixture
def adapter():
    torch.manual_seed(1)
    return TextualInversionAdapter(CONFIG)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from transformers import CLIPTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    write_vocabulary(folder, WORDS)
    return CLIPTokenizer.from_pretrained(str(folder))


def numbers(*texts):
    return token_numbers(list(texts), WORDS)


def embeddings_of(text_encoder, text, num_words):
    inner = numbers(text)[:, 1 : 1 + num_words]
    return text_encoder.get_input_embeddings()(inner).detach()


# The same sum in another order of float32: a few roundings of values near 1.
CLOSE = {"rtol": 0, "atol": 1e-6}


@torch.no_grad()
def test_embeddings_of_real_words_are_read_as_these_words(text_encoder):
    words = embeddings_of(text_encoder, "on his head", 3)
    got = encode_text(text_encoder, numbers("a red hat"), words)
    expected = text_encoder(numbers("a red hat on his head"))
    torch.testing.assert_close(got.states, expected.last_hidden_state, **CLOSE)
    torch.testing.assert_close(got.pooled, expected.pooler_output, **CLOSE)
    assert (got.states - text_encoder(numbers("a red hat")).last_hidden_state).abs().max() > 0.01


@torch.no_grad()
def test_prompts_of_several_lengths_take_their_own_words(text_encoder):
    short, long = (embeddings_of(text_encoder, words, 2) for words in ("his head", "red hat"))
    got = encode_text(text_encoder, numbers("a", "a red hat on"), torch.cat([short, long]))
    expected = text_encoder(numbers("a his head", "a red hat on red hat"))
    torch.testing.assert_close(got.states, expected.last_hidden_state, **CLOSE)
    torch.testing.assert_close(got.pooled, expected.pooler_output, **CLOSE)


@torch.no_grad()
def test_the_text_encoder_is_left_as_it_was(text_encoder):
    ids = numbers("a red hat")
    before = text_encoder(ids).last_hidden_state
    words = torch.randn(1, 8, 16)
    encode_text(text_encoder, ids, words)
    text_encoder.encoder.register_forward_pre_hook(failing := Failing())
    with pytest.raises(RuntimeError, match="out of memory"):
        encode_text(text_encoder, ids, words)
    failing.off = True
    assert not text_encoder.get_input_embeddings()._forward_hooks
    assert torch.equal(text_encoder(ids).last_hidden_state, before)
    assert torch.equal(encode_text(text_encoder, ids).states, before)


class Failing:
    off = False

    def __call__(self, module, inputs):
        if not self.off:
            raise RuntimeError("out of memory")


@pytest.mark.parametrize(("end", "padding"), [(2, 99), (99, 99), (99, 0)])
@torch.no_grad()
def test_both_of_clips_rules_for_the_end_hold(end, padding):
    """SD1.x has eos_token_id 2, so CLIP pools at the largest id; SD2.x pads with 0."""
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=100,
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            eos_token_id=end,
            bos_token_id=98,
            pad_token_id=padding,
        )
    ).eval()
    plain = torch.tensor([[98, 5, 6, 99] + [padding] * 73])
    longer = torch.tensor([[98, 5, 6, 7, 8, 99] + [padding] * 71])
    words = model.get_input_embeddings()(torch.tensor([[7, 8]]))
    got, expected = encode_text(model, plain, words), model(longer)
    torch.testing.assert_close(got.states, expected.last_hidden_state, **CLOSE)
    torch.testing.assert_close(got.pooled, expected.pooler_output, **CLOSE)


@torch.no_grad()
def test_no_token_before_the_words_hears_them(text_encoder):
    ids = numbers("a red hat")
    first, other = (encode_text(text_encoder, ids, torch.randn(1, 2, 16)) for _ in range(2))
    assert torch.equal(first.states[:, :4], other.states[:, :4])
    assert (first.states[:, 4:] - other.states[:, 4:]).abs().amin() > 0


def test_gradients_reach_both_thetas_and_no_frozen_weight(text_encoder, adapter):
    text_encoder.requires_grad_(False)
    semantics = torch.randn(2, 6, requires_grad=True)
    style = torch.randn(2, 1, 4, requires_grad=True)
    words = adapter(semantics, style)[:, 0]
    encode_text(text_encoder, numbers("a red hat"), words).states.square().sum().backward()
    for tensor in (semantics, style, *adapter.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in text_encoder.parameters())


def test_append_words_keeps_the_order_and_the_length():
    embedded = torch.arange(6.0).repeat(2, 1)[..., None]
    words = torch.tensor([[[10.0], [11.0]], [[20.0], [21.0]]])
    got = append_words(embedded, words, torch.tensor([3, 1]))[..., 0]
    assert got.tolist() == [[0, 1, 2, 10, 11, 3], [0, 20, 21, 1, 2, 3]]
    assert embedded[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_one_word_embedding_a_frame_where_the_emotion_varies(adapter):
    semantics, style = torch.randn(2, 6), torch.randn(2, 5, 4)
    words = adapter(semantics, style)
    assert words.shape == (2, 5, 3, 16)
    alone = adapter(semantics[1:], style[1:, 3:4])
    torch.testing.assert_close(words[1:, 3:4], alone, rtol=1e-5, atol=1e-6)


def test_the_defaults_are_eight_words_for_sd_1():
    network = TextualInversionAdapter(TextualInversionConfig())
    assert sum(p.numel() for p in network.parameters()) == 3_676_672
    assert network(torch.zeros(1, 512), torch.zeros(1, 1, 512)).shape == (1, 1, 8, 768)


def test_training_starts_near_a_real_word(adapter):
    word = torch.randn(16) * 0.01
    start_at_word(adapter, word)
    off = adapter(torch.randn(50, 6), torch.randn(50, 1, 4)) - word
    assert 0 < off.square().mean().sqrt() < 0.1 * word.square().mean().sqrt()


def test_the_users_words_follow_the_predefined_prompt():
    assert with_own_words(FACE_PROMPT, "  red hat, ") == f"{FACE_PROMPT}, red hat"
    assert with_own_words(FACE_PROMPT) == FACE_PROMPT
    assert with_own_words("", "red hat") == "red hat"


def test_a_prompt_fills_what_the_words_leave_and_no_more(tokenizer, text_encoder):
    fits = prompt_ids(tokenizer, "red " * 67, 8)
    assert fits.tolist() == numbers("red " * 67).tolist()
    assert encode_text(text_encoder, fits, torch.zeros(1, 8, 16)).states.shape == (1, 77, 16)
    with pytest.raises(InputError, match="68 tokens long but 67 fit beside 8 .* 'hat'"):
        prompt_ids(tokenizer, "red " * 67 + "hat", 8)
    with pytest.raises(InputError, match="76 tokens long but 75 fit[.]"):
        prompt_ids(tokenizer, "red " * 76)
    with pytest.raises(InputError, match="ends at token 69 of 77, which leaves no room for 8"):
        encode_text(text_encoder, numbers("red " * 68), torch.zeros(1, 8, 16))


def test_words_for_another_text_encoder_are_refused_with_both_widths(text_encoder, adapter):
    with pytest.raises(WeightsError, match="words of width 768 but this text encoder reads 16"):
        check_fits_text_encoder(768, text_encoder)
    with pytest.raises(WeightsError, match="words of width 7"):
        encode_text(text_encoder, numbers("a"), torch.zeros(1, 2, 7))
    with pytest.raises(InputError, match="theta_id is 5 wide and theta_e 4, .* made for 6 and 4"):
        adapter(torch.zeros(1, 5), torch.zeros(1, 1, 4))
    with pytest.raises(InputError, match="no end of text"):
        encode_text(text_encoder, torch.zeros(1, 77, dtype=torch.long), torch.zeros(1, 2, 16))
    with pytest.raises(InputError, match="num_words is 76"):
        TextualInversionConfig(num_words=76)


def test_a_file_brings_its_prompt_and_every_key(adapter, tmp_path):
    assert config_from_json(config_to_json(CONFIG), TextualInversionConfig) == CONFIG
    path = tmp_path / "tia.safetensors"
    save_checkpoint(path, adapter, architecture=ARCHITECTURE, config=CONFIG)
    loaded = load_textual_inversion(path)
    assert loaded.config.prompt == FACE_PROMPT
    given = (torch.randn(1, 6), torch.randn(1, 1, 4))
    assert torch.equal(loaded(*given), adapter(*given))
    metadata = {"format_version": "1", "architecture": ARCHITECTURE}
    metadata["config"] = config_to_json(CONFIG)
    state = {key: value for key, value in adapter.state_dict().items() if key != "map.2.bias"}
    save_file(state, path, metadata=metadata)
    with pytest.raises(WeightsError, match=r"missing map\.2\.bias"):
        load_textual_inversion(path)
    assert isinstance(adapter.map[2], nn.Linear)
