"""TIA: theta_id and theta_e as pseudo-words behind the prompt (Sec. 3.2, Eq. 8).

A pseudo-word is a vector in the space of CLIP's token embeddings: CLIP adds its positions to it and
reads it as any other word. Knows nothing about voices, UNets or training.
"""

from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from imagineid_core.checkpoint import load_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.tokenizer import NUM_POSITIONS

ARCHITECTURE = "textual_inversion"
FACE_PROMPT = "a high-quality photo of a face, detailed, sharp focus"
TextEncoder = Any  # CLIPTextModel of transformers
Tokenizer = Any  # CLIPTokenizer


@dataclass(frozen=True, kw_only=True)
class TextualInversionConfig:
    """`text_dim` is 768 for SD1.x and 1024 for SD2.x; `prompt` is what the words stand behind."""

    identity_dim: int = 512  # theta_id
    emotion_dim: int = 512  # theta_e
    hidden_dim: int = 512
    num_words: int = 8  # N
    text_dim: int = 768
    prompt: str = FACE_PROMPT

    def __post_init__(self) -> None:
        if not 1 <= self.num_words <= NUM_POSITIONS - 2:
            raise InputError(
                f"num_words is {self.num_words} but CLIP reads {NUM_POSITIONS} tokens, two of "
                f"them its own. Use 1 to {NUM_POSITIONS - 2}; the paper's number is 8."
            )


class TextualInversionAdapter(nn.Module):
    """F_TI: [theta_id, theta_e] through two linear layers to N words."""

    def __init__(self, config: TextualInversionConfig) -> None:
        super().__init__()
        self.config = config
        self.map = nn.Sequential(
            nn.Linear(config.identity_dim + config.emotion_dim, config.hidden_dim),
            nn.GELU(),
            nn.Linear(config.hidden_dim, config.num_words * config.text_dim),
        )

    def forward(
        self,
        semantics: Float[Tensor, "batch semantics"],
        style: Float[Tensor, "batch spans style"],
    ) -> Float[Tensor, "batch spans words dim"]:
        """Words of each clip, or of each frame where theta_e varies within the clip."""
        given = (semantics.shape[-1], style.shape[-1])
        if given != (self.config.identity_dim, self.config.emotion_dim):
            raise InputError(
                f"theta_id is {given[0]} wide and theta_e {given[1]}, but this adapter was made "
                f"for {self.config.identity_dim} and {self.config.emotion_dim}. Use the listener "
                "it was trained with."
            )
        who = semantics[:, None].expand(-1, style.shape[1], -1)
        words = self.map(torch.cat([who, style], dim=-1))
        return words.unflatten(-1, (self.config.num_words, self.config.text_dim))


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """Y for the UNet's cross-attention, and the state at the end of the text."""

    states: Float[Tensor, "batch tokens dim"]
    pooled: Float[Tensor, "batch dim"]


def load_textual_inversion(path: str | PathLike[str]) -> TextualInversionAdapter:
    return load_checkpoint(
        str(path),
        TextualInversionAdapter,
        architecture=ARCHITECTURE,
        config_class=TextualInversionConfig,
    )


@torch.no_grad()
def start_at_word(adapter: TextualInversionAdapter, embedding: Float[Tensor, " dim"]) -> None:
    """Before training: every pseudo-word is this word's embedding and a tenth of its size off it.

    Words much larger than CLIP's own would drown the prompt.
    """
    last = adapter.map[2]
    assert isinstance(last, nn.Linear)
    last.bias.copy_(embedding.repeat(adapter.config.num_words))
    spread = 0.1 * embedding.square().mean().sqrt()
    last.weight.normal_(std=float(spread) * adapter.config.hidden_dim**-0.5)


def with_own_words(predefined: str, own: str = "") -> str:
    """The predefined prompt, then the user's words."""
    return ", ".join(part for part in (predefined.strip(" ,"), own.strip(" ,")) if part)


def prompt_ids(tokenizer: Tokenizer, prompt: str, num_words: int = 0) -> Int[Tensor, "1 tokens"]:
    """First token, prompt, last token, padding: 77 in all, with room for `num_words` behind it.

    A prompt that does not fit is refused, not cut: what is cut would be missing from the picture.
    """
    ids = tokenizer(prompt, truncation=False)["input_ids"]
    room = NUM_POSITIONS - num_words
    if len(ids) > room:
        lost = tokenizer.decode(ids[room - 1 : -1]).strip()
        beside = f" beside {num_words} pseudo-words" if num_words else ""
        raise InputError(
            f"the prompt is {len(ids) - 2} tokens long but {room - 2} fit{beside}. "
            f"Shorten it by what is too much, '{lost}', or as much elsewhere."
        )
    padded = tokenizer(prompt, truncation=False, padding="max_length", max_length=NUM_POSITIONS)
    return torch.tensor([padded["input_ids"]])


def encode_text(
    text_encoder: TextEncoder,
    ids: Int[Tensor, "rows tokens"],
    words: Float[Tensor, "batch words dim"] | None = None,
) -> EncodedText:
    """Y: the CLIP text encoder over the prompt's tokens with `words` behind them.

    One row of `ids` serves all of `words`. The last token and the padding move back by N, so the
    pooled state is still taken at the last token; positions and the causal mask are CLIP's own. The
    words take the place of token embeddings by a hook that is gone when this returns.
    """
    if words is None:
        return _encoded(text_encoder, ids)
    check_fits_text_encoder(words.shape[-1], text_encoder)
    ids = ids.to(words.device).expand(len(words), -1)
    ends = _ends_of_text(ids, text_encoder.config.eos_token_id)
    num_words = words.shape[1]
    if int(ends.max()) + num_words >= ids.shape[1]:
        raise InputError(
            f"the prompt ends at token {int(ends.max())} of {ids.shape[1]}, which leaves no room "
            f"for {num_words} pseudo-words. Shorten it."
        )

    def overwrite(_: nn.Module, __: Any, embedded: Tensor) -> Tensor:
        return _overwritten(embedded, words, ends)

    handle = text_encoder.get_input_embeddings().register_forward_hook(overwrite)
    try:
        return _encoded(text_encoder, _with_room(ids, ends, num_words))
    finally:
        handle.remove()


def append_words(
    embedded: Float[Tensor, "batch tokens dim"],
    words: Float[Tensor, "batch words dim"],
    ends: Int[Tensor, " batch"],
) -> Float[Tensor, "batch tokens dim"]:
    """[Y_1 .. Y_M, words, last token, padding] from token embeddings; as many tokens as before.

    `ends` counts the tokens before the last one in each row: the first token and the prompt.
    """
    return _overwritten(_with_room(embedded, ends, words.shape[1]), words, ends)


def check_fits_text_encoder(text_dim: int, text_encoder: TextEncoder) -> None:
    width = text_encoder.config.hidden_size
    if text_dim != width:
        raise WeightsError(
            f"the textual inversion adapter makes words of width {text_dim} but this text encoder "
            f"reads {width} (SD1.x: 768, SD2.x: 1024). Use the adapter trained for this model."
        )


def _encoded(text_encoder: TextEncoder, ids: Tensor) -> EncodedText:
    device = text_encoder.get_input_embeddings().weight.device
    made = text_encoder(ids.to(device))
    return EncodedText(states=made.last_hidden_state, pooled=made.pooler_output)


def _ends_of_text(ids: Tensor, eos_token_id: int) -> Tensor:
    """Where the last token stands, by CLIP's own two rules."""
    if eos_token_id == 2:  # configs of SD1.x: a slip, for which CLIP looks for the largest id
        return ids.argmax(dim=-1)
    is_last = ids == eos_token_id
    if not bool(is_last.any(dim=-1).all()):
        raise InputError(
            f"the token ids hold no end of text ({eos_token_id}). Make them with the tokenizer of "
            "the same model."
        )
    return is_last.int().argmax(dim=-1)


def _with_room(
    tokens: Shaped[Tensor, "batch tokens *dim"], ends: Tensor, num_words: int
) -> Shaped[Tensor, "batch tokens *dim"]:
    """What stands at `ends` and behind moves back; the gap holds the first token for now."""
    place = torch.arange(tokens.shape[1], device=tokens.device)[None]
    gap = ends[:, None].to(tokens.device)
    behind = (place - num_words) * (place >= gap + num_words)
    source = torch.where(place < gap, place, behind)
    return tokens[_rows(tokens), source]


def _overwritten(embedded: Tensor, words: Tensor, starts: Tensor) -> Tensor:
    places = starts[:, None] + torch.arange(words.shape[1], device=starts.device)
    index = (_rows(embedded), places.to(embedded.device))
    return embedded.index_put(index, words.to(embedded))


def _rows(tokens: Tensor) -> Tensor:
    return torch.arange(len(tokens), device=tokens.device)[:, None]
