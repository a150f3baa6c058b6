"""The lip-reading expert: mouth pictures to sounds, trained with CTC (the L_lip of Sec. 3.1).

Ours is small and reads phonemes off rendered mouths; `load_expert` takes a user's own network.
Knows nothing about faces, meshes or audio.
"""

import json
import zipfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.errors import WeightsError
from imagineid_core.listen.transformer import ListenConfig, Transformer, with_positions

ARCHITECTURE = "lip_reader"
_MEAN, _SPREAD = 0.421, 0.165  # of grey mouths in LRW, as its readers normalise them
_BLANK = 0
_FIRST_BLANK = -2.0  # logit
_SIZE = 88  # pixels


@runtime_checkable
class LipReader(Protocol):
    """Mouths in [0, 1] to log-probabilities over classes, one row a step of the reader's.

    `symbols` are the sounds of the classes other than `blank`, in order; None if it reads anything
    else, such as words: then its own reading of the truth is the target.
    """

    symbols: tuple[str, ...] | None
    blank: int

    def __call__(
        self, mouths: Float[Tensor, "batch frames height=88 width=88"]
    ) -> Float[Tensor, "batch steps classes"]: ...


@dataclass(frozen=True, kw_only=True)
class LipReaderConfig:
    symbols: tuple[str, ...]
    channels: tuple[int, ...] = (16, 32, 48, 64)  # at 44, 22, 11 and 6 pixels
    width: int = 128
    num_layers: int = 2
    num_heads: int = 4
    dropout: float = 0.1


class PhonemeReader(nn.Module):
    """Convolutions over pixels, the first one over time too, then a Transformer over frames."""

    blank = _BLANK

    def __init__(self, config: LipReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.symbols = config.symbols
        first, *rest = config.channels
        self.motion = nn.Conv3d(1, first, (5, 5, 5), stride=(1, 2, 2), padding=2)
        self.motion_norm = nn.GroupNorm(1, first)
        sizes = zip(config.channels, rest, strict=False)
        self.picture = nn.Sequential(*(_halved(a, b) for a, b in sizes))
        size = _SIZE
        for _ in config.channels:
            size = -(-size // 2)
        self.embed = nn.Linear(config.channels[-1] * size * size, config.width)
        tokens = ListenConfig(
            width=config.width,
            hidden_width=4 * config.width,
            num_layers=config.num_layers,
            num_heads=config.num_heads,
            dropout=config.dropout,
        )
        self.sentence = Transformer(tokens)
        self.classes = nn.Linear(config.width, len(config.symbols) + 1)
        with torch.no_grad():  # CTC first learns to say nothing; this shortens that stay
            self.classes.bias[_BLANK] = _FIRST_BLANK

    def forward(
        self, mouths: Float[Tensor, "batch frames height=88 width=88"]
    ) -> Float[Tensor, "batch frames classes"]:
        x = ((mouths - _MEAN) / _SPREAD)[:, None]
        x = torch.relu(self.motion_norm(self.motion(x)))  # [batch, channels, frames, 44, 44]
        batch, _, num_frames = x.shape[:3]
        x = self.picture(x.transpose(1, 2).flatten(0, 1)).flatten(1)
        tokens = self.sentence(with_positions(self.embed(x).view(batch, num_frames, -1)))
        return self.classes(tokens).log_softmax(dim=-1)


class Expert(nn.Module):
    """A user's exported network: [batch, 1, frames, 88, 88], normalised, to logits.

    Logits are [batch, steps, classes], or [batch, classes] for a whole window, as for words.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        symbols: tuple[str, ...] | None,
        blank: int,
        mean: float,
        spread: float,
    ) -> None:
        super().__init__()
        self.network, self.symbols, self.blank = network, symbols, blank
        self._mean, self._spread = mean, spread

    def forward(
        self, mouths: Float[Tensor, "batch frames height=88 width=88"]
    ) -> Float[Tensor, "batch steps classes"]:
        logits = self.network(((mouths - self._mean) / self._spread)[:, None])
        return (logits if logits.ndim == 3 else logits[:, None]).log_softmax(dim=-1)

    def train(self, mode: bool = True) -> "Expert":
        """An exported program has no modes: it stays as it was exported."""
        self.training = mode
        return self


def load_expert(path: str | PathLike[str]) -> Expert:
    """An expert exported with TorchScript (.pt, .ts) or torch.export (.pt2).

    Beside it `<name>.json` may say `symbols` (the classes other than `blank`, in order), `blank`,
    `mean` and `std`. Without `symbols` the expert's reading of the truth is the target.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(
            f"lip-reading expert not found: {path} is not a file. "
            "Give one exported with torch.jit.save (.pt) or torch.export.save (.pt2)."
        )
    told = _told(path.with_name(path.name + ".json"))
    try:
        if path.suffix == ".pt2":
            network = torch.export.load(path).module()
        else:
            network = torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path.name} is not an exported network ({str(error).splitlines()[0]}). "
            "Export it with torch.jit.save (.pt) or torch.export.save (.pt2); a state dict alone "
            "does not say how to compute."
        ) from error
    symbols = told.get("symbols")
    return Expert(
        network,
        symbols=None if symbols is None else tuple(symbols),
        blank=int(told.get("blank", _BLANK)),
        mean=float(told.get("mean", _MEAN)),
        spread=float(told.get("std", _SPREAD)),
    )


def text_loss(
    log_probabilities: Float[Tensor, "batch steps classes"],
    symbols: Int[Tensor, "batch symbols"],
    num_symbols: Int[Tensor, " batch"],
    *,
    blank: int = _BLANK,
) -> Float[Tensor, ""]:
    """L_lip = -log P(X | V), the cross-entropy of the text, by CTC; a mean per sound.

    `symbols` count the classes other than `blank` from 0, padded with -1.
    """
    classes = torch.where(symbols >= blank, symbols + 1, symbols).clamp_min(0)
    batch, num_steps, _ = log_probabilities.shape
    steps = torch.full((batch,), num_steps, device=symbols.device)
    losses = nn.functional.ctc_loss(
        log_probabilities.float().transpose(0, 1),
        classes,
        steps,
        num_symbols,
        blank=blank,
        reduction="none",
        zero_infinity=True,  # more sounds than steps cannot be spelt
    )
    return (losses / num_symbols.clamp_min(1)).mean()


def agreement_loss(
    log_probabilities: Float[Tensor, "batch steps classes"],
    truth: Float[Tensor, "batch steps classes"],
) -> Float[Tensor, ""]:
    """Cross-entropy with the expert's reading of the true mouths: any expert, any vocabulary."""
    return -(truth.exp() * log_probabilities).sum(dim=-1).mean()


def _halved(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1),
        nn.GroupNorm(1, channels_out),
        nn.ReLU(),
    )


def _told(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise WeightsError(
            f"{path.name} is not JSON ({error}). Write for example "
            '{"symbols": ["a", "b"], "blank": 0, "mean": 0.421, "std": 0.165}.'
        ) from error
