"""TIA in ComfyUI: pseudo-words of voice and emotion in CLIP's token stream (Sec. 3.2, Eq. 8).

CLIP reads them as it reads any token, so LoRA, clip skip, weights and long prompts work on. Knows
nothing about how identity and emotion are heard.
"""

import logging
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine.textual_inversion import FACE_PROMPT, with_own_words
from imagineid_core.values import Emotion, Identity

from .adapters import AdapterBundle
from .schema import ImagineNode, gives, node_schema, takes
from .sockets import ADAPTERS, EMOTION, IDENTITY

_LOG = logging.getLogger(__name__)


class TextualInversion(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "TextualInversionAdapter",
            "Textual Inversion Adapter",
            "imagine",
            "The prompt with the speaker's voice and emotion behind it, as words that CLIP reads.",
            inputs=[
                takes(io.Clip, "clip", "The text encoder of the MODEL, with LoRA and clip skip."),
                takes(
                    ADAPTERS,
                    "adapters",
                    "The textual inversion adapter in it makes the words (the paper: 8). Without "
                    "one, only the text is read.",
                ),
                takes(
                    io.String,
                    "text",
                    "What the person and the place look like; it stands behind the prompt that "
                    "the adapter was trained with. Weights as (red hat:1.2) work.",
                    default="",
                    multiline=True,
                    dynamic_prompts=True,
                ),
                takes(
                    IDENTITY,
                    "identity",
                    "Whose face: theta_id of the voice, 512 numbers in the paper.",
                    optional=True,
                ),
                takes(
                    EMOTION,
                    "emotion",
                    "How it is said: theta_e, 512 numbers in the paper; one that varies is "
                    "averaged over the clip.",
                    optional=True,
                ),
            ],
            outputs=[gives(io.Conditioning, "conditioning", "Y, for the positive input.")],
        )

    @classmethod
    def execute(
        cls,
        clip: Any,
        adapters: AdapterBundle,
        text: str,
        identity: Identity | None = None,
        emotion: Emotion | None = None,
    ) -> io.NodeOutput:
        adapter = adapters.textual
        if adapter is None:
            _LOG.warning("there is no textual inversion adapter, so only the text is read")
            return io.NodeOutput(encode_words(clip, with_own_words(_predefined(clip), text), None))
        check_width(clip, adapter.config.text_dim)
        words = words_of(adapter, identity, emotion)
        return io.NodeOutput(encode_words(clip, with_own_words(adapter.config.prompt, text), words))


@torch.no_grad()
def words_of(adapter: Any, identity: Identity | None, emotion: Emotion | None) -> Tensor:
    """[words, dim]: one set for a clip."""
    if identity is None or emotion is None:
        missing = "identity" if identity is None else "emotion"
        raise InputError(
            f"'{missing}' is not connected but the textual inversion adapter makes its words of "
            "both voice and emotion. Connect PAD Identity and PAD Emotion, or choose 'none' for "
            "the adapter."
        )
    weight = next(adapter.parameters())
    style = emotion.style.mean(1, keepdim=True)
    return adapter(identity.semantics.to(weight), style.to(weight))[0, 0]


def encode_words(clip: Any, text: str, words: Tensor | None) -> Any:
    """CONDITIONING of a text with pseudo-words behind it."""
    tokens = clip.tokenize(text)
    if words is None:
        return clip.encode_from_tokens_scheduled(tokens)
    name = _only_encoder(tokens)
    tokenizer = getattr(clip.tokenizer, clip.tokenizer.clip)
    chunks = with_words(tokens[name], words, tokenizer)
    return clip.encode_from_tokens_scheduled({name: chunks})


def with_words(chunks: list[Any], words: Tensor, tokenizer: Any) -> list[Any]:
    """The words before the end of the last chunk, or in a chunk of their own where none fit."""
    *before, last = chunks
    slots = [(word, 1.0) for word in words]
    end = _end_of(last, tokenizer.end_token)
    size = tokenizer.max_length
    if end + len(slots) + 1 <= size:
        return [*before, (last[:end] + slots + last[end:])[:size]]
    pad = (tokenizer.pad_token, 1.0)
    own = [(tokenizer.start_token, 1.0), *slots, (tokenizer.end_token, 1.0)]
    return [*chunks, own + [pad] * (size - len(own))]


def check_width(clip: Any, width: int) -> None:
    """ComfyUI leaves out words of another width with a line in its log."""
    network = getattr(clip.cond_stage_model, getattr(clip.cond_stage_model, "clip", ""), None)
    if network is None:
        raise WeightsError(
            f"this CLIP ({type(clip.cond_stage_model).__name__}) is not one text encoder as SD1.x "
            "and SD2.x have it. Connect the CLIP of the model that the adapter was trained for."
        )
    reads = network.transformer.get_input_embeddings().weight.shape[1]
    if reads != width:
        raise WeightsError(
            f"the textual inversion adapter makes words of width {width} but this CLIP reads "
            f"{reads} (SD1.x: 768, SD2.x: 1024). Connect the CLIP of the model that the adapter "
            "was trained for."
        )


def _predefined(clip: Any) -> str:
    """What the text stands behind where no adapter says it: the Mini Suite's CLIP has its own."""
    return getattr(clip.tokenizer, "predefined_prompt", FACE_PROMPT)


def _only_encoder(tokens: dict[str, Any]) -> str:
    if len(tokens) != 1:
        raise WeightsError(
            f"this CLIP has {len(tokens)} text encoders ({', '.join(tokens)}) but the adapter was "
            "made for SD1.x and SD2.x, which have one. Connect the CLIP of such a model."
        )
    return next(iter(tokens))


def _end_of(chunk: list[Any], end_token: int) -> int:
    for place, (token, *_) in enumerate(chunk):
        if isinstance(token, int) and token == end_token:
            return place
    return len(chunk)


NODES = (TextualInversion,)
