"""A small CLIP byte-BPE vocabulary: 256 bytes, 256 bytes that end a word, and words of its own.

A word given at the making is one token, any other text falls into bytes, so every prompt has a
reading. Written as the vocab.json and merges.txt that CLIP's tokenizers load. Knows nothing about
networks or about what captions say.
"""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from imagineid_core.checkpoint import write_whole
from imagineid_core.errors import InputError, WeightsError

START, END = "<|startoftext|>", "<|endoftext|>"
NUM_POSITIONS = 77
VOCABULARY, MERGES, CONFIG = "vocab.json", "merges.txt", "tokenizer_config.json"
_WORD_END = "</w>"
_CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


@dataclass(frozen=True, kw_only=True)
class ClipVocabulary:
    """Merges in the order in which they are tried; all else follows from them."""

    merges: tuple[tuple[str, str], ...]

    @cached_property
    def tokens(self) -> dict[str, int]:
        """Symbols by number, in CLIP's order."""
        symbols = list(_byte_symbols().values())
        joined = ["".join(pair) for pair in self.merges]
        names = [*symbols, *(symbol + _WORD_END for symbol in symbols), *joined, START, END]
        return {name: number for number, name in enumerate(names)}

    @cached_property
    def ranks(self) -> dict[tuple[str, str], int]:
        return {pair: rank for rank, pair in enumerate(self.merges)}

    @cached_property
    def readings(self) -> dict[str, list[int]]:
        """What was read before: prompts repeat their words."""
        return {}

    @property
    def start(self) -> int:
        return self.tokens[START]

    @property
    def end(self) -> int:
        return self.tokens[END]

    def __len__(self) -> int:
        return len(self.tokens)


def vocabulary_of(words: Sequence[str]) -> ClipVocabulary:
    """The merges that make each of these words one token, sharing what they begin with."""
    merges: dict[tuple[str, str], None] = {}
    for word in sorted({piece for text in words for piece in pieces_of(text)}):
        symbols = _symbols(word)
        # Later merges rank below earlier ones, so no word undoes another's.
        while len(symbols) > 1:
            taken = _joined_by_rank(symbols, {pair: rank for rank, pair in enumerate(merges)})
            if len(taken) > 1:
                merges[(taken[0], taken[1])] = None
            symbols = taken
    return ClipVocabulary(merges=tuple(merges))


def token_numbers(
    texts: Sequence[str], vocabulary: ClipVocabulary, num_positions: int = NUM_POSITIONS
) -> Int[Tensor, "batch tokens"]:
    """Start, the words, end, and ends up to `num_positions`; a long text is cut, as CLIP does."""
    rows = []
    for text in texts:
        numbers = [number for piece in pieces_of(text) for number in _numbers(piece, vocabulary)]
        row = [vocabulary.start, *numbers[: num_positions - 2], vocabulary.end]
        rows.append(row + [vocabulary.end] * (num_positions - len(row)))
    return torch.tensor(rows, dtype=torch.long)


def pieces_of(text: str) -> list[str]:
    """Lower-case words, single digits and runs of signs, as CLIP splits a prompt."""
    text = " ".join(unicodedata.normalize("NFC", text).split()).lower()
    pieces: list[str] = []
    at = 0
    while at < len(text):
        special = next(
            (one for one in (START, END, *_CONTRACTIONS) if text.startswith(one, at)), None
        )
        if special is not None:
            pieces.append(special)
        elif text[at] == " ":
            at += 1
            continue
        else:
            pieces.append(_run(text, at))
        at += len(pieces[-1])
    return pieces


def write_vocabulary(folder: str | PathLike[str], vocabulary: ClipVocabulary) -> None:
    """The files of a tokenizer folder, as diffusers, transformers and ComfyUI read them."""
    folder = Path(folder)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in vocabulary.merges)]
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": NUM_POSITIONS,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
    }
    write_whole(folder / VOCABULARY, json.dumps(vocabulary.tokens, ensure_ascii=False).encode())
    write_whole(folder / MERGES, ("\n".join(lines) + "\n").encode())
    write_whole(folder / CONFIG, (json.dumps(config, indent=1) + "\n").encode())


def read_vocabulary(folder: str | PathLike[str]) -> ClipVocabulary:
    """Any CLIP vocabulary, ours or a released one."""
    path = Path(folder) / MERGES
    if not path.is_file():
        raise WeightsError(
            f"{folder} is no tokenizer: it has no {MERGES}. Give the tokenizer's folder of a model."
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line.split(" ")) for line in lines[1:] if line]
    if any(len(pair) != 2 for pair in pairs):
        raise WeightsError(f"{path} has a line that is no pair of symbols. Write the file again.")
    return ClipVocabulary(merges=tuple((pair[0], pair[1]) for pair in pairs))


def check_fits(texts: Sequence[str], vocabulary: ClipVocabulary) -> None:
    """Refuse texts that would be cut; CLIP cuts them silently."""
    for text in texts:
        count = sum(len(_numbers(piece, vocabulary)) for piece in pieces_of(text))
        if count > NUM_POSITIONS - 2:
            raise InputError(
                f"the prompt has {count} tokens but {NUM_POSITIONS - 2} fit: '{text[:60]}'. "
                "Shorten it."
            )


def _run(text: str, at: int) -> str:
    """From `at`: letters, one digit, or signs up to the next space, letter or digit."""
    kind = _kind(text[at])
    if kind == "N":
        return text[at]
    end = at + 1
    while end < len(text) and text[end] != " " and _kind(text[end]) == kind:
        end += 1
    return text[at:end]


def _kind(character: str) -> str:
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "other"


def _numbers(piece: str, vocabulary: ClipVocabulary) -> list[int]:
    if piece in (START, END):
        return [vocabulary.tokens[piece]]
    if piece not in vocabulary.readings:
        symbols = _joined_by_rank(_symbols(piece), vocabulary.ranks)
        vocabulary.readings[piece] = [vocabulary.tokens[symbol] for symbol in symbols]
    return vocabulary.readings[piece]


def _symbols(piece: str) -> list[str]:
    table = _byte_symbols()
    symbols = [table[byte] for byte in piece.encode("utf-8")]
    return [*symbols[:-1], symbols[-1] + _WORD_END]


def _joined_by_rank(symbols: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Byte-pair encoding: the earliest merge first, everywhere, until none fits."""
    while len(symbols) > 1:
        pairs = list(zip(symbols, symbols[1:], strict=False))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        joined, at = [], 0
        while at < len(symbols):
            if tuple(symbols[at : at + 2]) == best:
                joined.append("".join(best))
                at += 2
            else:
                joined.append(symbols[at])
                at += 1
        symbols = joined
    return symbols


def _byte_symbols() -> dict[int, str]:
    """A visible character for every byte, in CLIP's order: visible ones stand for themselves."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in visible]
    table = {byte: chr(byte) for byte in visible}
    return table | {byte: chr(256 + number) for number, byte in enumerate(others)}
