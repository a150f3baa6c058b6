"""Batches of windows, drawn from the step and the seed alone (Sec. 4.1: L = 32 frames).

Pairs for the contrastive losses (Eq. 3): the positive is another clip of the same speaker or style,
negatives are other rows' positives. Knows nothing about networks.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from imagineid_core.audio.features import MelWindows
from imagineid_core.audio.timeline import WINDOW_STEPS, window_start
from imagineid_core.errors import InputError
from imagineid_core.training.processes import Share
from imagineid_core.training.recordings import Recording
from imagineid_core.values import PAPER_FPS

Augment = Callable[[Tensor, np.random.Generator], Tensor]  # mel [80, steps] to the same size
_SPAN_TRUTHS = ("lip_expression", "expression", "pose")  # one row a frame


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    frames: int = 32  # L
    batch_size: int = 32  # windows, of all processes together
    num_negatives: int = 1  # the paper writes one

    def __post_init__(self) -> None:
        for name in ("frames", "batch_size", "num_negatives"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"{name} is {getattr(self, name)} but must be at least 1. Use a larger number."
                )


@dataclass(frozen=True, kw_only=True)
class WindowBatch:
    """One process's rows. A field that the stage did not ask for is None."""

    windows: Float[Tensor, "batch frames window=1280"]
    positive_windows: Float[Tensor, "batch frames window=1280"] | None = None
    negatives: Int[Tensor, "batch negatives"] | None = None  # rows among all processes' positives
    style: Int[Tensor, " batch"] | None = None
    shape: Float[Tensor, "batch shape"] | None = None
    lip_expression: Float[Tensor, "batch frames expression"] | None = None
    expression: Float[Tensor, "batch frames expression"] | None = None
    pose: Float[Tensor, "batch frames pose=6"] | None = None
    symbols: Int[Tensor, "batch symbols"] | None = None  # sounds in order, padded with -1
    num_symbols: Int[Tensor, " batch"] | None = None

    def to(self, device: torch.device) -> "WindowBatch":
        moved = {
            field.name: value.to(device)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **moved)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Which windows make a batch: (recording, first frame) a row, and each row's negatives."""

    anchors: tuple[tuple[int, int], ...]
    positives: tuple[tuple[int, int], ...] | None
    negatives: tuple[tuple[int, ...], ...] | None


class WindowBatches:
    """Batch `index` is the same in every run, process and order.

    `needs` are the truths a stage trains on; recordings without them, or shorter than a window,
    are left out. `pair_by` is "speaker", "style" or None. `symbols` and `styles` give the numbers
    of sounds and styles. `augment` changes the mel of each window, by a generator of its own.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        config: BatchConfig,
        *,
        seed: int,
        needs: tuple[str, ...] = (),
        pair_by: str | None = None,
        symbols: tuple[str, ...] = (),
        styles: tuple[str, ...] = (),
        augment: Augment | None = None,
    ) -> None:
        self.config, self.needs, self.pair_by = config, needs, pair_by
        self.recordings = usable(recordings, config.frames, (*needs, *filter(None, [pair_by])))
        self._seed, self._augment = seed, augment
        self._number_of = {symbol: number for number, symbol in enumerate(symbols)}
        self._style_of = {style: number for number, style in enumerate(styles)}
        self._groups = _grouped(self.recordings, pair_by)

    def __call__(self, index: int, share: Share) -> WindowBatch:
        config = self.config
        check_divisible(config.batch_size, share)
        draw = self.draw(index)
        rows = range(config.batch_size)[share.rows(config.batch_size)]
        anchors = [draw.anchors[row] for row in rows]
        fields: dict[str, Tensor | None] = {
            "windows": self._windows(anchors, [(index, row, 0) for row in rows])
        }
        if draw.positives is not None and draw.negatives is not None:
            positives = [draw.positives[row] for row in rows]
            keys = [(index, row, 1) for row in rows]
            fields["positive_windows"] = self._windows(positives, keys)
            fields["negatives"] = torch.tensor([draw.negatives[row] for row in rows])
        for name in self.needs:
            if name == "phonemes":
                fields["symbols"], fields["num_symbols"] = self._symbols(anchors)
            elif name == "shape":
                fields[name] = torch.stack([self._truth(clip, name) for clip, _ in anchors])
            elif name == "style":
                numbers = [self._style_of[self.recordings[clip].style or ""] for clip, _ in anchors]
                fields[name] = torch.tensor(numbers)
            else:
                spans = [
                    self._truth(clip, name)[start : start + config.frames]
                    for clip, start in anchors
                ]
                fields[name] = torch.stack(spans)
        return WindowBatch(**fields)  # type: ignore[arg-type]

    def draw(self, index: int) -> Draw:
        random = np.random.default_rng([self._seed, index])
        if self.pair_by is None:
            clips = random.integers(len(self.recordings), size=self.config.batch_size)
            anchors = tuple((int(clip), self._start(int(clip), random)) for clip in clips)
            return Draw(anchors=anchors, positives=None, negatives=None)
        labels = self._labels(random)
        anchors, positives = [], []
        for label in labels:
            clips = self._groups[label]
            first = int(random.integers(len(clips)))
            # Any other clip; a speaker of one clip is heard in two windows of it.
            other = (first + int(random.integers(1, max(2, len(clips))))) % len(clips)
            for chosen, rows in ((clips[first], anchors), (clips[other], positives)):
                rows.append((chosen, self._start(chosen, random)))
        return Draw(
            anchors=tuple(anchors),
            positives=tuple(positives),
            negatives=tuple(self._negatives(labels, row, random) for row in range(len(labels))),
        )

    def _labels(self, random: np.random.Generator) -> list[str]:
        """As many different ones as there are, each as often as the others, in random order."""
        names = sorted(self._groups)
        size = self.config.batch_size
        rounds = [random.permutation(len(names)) for _ in range(-(-size // len(names)))]
        chosen = [names[number] for number in np.concatenate(rounds)[:size]]
        if len(set(chosen)) < 2:
            raise InputError(
                f"the batch holds one {self.pair_by} only ('{chosen[0]}'), so there is no negative "
                f"pair. Use a corpus of two or more, and a batch_size (now {size}) of 2 or more."
            )
        return chosen

    def _negatives(
        self, labels: Sequence[str], row: int, random: np.random.Generator
    ) -> tuple[int, ...]:
        others = [i for i, label in enumerate(labels) if label != labels[row]]
        wanted = self.config.num_negatives
        return tuple(random.choice(others, size=wanted, replace=len(others) < wanted).tolist())

    def _start(self, clip: int, random: np.random.Generator) -> int:
        return int(random.integers(self.recordings[clip].num_frames - self.config.frames + 1))

    def _windows(
        self, spans: Sequence[tuple[int, int]], keys: Sequence[tuple[int, int, int]]
    ) -> Tensor:
        rows = []
        for (clip, start), key in zip(spans, keys, strict=True):
            starts = [
                window_start(frame, PAPER_FPS) for frame in range(start, start + self.config.frames)
            ]
            mel = self._sound(clip, key)
            steps = torch.arange(starts[0], starts[-1] + WINDOW_STEPS).clamp(0, mel.shape[1] - 1)
            heard = mel[:, steps].float()
            if self._augment is not None:
                heard = self._augment(heard, np.random.default_rng([self._seed, *key]))
            rows.append(MelWindows(heard, [one - starts[0] for one in starts])[:])
        return torch.stack(rows)

    def _sound(self, clip: int, key: tuple[int, int, int]) -> Tensor:
        """Where there is one, every second window comes from the other room."""
        recording = self.recordings[clip]
        if recording.mel_elsewhere is None:
            return recording.mel
        elsewhere = np.random.default_rng([self._seed, *key, 1]).random() < 0.5
        return recording.mel_elsewhere if elsewhere else recording.mel

    def _truth(self, clip: int, name: str) -> Tensor:
        return getattr(self.recordings[clip], name).float()

    def _symbols(self, spans: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        frames = self.config.frames
        return padded(
            [
                sounds_between(self.recordings[clip], start, start + frames, self._number_of)
                for clip, start in spans
            ]
        )


def sounds_between(
    recording: Recording, start: int, stop: int, number_of: Mapping[str, int]
) -> list[int]:
    """Numbers of the sounds whose middle lies in the frames; unknown ones are passed over."""
    said = recording.phonemes or ()
    return [number_of[s] for s, middle in said if start <= middle < stop and s in number_of]


def padded(
    spoken: Sequence[Sequence[int]],
) -> tuple[Int[Tensor, "batch symbols"], Int[Tensor, " batch"]]:
    """Rows of one length, filled up with -1, and how long each was."""
    longest = max(1, *(len(said) for said in spoken))
    rows = [[*said, *[-1] * (longest - len(said))] for said in spoken]
    return torch.tensor(rows), torch.tensor([len(said) for said in spoken])


def check_divisible(batch_size: int, share: Share) -> None:
    if batch_size % share.num_processes:
        raise InputError(
            f"batch_size is {batch_size} but there are {share.num_processes} processes. "
            f"Use a multiple of {share.num_processes}."
        )


def usable(recordings: Sequence[Recording], frames: int, needs: tuple[str, ...]) -> list[Recording]:
    """The recordings that know what is needed and are long enough for a window."""
    for name in needs:
        if all(getattr(one, name) is None for one in recordings):
            raise InputError(
                f"no clip of the corpus knows its {name}, which this stage trains on. "
                "Use a corpus that has it, or leave the stage out."
            )
    known = [one for one in recordings if all(getattr(one, name) is not None for name in needs)]
    usable = [one for one in known if one.num_frames >= frames]
    if not usable:
        longest = max((one.num_frames for one in known), default=0)
        raise InputError(
            f"the longest usable clip has {longest} frames but a window has {frames}. "
            "Use longer clips, or fewer frames."
        )
    return usable


def _grouped(recordings: Sequence[Recording], pair_by: str | None) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    if pair_by is not None:
        for number, one in enumerate(recordings):
            groups.setdefault(getattr(one, pair_by), []).append(number)
    return groups
